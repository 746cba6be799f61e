package api

import (
	"context"
	"encoding/csv"
	"errors"
	"slices"
	"strings"
	"testing"

	"stentor/control/webinar"
)

// Said is what the test put there.
func (w *world) Said(_ context.Context, webinar string) ([]Said, error) {
	if webinar == "w_broken" {
		return nil, errors.New("nobody answers")
	}
	return w.said, nil
}

func TestTheChatIsExportedAndNoCellIsAFormula(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"a"}`).ID
	w.said = []Said{
		{Kind: "chat", At: w.now, Participant: "p_1", Name: "=cmd|' /C calc'!A0", Role: "attendee", Text: "=HYPERLINK(\"http://evil.example\")\n+1, \"quoted\""},
		{Kind: "question", At: w.now, Participant: "p_2", Name: "Bob", Role: "attendee", Text: "@SUM(1)", Status: "answered", Votes: 3, Answer: "-2+3"},
	}
	r := w.list(id, "/chat.csv")
	if got := r.header.Get("Content-Disposition"); !strings.Contains(got, "chat-"+id+".csv") {
		t.Errorf("the file is called %q", got)
	}
	lines, err := csv.NewReader(strings.NewReader(string(r.body))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"at", "kind", "participant", "name", "role", "text", "status", "votes", "answer"},
		{"2026-03-01T12:00:00Z", "chat", "p_1", "'=cmd|' /C calc'!A0", "attendee", "'=HYPERLINK(\"http://evil.example\")\n+1, \"quoted\"", "", "", ""},
		{"2026-03-01T12:00:00Z", "question", "p_2", "Bob", "attendee", "'@SUM(1)", "answered", "3", "'-2+3"},
	}
	if !slices.EqualFunc(lines, want, slices.Equal) {
		t.Errorf("the file is %q", lines)
	}
}

func TestTheChatIsNotThereAfterTheEnd(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"a"}`).ID
	w.post(id, "/end", "").must(200)
	w.do(ask{method: "GET", path: "/api/v1/webinars/" + id + "/chat.csv", token: w.host}).refused(codeEnded)
	if w.store.State().Webinar(id).State != webinar.Ended {
		t.Error("it lasts")
	}
}
