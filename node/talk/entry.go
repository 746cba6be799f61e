// Package talk is what the people of a webinar say to each other in writing: chat, questions with their votes,
// polls, captions and reactions. One node is the origin of a webinar's talk, by a claim of the stream name
// [webinar.TalkStream]; it appends [Entry] values to a track of messages, which every node with participants
// follows. All nodes fold the same entries to the same [State], whatever the order and however often they come,
// so that any of them can go on when the origin dies.
//
// The package decides who may say what by [webinar.Webinar.Allowed] and [webinar.Webinar.May], at the participant's own node and again at the
// origin. It keeps nothing on disk: a talk is in the memory of the nodes that follow it, and ends with the webinar.
// It speaks no protocol (node/signal does) and renders nothing: a text stays what was typed.
package talk

import (
	"cmp"
	"encoding/json"
	"strings"

	"stentor/control/webinar"
)

// Kind says what an entry is about.
type Kind string

// The kinds of entries. A node passes over those that it does not know.
const (
	Chat     Kind = "chat"     // a line, or that one was deleted
	Question Kind = "question" // a question as it stands now
	Poll     Kind = "poll"     // a poll as it stands now, without its votes
	Marks    Kind = "marks"    // votes for one answer of a poll, or for a question
	Caption  Kind = "caption"  // what is spoken, in one language, as it stands now
	Reaction Kind = "reaction" // how many have reacted, and how; not part of the history
	Reign    Kind = "reign"    // the origin has told all that it knew when it began
)

// Status is what the hosts made of a question.
type Status string

// The states of a question. Asked ones are seen by hosts and by who asked.
const (
	Asked     Status = "asked"
	Approved  Status = "approved"
	Answered  Status = "answered"
	Dismissed Status = "dismissed"
)

// rank orders the states where two came in the same millisecond: the later in a question's life wins.
func (s Status) rank() int { return strings.Index("asked approved answered dismissed", string(s)) }

// Entry is one step of a talk, as it crosses the mesh. Of each kind only some members are used.
type Entry struct {
	Kind Kind   `json:"k"`
	ID   string `json:"id,omitempty"` // made by the origin of who said it and how their page names it, so that it comes once
	At   int64  `json:"at,omitempty"` // when it was said, by the origin's clock, in unix milliseconds

	By   string       `json:"by,omitempty"` // participant
	Name string       `json:"n,omitempty"`
	Role webinar.Role `json:"r,omitempty"` // when it was said
	Text string       `json:"t,omitempty"` // a line, a question, or what a poll asks

	Deleted bool `json:"d,omitempty"` // by a host; there is no text then

	Status  Status `json:"s,omitempty"`
	Answer  string `json:"a,omitempty"` // to a question
	Changed int64  `json:"c,omitempty"` // when Status, or the text of a caption, became that

	Lang  string `json:"l,omitempty"` // of a caption: a language tag in small letters (RFC 5646)
	Draft bool   `json:"p,omitempty"` // a caption that is spoken still

	Options []string `json:"o,omitempty"` // of a poll
	Many    bool     `json:"m,omitempty"` // more than one of them may be chosen
	Closed  bool     `json:"x,omitempty"`

	Of     string         `json:"of,omitempty"` // marks: the poll or question
	Choice uint16         `json:"v,omitempty"`  // marks: the options chosen, as bits; 1 for a question
	Marks  []byte         `json:"w,omitempty"`  // marks: who, [markSize] bytes each
	Counts map[string]int `json:"e,omitempty"`  // reactions by name
}

// The bounds of what is said.
const (
	MaxText    = 1000 // characters of a line, a question, an answer and what a poll asks
	MaxOption  = 200  // characters
	MaxOptions = 10   // of a poll
)

// batch is one message of the track.
type batch struct {
	Entries []Entry `json:"e"`
}

// maxBatch is how many bytes of entries go into one message, below relay.MaxMessage: the largest entry has some
// 10 KB (a question of 1,000 characters with an answer of as many, of four bytes each).
const maxBatch = 12 << 10

// pack writes entries into messages, as few as fit.
func pack(entries []Entry) (messages [][]byte) {
	var now batch
	size := 0
	flush := func() {
		if len(now.Entries) > 0 {
			messages = append(messages, encode(now))
		}
		now, size = batch{}, 0
	}
	for _, e := range entries {
		n := len(encode(e))
		if size+n > maxBatch {
			flush()
		}
		now.Entries = append(now.Entries, e)
		size += n + 1
	}
	flush()
	return messages
}

// unpack reads a message. What cannot be read is nothing: the next version may write it.
func unpack(message []byte) []Entry {
	var b batch
	if json.Unmarshal(message, &b) != nil {
		return nil
	}
	return b.Entries
}

// encode writes JSON without escaping what only HTML would mind: a text is never markup here.
func encode(v any) []byte {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return nil // of these types nothing fails
	}
	return []byte(b.String())
}

// sound reports whether an entry can be one that this package made, so that what a node that errs or lies
// tells costs no more than what was really said.
func (e Entry) sound() bool {
	switch e.Kind {
	case Chat:
		return e.named() && (e.Deleted || e.Text != "")
	case Question:
		return e.named() && (e.Deleted || e.Text != "" && e.Status.rank() >= 0 && e.Status != "") && len(e.Answer) <= 4*MaxText
	case Poll:
		return e.named() && (e.Deleted || e.Text != "" && len(e.Options) >= 2 && len(e.Options) <= MaxOptions && e.optionsFit())
	case Caption:
		return e.named() && (e.Deleted || e.Text != "" && len(e.Text) <= 4*MaxCaption && len(e.Lang) <= 35 && language.MatchString(e.Lang))
	case Marks:
		return e.Of != "" && len(e.Of) <= idLength && e.Choice != 0 && len(e.Marks) > 0 && len(e.Marks)%markSize == 0
	case Reaction:
		return len(e.Counts) <= len(Reactions)
	}
	return e.Kind == Reign
}

// named reports whether who and when are within bounds.
func (e Entry) named() bool {
	return e.ID != "" && len(e.ID) <= idLength && e.At > 0 && len(e.By) <= 64 && len(e.Name) <= 4*webinar.MaxText && len(e.Text) <= 4*MaxText
}

func (e Entry) optionsFit() bool {
	for _, o := range e.Options {
		if o == "" || len(o) > 4*MaxOption {
			return false
		}
	}
	return true
}

// before is the order in which a talk is read.
func (e Entry) before(o Entry) int { return cmp.Or(cmp.Compare(e.At, o.At), cmp.Compare(e.ID, o.ID)) }

// Reactions are the names of what people can react with; the pages draw them.
var Reactions = []string{"clap", "heart", "laugh", "wow", "up", "party"}
