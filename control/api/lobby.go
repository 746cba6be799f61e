package api

import (
	"context"
	"fmt"
	"slices"

	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

func (a *API) lobby() {
	add(a, "list-lobby", a.listLobby)
	add(a, "admit", a.admit)
}

type listLobbyAnswer struct{ Body client.Lobby }

func (a *API) listLobby(ctx context.Context, in *InWebinar) (*listLobbyAnswer, error) {
	inside, unreachable, err := a.present(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	waiting := slices.DeleteFunc(inside, func(v client.Participant) bool { return !v.Waiting })
	return &listLobbyAnswer{client.Lobby{Items: waiting, Unreachable: unreachable}}, nil
}

type admitInput struct {
	InWebinar
	Keyed
	Body client.Admit
}

type admitAnswer struct{ Body client.Admitted }

// maxAdmitted is how many visitors one command lets in.
const maxAdmitted = 1000

// admit lets in those who are named, or all who wait now.
func (a *API) admit(ctx context.Context, in *admitInput) (*admitAnswer, error) {
	out := client.Admitted{Participants: slices.Clone(in.Body.Participants)}
	if in.Body.All {
		inside, _, err := a.present(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		for _, v := range inside {
			if v.Waiting {
				out.Participants = append(out.Participants, v.ID)
			}
		}
	}
	slices.Sort(out.Participants)
	out.Participants = notNil(slices.Compact(out.Participants))
	switch {
	case len(in.Body.Participants) == 0 && !in.Body.All:
		return nil, refuse(codeEmptyEdit, "Name those who are to be admitted, or all.")
	case len(out.Participants) == 0:
		out.Index = a.Store.State().Index()
		return &admitAnswer{out}, nil
	}
	part, admitted := 0, []string{}
	for batch := range slices.Chunk(out.Participants, maxAdmitted) {
		part++ // of what was asked for once: who waits is another crowd the next time
		r, err := a.newRequest(principal(ctx), fmt.Sprintf("admit/%d", part), in.IdempotencyKey, in.ID, in.Body)
		if err != nil {
			return nil, err
		}
		result, state, err := a.propose(ctx, r, 0, &controlpb.Command{Kind: &controlpb.Command_AdmitVisitors{AdmitVisitors: &controlpb.AdmitVisitors{
			Webinar: in.ID, Participants: batch,
		}}})
		if err != nil {
			return nil, err
		}
		out.Index = result.Index
		admitted = append(admitted, admittedIn(state.Webinar(in.ID), batch, result.Index)...)
	}
	slices.Sort(admitted)
	out.Participants = slices.Compact(admitted)
	return &admitAnswer{out}, nil
}

// admittedIn are those whom w has as admitted: of those who were asked for, and by the command
// at index. A repetition is about those whom the first one admitted, not about who waits now.
func admittedIn(w *webinar.Webinar, asked []string, index uint64) []string {
	var ids []string
	if w == nil {
		return ids
	}
	for _, id := range asked {
		if p, _ := w.Participant(id); p.Admitted {
			ids = append(ids, id)
		}
	}
	for p := range w.Participants() {
		if p.Admitted && p.Index == index {
			ids = append(ids, p.ID)
		}
	}
	return ids
}
