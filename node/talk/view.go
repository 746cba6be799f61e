package talk

import (
	"maps"
	"slices"

	"stentor/control/webinar"
)

// Viewer is whom a talk is told to. Hosts see more.
type Viewer struct {
	Participant string
	Hosts       bool
}

// What a page is told, each as one JSON object. Pages pass over what they do not know.
type (
	// History begins what a page knows, or goes further back in the chat.
	History struct {
		Type      string      `json:"type"`             // "talk_history"
		Begins    bool        `json:"begins,omitempty"` // forget what you knew
		Chat      []Line      `json:"chat,omitempty"`
		Questions []AQuestion `json:"questions,omitempty"`
		Polls     []APoll     `json:"polls,omitempty"`
		Captions  []ACaption  `json:"captions,omitempty"` // the newest of each language
		Before    string      `json:"before,omitempty"`   // ask for what is before it; empty: there is nothing
	}

	// Line is one line of the chat.
	Line struct {
		Type string       `json:"type"` // "chat"
		ID   string       `json:"id"`
		At   int64        `json:"at"`           // unix milliseconds
		By   string       `json:"by,omitempty"` // participant; hosts alone are told
		Name string       `json:"name"`
		Role webinar.Role `json:"role"`
		Own  bool         `json:"own,omitempty"`
		Text string       `json:"text"`
	}

	// Gone says that a host took something away.
	Gone struct {
		Type string `json:"type"` // "chat_deleted", "question_deleted", "poll_deleted", "caption_deleted"
		ID   string `json:"id"`
	}

	// AQuestion is a question as it stands now.
	AQuestion struct {
		Type   string `json:"type"` // "question"
		ID     string `json:"id"`
		At     int64  `json:"at"`
		By     string `json:"by,omitempty"`
		Name   string `json:"name"`
		Own    bool   `json:"own,omitempty"`
		Text   string `json:"text"`
		Status Status `json:"status"`
		Answer string `json:"answer,omitempty"`
		Votes  int    `json:"votes"`
		Voted  bool   `json:"voted,omitempty"`
	}

	// APoll is a poll as it stands now. Its results are for hosts, for who has voted, and for all once it is closed.
	APoll struct {
		Type    string   `json:"type"` // "poll"
		ID      string   `json:"id"`
		At      int64    `json:"at"`
		Text    string   `json:"text"`
		Options []string `json:"options"`
		Many    bool     `json:"many,omitempty"`
		Closed  bool     `json:"closed,omitempty"`
		Chosen  []int    `json:"chosen,omitempty"` // by the viewer
		Results []int    `json:"results,omitempty"`
		Voters  int      `json:"voters"`
	}

	// Reacted says how many have reacted since the last such message.
	Reacted struct {
		Type   string         `json:"type"` // "reaction"
		Counts map[string]int `json:"counts"`
	}
)

// cursor is how far somebody was told.
type cursor struct {
	began     bool
	hosts     bool
	rev       uint64
	reactions map[string]int
}

// page is how many lines, questions or polls one message holds.
const page = 50

// news is what v was not told yet, and moves the cursor.
func (s *State) news(c *cursor, v Viewer) []any {
	if !c.began || c.hosts != v.Hosts {
		*c = cursor{began: true, hosts: v.Hosts, rev: s.rev, reactions: s.counts()}
		return s.begin(v)
	}
	var out []any
	for _, on := range s.shelves() {
		for _, i := range on.items {
			if i.rev > c.rev {
				out = append(out, i.tell(v))
			}
		}
	}
	if s.reacted > c.rev {
		told := Reacted{"reaction", make(map[string]int)}
		for name, n := range s.reactions {
			if d := n - c.reactions[name]; d > 0 {
				told.Counts[name] = d
			}
		}
		c.reactions = s.counts()
		out = append(out, told)
	}
	c.rev = s.rev
	return out
}

func (s *State) counts() map[string]int {
	out := make(map[string]int, len(s.reactions))
	for name, n := range s.reactions {
		out[name] = n
	}
	return out
}

// begin tells the newest lines, and all questions and polls.
func (s *State) begin(v Viewer) []any {
	first := s.older(v, "")
	first.Begins = true
	newest := s.newest()
	for _, lang := range slices.Sorted(maps.Keys(newest)) {
		first.Captions = append(first.Captions, newest[lang].caption())
	}
	out := []any{first}
	var next History
	add := func(full bool) {
		if full {
			next.Type, next.Before = "talk_history", first.Before
			out = append(out, next)
			next = History{}
		}
	}
	for _, i := range s.questions.items {
		if q, ok := i.tell(v).(AQuestion); ok {
			next.Questions = append(next.Questions, q)
			add(len(next.Questions) == page)
		}
	}
	for _, i := range s.polls.items {
		if p, ok := i.tell(v).(APoll); ok {
			next.Polls = append(next.Polls, p)
		}
	}
	add(len(next.Questions)+len(next.Polls) > 0)
	return out
}

// older tells the lines before the one of that ID, the newest if it is empty or gone.
func (s *State) older(v Viewer, before string) History {
	h := History{Type: "talk_history"}
	items := s.lines.items
	at := len(items)
	if i := s.lines.by[before]; i != nil {
		for at = 0; items[at] != i; at++ {
		}
	}
	for at--; at >= 0; at-- {
		if items[at].Deleted {
			continue
		}
		if len(h.Chat) == page {
			h.Before = h.Chat[0].ID
			break
		}
		h.Chat = append([]Line{items[at].line(v)}, h.Chat...)
	}
	return h
}

// tell says an item to v: as it is, or that it is not there.
func (i *item) tell(v Viewer) any {
	switch {
	case i.Kind == Chat && i.Deleted:
		return Gone{"chat_deleted", i.ID}
	case i.Kind == Chat:
		return i.line(v)
	case i.Kind == Caption && i.Deleted:
		return Gone{"caption_deleted", i.ID}
	case i.Kind == Caption:
		return i.caption()
	case i.Kind == Question && !i.Deleted && (i.Status == Approved || i.Status == Answered || v.Hosts || i.By == v.Participant):
		return i.question(v)
	case i.Kind == Question:
		return Gone{"question_deleted", i.ID}
	case i.Deleted:
		return Gone{"poll_deleted", i.ID}
	}
	return i.poll(v)
}

func (i *item) line(v Viewer) Line {
	return Line{"chat", i.ID, i.At, i.by(v), i.Name, i.Role, i.By == v.Participant, i.Text}
}

func (i *item) by(v Viewer) string {
	if v.Hosts {
		return i.By
	}
	return ""
}

func (i *item) question(v Viewer) AQuestion {
	_, voted := i.marks[markOf(v.Participant, i.ID)]
	return AQuestion{"question", i.ID, i.At, i.by(v), i.Name, i.By == v.Participant, i.Text, i.Status, i.Answer, len(i.marks), voted}
}

func (i *item) poll(v Viewer) APoll {
	p := APoll{Type: "poll", ID: i.ID, At: i.At, Text: i.Text, Options: i.Options, Many: i.Many, Closed: i.Closed, Voters: len(i.marks)}
	choice, voted := i.marks[markOf(v.Participant, i.ID)]
	for o := range i.Options {
		if choice&(1<<o) != 0 {
			p.Chosen = append(p.Chosen, o)
		}
	}
	if voted || i.Closed || v.Hosts {
		p.Results = append([]int(nil), i.tally[:len(i.Options)]...)
	}
	return p
}
