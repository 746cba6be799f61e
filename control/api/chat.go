package api

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// Said is one line of a webinar's chat, or one question.
type Said struct {
	Kind                    string // chat or question
	At                      time.Time
	Participant, Name, Role string
	Text                    string
	Status, Answer          string // of a question
	Votes                   int    // for a question
}

// Talks know what is said in writing, which is nowhere but in the memory of the nodes: it
// ends with the webinar.
type Talks interface {
	// Said returns what was said in a webinar, in the order of time, without what was deleted.
	Said(ctx context.Context, webinar string) ([]Said, error)
}

func (a *API) chat() { add(a, "export-chat", a.exportChat) }

// exportChat writes one line for each line of the chat and each question.
func (a *API) exportChat(ctx context.Context, in *exportInput) (*csvAnswer, error) {
	w, err := a.find(a.Store.State(), principal(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	var all []Said
	if a.Talks != nil {
		if all, err = a.Talks.Said(ctx, w.ID); err != nil {
			return nil, fmt.Errorf("api: chat: %w", err)
		}
	}
	head := []string{"at", "kind", "participant", "name", "role", "text", "status", "votes", "answer"}
	return answerCSV(fmt.Sprintf("chat-%s.csv", w.ID), head, func(yield func([]string) bool) {
		for _, s := range all {
			votes := ""
			if s.Kind == "question" {
				votes = strconv.Itoa(s.Votes)
			}
			if !yield([]string{csvTime(&s.At), s.Kind, s.Participant, s.Name, s.Role, s.Text, s.Status, votes, s.Answer}) {
				return
			}
		}
	}), nil
}
