package api

import (
	"context"
	"fmt"
)

func (a *API) about() {
	add(a, "get-status", a.getStatus)
	add(a, "list-problems", a.listProblems)
	add(a, "get-problem", a.getProblem)
}

type statusAnswer struct{ Body Status }

func (a *API) getStatus(ctx context.Context, _ *struct{}) (*statusAnswer, error) {
	s, err := a.Mesh.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("api: status: %w", err)
	}
	return &statusAnswer{whole(s)}, nil
}

// whole makes every empty list of s [] and not null.
func whole(s Status) Status {
	s.Unreachable = notNil(s.Unreachable)
	s.Nodes = append([]NodeStatus{}, s.Nodes...)
	s.Tracks = append([]Track{}, s.Tracks...)
	for i := range s.Tracks {
		t := &s.Tracks[i]
		t.Hops = append([]Hop{}, t.Hops...)
		for j := range t.Hops {
			t.Hops[j].Path, t.Hops[j].Children = notNil(t.Hops[j].Path), notNil(t.Hops[j].Children)
		}
	}
	return s
}

type listProblemsAnswer struct {
	Body struct {
		Items []Kind `json:"items" nullable:"false"`
	}
}

func (a *API) listProblems(context.Context, *struct{}) (*listProblemsAnswer, error) {
	out := &listProblemsAnswer{}
	out.Body.Items = Kinds()
	return out, nil
}

type getProblemInput struct {
	Code string `path:"code" maxLength:"64"`
}

type getProblemAnswer struct{ Body Kind }

func (a *API) getProblem(_ context.Context, in *getProblemInput) (*getProblemAnswer, error) {
	k, ok := kindOf(in.Code)
	if !ok {
		return nil, refuse(codeProblemNotFound, "")
	}
	return &getProblemAnswer{k}, nil
}
