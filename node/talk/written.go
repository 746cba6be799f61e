package talk

import "slices"

// Written is a line of the chat or a question as it stands now, whole: for hosts, who read it outside of a page.
type Written struct {
	Kind   Kind   `json:"k"` // [Chat] or [Question]
	ID     string `json:"id"`
	At     int64  `json:"at"` // unix milliseconds
	By     string `json:"by"` // participant
	Name   string `json:"n"`
	Role   string `json:"r"`
	Text   string `json:"t"`
	Status Status `json:"s,omitempty"` // of a question
	Answer string `json:"a,omitempty"`
	Votes  int    `json:"v,omitempty"`
}

// Written is what was said in a webinar as far as this node follows its talk, in the order of time; nothing where it does
// not. What a host has deleted is not in it.
func (t *Talk) Written(webinar string) []Written {
	t.mu.Lock()
	r := t.rooms[webinar]
	t.mu.Unlock()
	if r == nil {
		return []Written{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.written()
}

func (s *State) written() []Written {
	out := []Written{}
	for _, on := range []*shelf{&s.lines, &s.questions} {
		for _, i := range on.items {
			if i.Deleted {
				continue
			}
			out = append(out, Written{Kind: i.Kind, ID: i.ID, At: i.At, By: i.By, Name: i.Name, Role: string(i.Role), Text: i.Text, Status: i.Status, Answer: i.Answer, Votes: len(i.marks)})
		}
	}
	slices.SortStableFunc(out, func(a, b Written) int { return int(a.At - b.At) })
	return out
}
