package api

import (
	"context"
	"errors"
	"strings"
	"time"

	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/personal"
	"stentor/control/webinar"
)

func (a *API) publicRoutes() {
	add(a, "get-public", a.getPublic)
	add(a, "register", a.register)
	add(a, "cancel-registration", a.cancelRegistration)
}

// InPublic is the link that a request is about. Whoever has it is anybody.
type InPublic struct {
	Link string `path:"link" maxLength:"64" doc:"Slug of the join link."`
}

// published returns the webinar whose registration page is under that link. Whether the
// link is unknown or old, or the webinar has ended, is locked, has no registration or
// closed it: that is the same to whoever asks, and takes the same work, so that trying
// links tells nothing. Then what comes back is a webinar that is nobody's, to do that
// work with.
func (a *API) published(link string) (w *webinar.Webinar, ok bool) {
	w = a.Store.State().WebinarByLink(link)
	if w == nil || w.Registration == nil {
		return nobodys(), false
	}
	_, closes := w.RegistrationWindow()
	over := !closes.IsZero() && !a.Now().Before(closes)
	if over || w.Registration.Closed || w.Locked || w.State == webinar.Ended {
		return nobodys(), false
	}
	return w, true
}

// nobodys is a webinar that is not there.
func nobodys() *webinar.Webinar {
	return &webinar.Webinar{
		ID: webinarID + "aaaaaaaaaaaaaaaa", Title: "Webinar", Mode: webinar.RoleBased, State: webinar.Planned,
		Registration: &webinar.Registration{Window: webinar.Always},
	}
}

type getPublicAnswer struct{ Body client.Public }

func (a *API) getPublic(_ context.Context, in *InPublic) (*getPublicAnswer, error) {
	w, ok := a.published(in.Link)
	v := viewPublic(w, a.Now())
	if !ok {
		return nil, refuse(codeRegistrationUnavailable, "")
	}
	return &getPublicAnswer{v}, nil
}

func viewPublic(w *webinar.Webinar, now time.Time) client.Public {
	g := w.Registration
	opens, closes := w.RegistrationWindow()
	v := client.Public{
		Title: w.Title, Description: w.Description, Mode: string(w.Mode), JoinPath: joinPath(w), Schedule: viewSchedule(w, now),
		Fields: viewFields(g.Fields), Approval: g.Approval, Open: true, OpensAt: happened(opens), ClosesAt: happened(closes),
	}
	if d := cannotRegister(w, now); d != nil {
		v.Open, v.Reason, v.Detail = false, d.Code, d.Detail
		return v
	}
	status, _ := w.RegistrationPlace()
	v.Waiting = status == webinar.Waitlisted
	return v
}

type registerInput struct {
	InPublic
	Keyed
	Body client.Register
}

type registerAnswer struct{ Body client.Registered }

// register signs somebody up. All that takes time is done before it is said whether there
// is a registration at all.
func (a *API) register(ctx context.Context, in *registerInput) (*registerAnswer, error) {
	w, ok := a.published(in.Link)
	gave := personal.Registrant{Locale: in.Body.Locale, Answers: webinar.Answers{
		FirstName: strings.TrimSpace(in.Body.FirstName), LastName: strings.TrimSpace(in.Body.LastName),
		Email: strings.TrimSpace(in.Body.Email), Fields: in.Body.Fields,
	}}
	p, account := signer(ctx)
	// Strangers may choose the same key: from another address it is another request.
	r, err := a.newRequest(p, "register "+p.remote.String(), in.IdempotencyKey, in.Link, in.Body)
	if err != nil {
		return nil, err
	}
	c, secret, err := a.newRegistrant(r, w, gave, account)
	if err != nil && ok {
		return nil, err
	}
	problems := w.Registration.CheckAnswers(gave.Answers)
	switch {
	case !ok:
		return nil, refuse(codeRegistrationUnavailable, "")
	case len(problems) > 0:
		return nil, badAnswers(problems)
	}
	_, state, err := a.propose(ctx, r, 0, &controlpb.Command{Kind: &controlpb.Command_Register{Register: c}})
	if err != nil {
		return nil, err
	}
	now := state.Webinar(w.ID)
	if now == nil {
		return nil, refuse(codeRegistrationUnavailable, "")
	}
	made, _ := now.Registrant(c.Id)
	return &registerAnswer{a.registered(now, made, secret)}, nil
}

