package api

import (
	"context"
	"fmt"
	"iter"

	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/personal"
	"stentor/control/webinar"
)

func (a *API) registrants() {
	add(a, "list-registrants", a.listRegistrants)
	add(a, "get-registrant", a.getRegistrant)
	add(a, "decide-registrants", a.decideRegistrants)
	add(a, "export-registrants", a.exportRegistrants)
}

// viewRegistrant shows what somebody gave when they signed up. What cannot be opened is
// ours to look into; the host sees the rest.
func (a *API) viewRegistrant(w *webinar.Webinar, r webinar.Registrant) client.Registrant {
	v := client.Registrant{
		ID: r.ID, Status: string(r.Status), CreatedAt: r.Created, DecidedAt: happened(r.Decided),
		Fields: map[string][]string{}, Account: r.Account, Expired: w.Expired,
	}
	if len(r.Sealed) == 0 {
		return v
	}
	var gave personal.Registrant
	if err := a.Keeper.Open(w.ID, r.ID, r.Sealed, &gave); err != nil {
		a.Logger.Error("a registrant cannot be read", "webinar", w.ID, "registrant", r.ID, "err", err)
		return v
	}
	v.FirstName, v.LastName, v.Email, v.Locale = gave.FirstName, gave.LastName, gave.Email, gave.Locale
	for id, values := range gave.Fields {
		v.Fields[id] = notNil(values)
	}
	return v
}

type listRegistrantsInput struct {
	InWebinar
	Paged
	Status string `query:"status" enum:"pending,approved,waitlisted,declined,cancelled" doc:"Only those who stand there."`
}

type listRegistrantsAnswer struct{ Body client.Registrants }

func (a *API) listRegistrants(ctx context.Context, in *listRegistrantsInput) (*listRegistrantsAnswer, error) {
	w, err := a.find(a.Store.State(), principal(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	page, next, err := cutSeq(in.Paged, "registrants", withStatus(w, in.Status), func(r webinar.Registrant) string { return r.ID })
	if err != nil {
		return nil, err
	}
	items := make([]client.Registrant, len(page))
	for i, r := range page {
		items[i] = a.viewRegistrant(w, r)
	}
	return &listRegistrantsAnswer{client.Registrants{Items: items, Next: next}}, nil
}

// withStatus yields the registrants who stand there; all, if status is empty.
func withStatus(w *webinar.Webinar, status string) iter.Seq[webinar.Registrant] {
	return func(yield func(webinar.Registrant) bool) {
		for r := range w.Registrants() {
			if (status == "" || string(r.Status) == status) && !yield(r) {
				return
			}
		}
	}
}

type getRegistrantInput struct {
	InWebinar
	Registrant string `path:"registrant" maxLength:"64" doc:"Id of the registrant."`
}

type getRegistrantAnswer struct{ Body client.Registrant }

func (a *API) getRegistrant(ctx context.Context, in *getRegistrantInput) (*getRegistrantAnswer, error) {
	w, err := a.find(a.Store.State(), principal(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	r, ok := w.Registrant(in.Registrant)
	if !ok {
		return nil, refuse(codeRegistrantNotFound, "")
	}
	return &getRegistrantAnswer{a.viewRegistrant(w, r)}, nil
}

type decideRegistrantsInput struct {
	InWebinar
	Keyed
	Body client.DecideRegistrants
}

type decideRegistrantsAnswer struct{ Body client.DecidedRegistrants }

func (a *API) decideRegistrants(ctx context.Context, in *decideRegistrantsInput) (*decideRegistrantsAnswer, error) {
	change := &changeWebinarInput{InWebinar: in.InWebinar, Keyed: in.Keyed}
	state, err := a.change(ctx, "decide-registrants", change, func(*request) (*controlpb.Command, error) {
		return &controlpb.Command{Kind: &controlpb.Command_DecideRegistrants{DecideRegistrants: &controlpb.DecideRegistrants{
			Webinar: in.ID, Ids: in.Body.IDs, Decision: in.Body.Decision,
		}}}, nil
	}, in.Body)
	if err != nil {
		return nil, err
	}
	w, err := a.find(state, principal(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	out := client.DecidedRegistrants{Items: []client.DecidedRegistrant{}}
	for _, id := range in.Body.IDs {
		if r, ok := w.Registrant(id); ok {
			out.Items = append(out.Items, client.DecidedRegistrant{ID: id, Status: string(r.Status)})
		}
	}
	if g := viewRegistration(w, a.Now()); g != nil {
		out.Registration = *g
	} else {
		return nil, refuse(codeRegistrationOff, "")
	}
	return &decideRegistrantsAnswer{out}, nil
}

type exportInput struct{ InWebinar }

// exportRegistrants writes one line for each registrant, with a column for each field of
// the form as it is now, and one for each field that somebody filled in before it changed.
func (a *API) exportRegistrants(ctx context.Context, in *exportInput) (*csvAnswer, error) {
	w, err := a.find(a.Store.State(), principal(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	columns := a.columns(w)
	head := []string{"id", "status", "signed_up_at", "decided_at", "first_name", "last_name", "email", "locale", "account"}
	for _, f := range columns {
		head = append(head, f.Label)
	}
	return answerCSV(fmt.Sprintf("registrants-%s.csv", w.ID), head, func(yield func([]string) bool) {
		for r := range w.Registrants() {
			v := a.viewRegistrant(w, r)
			line := []string{v.ID, v.Status, csvTime(&v.CreatedAt), csvTime(v.DecidedAt), v.FirstName, v.LastName, v.Email, v.Locale, v.Account}
			for _, f := range columns {
				line = append(line, csvList(v.Fields[f.ID]))
			}
			if !yield(line) {
				return
			}
		}
	}), nil
}

// columns are the fields of the form, and those that are not in it any more.
func (a *API) columns(w *webinar.Webinar) []client.Field {
	var columns []client.Field
	known := map[string]bool{}
	if w.Registration != nil {
		for _, f := range viewFields(w.Registration.Fields) {
			columns, known[f.ID] = append(columns, f), true
		}
	}
	gone := map[string]bool{}
	for r := range w.Registrants() {
		for id := range a.viewRegistrant(w, r).Fields {
			if !known[id] {
				gone[id] = true
			}
		}
	}
	for _, id := range sorted(gone) {
		columns = append(columns, client.Field{ID: id, Label: id})
	}
	return columns
}
