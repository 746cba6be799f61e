package signal

import (
	"context"
	"errors"
	"time"

	"stentor/control/webinar"
	"stentor/node/session"
	"stentor/node/talk"
)

// A Talk is what people write; *talk.Talk is one.
type Talk interface {
	Enter(webinar string) *talk.Seat
	Say(ctx context.Context, webinar string, who talk.Speaker, said talk.Said) error
}

const (
	// talkEvery is how often a page is told of the talk at most: ten thousand votes a second are five messages, and
	// nobody sees that a line came a fifth of a second later than it could have.
	talkEvery = 200 * time.Millisecond
	// talkQueue is how much of what a page says waits for what it said before.
	talkQueue = 8
)

type (
	// spoken is any message of a page.
	spoken struct {
		Type     string      `json:"type"`
		Key      string      `json:"key"`
		Text     string      `json:"text"`
		Of       string      `json:"of"`
		Status   talk.Status `json:"status"`
		Options  []string    `json:"options"`
		Many     bool        `json:"many"`
		Choice   []int       `json:"choice"`
		Reaction string      `json:"reaction"`
		Before   string      `json:"before"`
		Language string      `json:"language"`
		Draft    bool        `json:"draft"`
	}

	said struct {
		Type string `json:"type"`
		Key  string `json:"key"`
	}

	refused struct {
		Type   string `json:"type"`
		Key    string `json:"key"`
		Code   string `json:"code"`
		Detail string `json:"detail"`
		WaitMS int64  `json:"wait_ms,omitempty"`
	}
)

// acts are the types of messages that are said in the talk.
var acts = map[string]bool{
	string(talk.Say): true, string(talk.Ask): true, string(talk.Vote): true, string(talk.React): true,
	string(talk.Delete): true, string(talk.Review): true, string(talk.AskAll): true, string(talk.EndPoll): true,
	string(talk.Transcribe): true,
}

// talkHistory asks for what was said before.
const talkHistory = "talk_history"

// chatter is what goes between the goroutines of one events connection: from listen to speak, and from there to tell.
type chatter struct {
	spoken  chan spoken
	older   chan string // talk_history: before which line
	answers chan any
}

func newChatter() chatter {
	return chatter{spoken: make(chan spoken, talkQueue), older: make(chan string, 1), answers: make(chan any, 2*talkQueue)}
}

// says takes a message of the page that belongs to the talk, and reports whether it does.
func (e *events) says(in spoken) bool {
	switch {
	case e.server.cfg.Talk == nil:
		return false
	case in.Type == talkHistory:
		select {
		case e.talk.older <- in.Before:
		default: // it has asked already
		}
	case !acts[in.Type]:
		return false
	default:
		select {
		case e.talk.spoken <- in:
		default:
			e.answer(in.Key, talk.ErrTooFast)
		}
	}
	return true
}

// speak has said what the page sends, one after the other, until the connection ends.
func (e *events) speak(sess *session.Session) {
	for {
		select {
		case <-e.ctx.Done():
			return
		case in := <-e.talk.spoken:
			err := e.server.cfg.Talk.Say(e.ctx, sess.Webinar, talk.Speaker{Standing: sess.Standing(), Name: sess.Name}, talk.Said{
				Act: talk.Act(in.Type), Key: in.Key, Text: in.Text, Of: in.Of, Status: in.Status,
				Options: in.Options, Many: in.Many, Choice: in.Choice, Reaction: in.Reaction,
				Language: in.Language, Draft: in.Draft,
			})
			e.answer(in.Key, err)
		}
	}
}

// answer tells the page what became of a message.
func (e *events) answer(key string, err error) {
	var m any = said{"said", key}
	var d *webinar.Denial
	switch {
	case errors.As(err, &d):
		m = refused{"refused", key, d.Code, d.Detail, talk.Wait(err).Milliseconds()}
	case err != nil:
		m = refused{"refused", key, talk.ErrCutOff.Code, talk.ErrCutOff.Detail, 0}
	}
	select {
	case e.talk.answers <- m:
	case <-e.ctx.Done():
	}
}

// attendance is a page's part in the talk, once it is out of the lobby. It belongs to tell.
type attendance struct {
	talk    Talk
	sess    *session.Session
	older   <-chan string
	seat    *talk.Seat
	changed <-chan struct{}
	pause   <-chan time.Time // while it was told something a moment ago
}

func (e *events) attend(sess *session.Session) *attendance {
	return &attendance{talk: e.server.cfg.Talk, sess: sess, older: e.talk.older}
}

func (a *attendance) leave() {
	if a.seat != nil {
		a.seat.Leave()
	}
}

// due is what the page is to be told of the talk now.
func (a *attendance) due(s session.Situation) []any {
	if a.talk == nil || s.Waiting {
		return nil
	}
	if a.seat == nil {
		a.seat = a.talk.Enter(a.sess.Webinar)
	}
	viewer := talk.Viewer{Participant: a.sess.Participant, Hosts: s.Role.Hosts()}
	var out []any
	select {
	case before := <-a.older:
		out = append(out, a.seat.Older(viewer, before))
	default:
	}
	if a.changed = nil; a.pause != nil {
		return out
	}
	a.changed = a.seat.Changed() // before the look
	if news := a.seat.News(viewer); len(news) > 0 {
		out = append(out, news...)
		a.pause, a.changed = time.After(talkEvery), nil
	}
	return out
}