func (a *API) registered(w *webinar.Webinar, r webinar.Registrant, secret string) client.Registered {
	out := client.Registered{ID: r.ID, Status: string(r.Status), Secret: secret, LinkPath: joinPath(w) + "#" + secret}
	if a.ICS != nil && w.Schedule != nil {
		out.ICS = string(a.ICS(w, r.ID))
	}
	return out
}

// newRegistrant is the command that signs somebody up, and the secret of their personal
// link.
func (a *API) newRegistrant(r *request, w *webinar.Webinar, gave personal.Registrant, account string) (*controlpb.Register, string, error) {
	id, err := NewID(r.rand, registrantID)
	if err != nil {
		return nil, "", err
	}
	sealed, err := a.Keeper.Seal(w.ID, id, gave)
	if errors.Is(err, personal.ErrTooLarge) {
		return nil, "", refuse(codeInvalidAnswers, "The answers are longer than 16 KiB together.")
	}
	if err != nil {
		return nil, "", err
	}
	secret := a.Keeper.Secret(w.ID, id)
	hash := Hash(secret)
	return &controlpb.Register{
		Webinar: w.ID, Id: id, Hash: hash[:], EmailHash: a.Keeper.EmailHash(w.ID, gave.Email), Sealed: sealed, Account: account, Mail: a.Mail,
	}, secret, nil
}

// badAnswers is a refusal that says what is wrong with a form, without what was typed.
func badAnswers(problems []webinar.FieldProblem) error {
	fields := make([]client.FieldError, len(problems))
	for i, p := range problems {
		at := "body.fields." + p.Field
		switch p.Field {
		case webinar.FirstNameField, webinar.LastNameField, webinar.AddressField:
			at = "body." + p.Field
		case "":
			at = "body"
		}
		fields[i] = client.FieldError{Location: at, Message: p.Detail}
	}
	return refuse(codeInvalidAnswers, "", fields...)
}

// ofPublic is what commands name as the author of what anybody may do.
const ofPublic = "public"

// signer is who signs up: somebody with an account, or anybody.
func signer(ctx context.Context) (p Principal, account string) {
	if p = principal(ctx); p.Way == ByAccount {
		return p, p.ID
	}
	return Principal{ID: ofPublic, remote: p.remote}, ""
}

type cancelRegistrationInput struct {
	InPublic
	Keyed
	Body client.CancelRegistration
}

// cancelRegistration gives a place back. Whoever has the secret may, whatever became of
// the registration since.
func (a *API) cancelRegistration(ctx context.Context, in *cancelRegistrationInput) (*emptyAnswer, error) {
	w := a.Store.State().WebinarByLink(in.Link)
	if w == nil {
		w = nobodys()
	}
	who, ok := w.RegistrantBySecret(Hash(in.Body.Secret))
	if !ok {
		return nil, refuse(codeRegistrantNotFound, "")
	}
	r, err := a.newRequest(Principal{ID: who.ID}, "cancel-registration", in.IdempotencyKey, w.ID)
	if err != nil {
		return nil, err
	}
	if who.Status == webinar.Cancelled {
		return &emptyAnswer{}, nil
	}
	_, _, err = a.propose(ctx, r, 0, &controlpb.Command{Kind: &controlpb.Command_DecideRegistrants{DecideRegistrants: &controlpb.DecideRegistrants{
		Webinar: w.ID, Ids: []string{who.ID}, Decision: "cancel",
	}}})
	return &emptyAnswer{}, err
}
