package talk

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"stentor/control/webinar"
)

// Act is what somebody does in a talk.
type Act string

// The acts. From Delete on they are for hosts.
const (
	Say     Act = "chat"
	Ask     Act = "question"
	Vote    Act = "vote" // in a poll, or for a question
	React   Act = "reaction"
	Delete  Act = "delete"
	Review  Act = "review" // a question
	AskAll  Act = "poll"
	EndPoll Act = "poll_close"

	Transcribe Act = "caption" // for hosts and presenters
)

// Said is what a page asks for. Of each act only some members are used.
type Said struct {
	Act      Act      `json:"act"`
	Key      string   `json:"key"` // the page's own name of it, so that it can be sent again
	Text     string   `json:"text,omitempty"`
	Of       string   `json:"of,omitempty"` // ID of the line, question or poll
	Status   Status   `json:"status,omitempty"`
	Options  []string `json:"options,omitempty"`
	Many     bool     `json:"many,omitempty"`
	Choice   []int    `json:"choice,omitempty"` // from 0
	Reaction string   `json:"reaction,omitempty"`
	Language string   `json:"language,omitempty"` // of a caption: a language tag (RFC 5646)
	Draft    bool     `json:"draft,omitempty"`    // a caption that comes again under the same key
}

// Speaker is who says it, as the node knows them at whose door they are.
type Speaker struct {
	webinar.Standing
	Name string
	// Captioner is whether it is software that the control API lets write captions; it is no participant, and does nothing else.
	Captioner bool
}

// allowed reports whether somebody may do that in w at now: nil or a [*webinar.Denial].
//
// Chat, questions, their votes and reactions are messages (S38, S73); a vote in a poll is an answer to the host,
// which everyone may give who is inside.
func allowed(w *webinar.Webinar, by Speaker, s Said, poll bool, now time.Time) error {
	who := by.Standing
	switch {
	case w == nil:
		return webinar.ErrNotFound
	case by.Captioner && s.Act != Transcribe:
		return webinar.ErrNotAllowed
	case by.Captioner && w.State == webinar.Ended:
		return webinar.ErrEnded
	case by.Captioner:
		return nil
	}
	if err := w.Allowed(who, now); err != nil {
		return err
	}
	if w.InLobby(who) {
		return webinar.ErrInLobby
	}
	switch s.Act {
	case Vote:
		if poll && w.May(who, webinar.Watch) {
			return nil
		}
	case Say, Ask, React:
	case Delete, Review, AskAll, EndPoll:
		if !w.May(who, webinar.Control) {
			return webinar.ErrNotAllowed
		}
		return nil
	case Transcribe:
		if !mayCaption(w, who) {
			return webinar.ErrNotAllowed
		}
		return nil
	default:
		return errMalformed
	}
	if w.May(who, webinar.Messages) {
		return nil
	}
	if p, _ := w.Participant(who.Participant); p.StopMessages {
		return ErrMessagesStopped
	}
	return ErrMessagesOff
}

// isText reports whether s can be shown as a text of at most n characters: it has no characters that control lines (but
// its end) or their direction, and is not empty.
func isText(s string, n int) bool {
	return s != "" && len(s) <= 4*n && utf8.ValidString(s) && utf8.RuneCountInString(s) <= n && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '\n' && unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
	})
}

const maxKey = 64 // bytes

// decide turns what somebody says at now into entries, for a state that knows what was said before. It does not change
// the state. What was said before comes out again, so that who asks twice hears yes twice.
func decide(s *State, role webinar.Role, who Speaker, said Said, now time.Time) ([]Entry, error) {
	if said.Key == "" || len(said.Key) > maxKey || webinar.CheckName(who.Name) != nil {
		return nil, errMalformed
	}
	e := Entry{ID: idOf(who.Participant, said.Key), At: now.UnixMilli(), By: who.Participant, Name: who.Name, Role: role, Text: strings.TrimSpace(said.Text)}
	switch said.Act {
	case Say, Ask:
		return write(s, e, said.Act)
	case Transcribe:
		return caption(s, e, said)
	case AskAll:
		return askAll(s, e, said)
	case React:
		if !slices.Contains(Reactions, said.Reaction) {
			return nil, errMalformed
		}
		return []Entry{{Kind: Reaction, Counts: map[string]int{said.Reaction: 1}}}, nil
	case Vote:
		return vote(s, who.Participant, said)
	case Delete:
		return remove(s, said.Of)
	case Review:
		return review(s, said, now)
	}
	return closePoll(s, said.Of)
}

