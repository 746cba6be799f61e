package api

import (
	"context"
	"errors"
	"slices"
	"time"

	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

func (a *API) registration() {
	add(a, "set-registration", a.setRegistration)
	add(a, "clear-registration", a.clearRegistration)
	add(a, "open-registration", a.openRegistration)
	add(a, "close-registration", a.closeRegistration)
}

type setRegistrationInput struct {
	InWebinar
	Expected
	Keyed
	Body client.SetRegistration
}

func (in *setRegistrationInput) change() *changeWebinarInput {
	return &changeWebinarInput{in.InWebinar, in.Expected, in.Keyed}
}

// setRegistration switches registration on. Whether the host had closed it stays so.
func (a *API) setRegistration(ctx context.Context, in *setRegistrationInput) (*oneWebinarAnswer, error) {
	return a.changeWebinar(ctx, "set-registration", in.change(), func(*request) (*controlpb.Command, error) {
		g := registrationOf(in.Body)
		if w := a.Store.State().Webinar(in.ID); w != nil && w.Registration != nil {
			g.Closed = w.Registration.Closed
		}
		return editOf(in.ID, &controlpb.Settings{Registration: g}, "registration"), nil
	}, in.Body)
}

func editOf(id string, s *controlpb.Settings, mask ...string) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_EditWebinar{EditWebinar: &controlpb.EditWebinar{Webinar: id, Settings: s, Mask: mask}}}
}

func (a *API) clearRegistration(ctx context.Context, in *changeWebinarInput) (*emptyAnswer, error) {
	_, err := a.change(ctx, "clear-registration", in, func(*request) (*controlpb.Command, error) {
		return editOf(in.ID, &controlpb.Settings{}, "registration"), nil
	})
	return &emptyAnswer{}, err
}

type openRegistrationInput struct {
	InWebinar
	Keyed
}

func (a *API) openRegistration(ctx context.Context, in *openRegistrationInput) (*oneWebinarAnswer, error) {
	return a.setOpen(ctx, "open-registration", in, true)
}

func (a *API) closeRegistration(ctx context.Context, in *openRegistrationInput) (*oneWebinarAnswer, error) {
	return a.setOpen(ctx, "close-registration", in, false)
}

func (a *API) setOpen(ctx context.Context, operation string, in *openRegistrationInput, open bool) (*oneWebinarAnswer, error) {
	change := &changeWebinarInput{InWebinar: in.InWebinar, Keyed: in.Keyed}
	return a.changeWebinar(ctx, operation, change, func(*request) (*controlpb.Command, error) {
		return &controlpb.Command{Kind: &controlpb.Command_OpenRegistration{OpenRegistration: &controlpb.OpenRegistration{Webinar: in.ID, Open: open}}}, nil
	})
}

// viewRegistration shows how people sign up to those who run w; nil while they cannot.
func viewRegistration(w *webinar.Webinar, now time.Time) *client.Registration {
	g := w.Registration
	if g == nil {
		return nil
	}
	approved, pending, waitlisted := w.RegistrantCounts()
	opens, closes := w.RegistrationWindow()
	v := &client.Registration{
		Window: string(window(g)), OpensAt: happened(opens), ClosesAt: happened(closes), Maximum: w.MaxRegistrants(),
		Approval: g.Approval, Waitlist: g.Waitlist, Accounts: g.Accounts, Fields: viewFields(g.Fields), Closed: g.Closed,
		Open: true, Approved: approved, Pending: pending, Waitlisted: waitlisted,
	}
	if d := cannotRegister(w, now); d != nil {
		v.Open, v.Reason, v.Detail = false, d.Code, d.Detail
	}
	return v
}

// cannotRegister is why nobody can sign up for w now; nil: one can.
func cannotRegister(w *webinar.Webinar, now time.Time) *webinar.Denial {
	err := w.RegistrationOpen(now)
	if err == nil {
		_, err = w.RegistrationPlace()
	}
	var denial *webinar.Denial
	if errors.As(err, &denial) {
		return denial
	}
	return nil
}

func window(g *webinar.Registration) webinar.Window {
	if g.Window == "" {
		return webinar.UntilEnd
	}
	return g.Window
}

func viewFields(fields []webinar.Field) []client.Field {
	out := make([]client.Field, len(fields))
	for i, f := range fields {
		out[i] = client.Field{ID: f.ID, Label: f.Label, Type: string(f.Type), Required: f.Required, Options: slices.Clone(f.Options)}
	}
	return out
}
