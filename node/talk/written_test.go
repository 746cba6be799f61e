package talk

import (
	"testing"

	"stentor/control/webinar"
)

func TestHostsReadAllThatWasSaidInOrder(t *testing.T) {
	s := NewState()
	for _, e := range []Entry{
		{Kind: Question, ID: idOf("p2", "1"), At: 2000, By: "p2", Name: "Bob", Role: webinar.Attendee, Text: "why?", Status: Asked},
		{Kind: Chat, ID: idOf("p1", "1"), At: 1000, By: "p1", Name: "Ada", Role: webinar.Attendee, Text: "hello"},
		{Kind: Chat, ID: idOf("p1", "2"), At: 3000, By: "p1", Name: "Ada", Role: webinar.Attendee, Text: "never mind"},
		{Kind: Chat, ID: idOf("p1", "2"), At: 3000, Deleted: true},
		{Kind: Marks, Of: idOf("p2", "1"), Choice: 1, Marks: make([]byte, markSize)},
	} {
		if !s.Apply(e) {
			t.Fatalf("%+v was passed over", e)
		}
	}
	got := s.written()
	if len(got) != 2 || got[0].Text != "hello" || got[0].By != "p1" || got[0].Role != "attendee" || got[1].Text != "why?" || got[1].Votes != 1 || got[1].Status != Asked {
		t.Errorf("said: %+v", got)
	}
}