// write makes a line or a question. What a host asks needs no approval.
func write(s *State, e Entry, act Act) ([]Entry, error) {
	if !isText(e.Text, MaxText) {
		return nil, ErrText
	}
	if e.Kind = Chat; act == Say {
		if old := s.lines.by[e.ID]; old != nil {
			return []Entry{old.Entry}, nil
		}
		return []Entry{e}, nil
	}
	e.Kind, e.Status, e.Changed = Question, Asked, e.At
	if e.Role.Hosts() {
		e.Status = Approved
	}
	if old := s.questions.by[e.ID]; old != nil {
		return []Entry{old.Entry}, nil
	}
	if s.questions.full((&item{Entry: e}).weigh()) {
		return nil, ErrFull
	}
	return []Entry{e}, nil
}

func askAll(s *State, e Entry, said Said) ([]Entry, error) {
	e.Kind, e.Many = Poll, said.Many
	for _, o := range said.Options {
		e.Options = append(e.Options, strings.TrimSpace(o))
	}
	bad := func(o string) bool { return !isText(o, MaxOption) || strings.Contains(o, "\n") }
	distinct := slices.Compact(slices.Sorted(slices.Values(e.Options)))
	if !isText(e.Text, MaxText) || len(distinct) < 2 || len(e.Options) > MaxOptions || len(distinct) < len(e.Options) || slices.ContainsFunc(e.Options, bad) {
		return nil, ErrPoll
	}
	if old := s.polls.by[e.ID]; old != nil {
		return []Entry{old.Entry}, nil
	}
	if s.polls.full((&item{Entry: e}).weigh()) {
		return nil, ErrFull
	}
	return []Entry{e}, nil
}

func vote(s *State, participant string, said Said) ([]Entry, error) {
	i := s.find(said.Of)
	if i == nil || i.Deleted || i.Kind == Question && (i.Status == Asked || i.Status == Dismissed) {
		return nil, ErrGone
	}
	choice := uint16(0)
	for _, o := range said.Choice {
		if o < 0 || o >= MaxOptions {
			return nil, errMalformed
		}
		choice |= 1 << o
	}
	if i.Kind == Question {
		choice = 1
	}
	m := markOf(participant, i.ID)
	switch old, voted := i.marks[m]; {
	case !i.choices(choice):
		return nil, errMalformed
	case voted && old == choice:
		return []Entry{{Kind: Marks, Of: i.ID, Choice: choice, Marks: m[:]}}, nil
	case voted:
		return nil, ErrVoted
	case i.Closed:
		return nil, ErrClosed
	case s.marks >= maxMarks:
		return nil, ErrFull
	}
	return []Entry{{Kind: Marks, Of: i.ID, Choice: choice, Marks: m[:]}}, nil
}

// remove takes a line, a question, a poll or a caption away.
func remove(s *State, of string) ([]Entry, error) {
	for _, on := range s.shelves() {
		if i := on.by[of]; i != nil {
			return []Entry{{Kind: i.Kind, ID: i.ID, At: i.At, Deleted: true}}, nil
		}
	}
	return nil, ErrGone
}

func review(s *State, said Said, now time.Time) ([]Entry, error) {
	i := s.questions.by[said.Of]
	if i == nil || i.Deleted {
		return nil, ErrGone
	}
	e := i.Entry
	e.Status, e.Answer, e.Changed = said.Status, strings.TrimSpace(said.Text), max(now.UnixMilli(), i.Changed+1)
	switch {
	case e.Status != Approved && e.Status != Answered && e.Status != Dismissed:
		return nil, errMalformed
	case e.Answer != "" && (e.Status != Answered || !isText(e.Answer, MaxText)):
		return nil, ErrText
	case s.questions.weight-i.weight+(&item{Entry: e}).weigh() > s.questions.heaviest:
		return nil, ErrFull
	}
	return []Entry{e}, nil
}

func closePoll(s *State, of string) ([]Entry, error) {
	i := s.polls.by[of]
	if i == nil || i.Deleted {
		return nil, ErrGone
	}
	e := i.Entry
	e.Closed = true
	return []Entry{e}, nil
}
