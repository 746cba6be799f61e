package api

import (
	"context"

	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

func (a *API) pins() {
	add(a, "set-pin", a.setPIN)
	add(a, "clear-pin", a.clearPIN)
}

// choosePIN returns the PIN that was given, or draws one; exactly one of the two
// is asked for.
func choosePIN(r *request, given string, generate bool) (string, error) {
	switch {
	case given != "" && generate:
		return "", refuse(codePINConflict, "")
	case generate:
		return webinar.GeneratePIN(r.rand), nil
	case given == "":
		return "", refuse(codePINMissing, "")
	}
	if err := webinar.CheckPIN(given); err != nil {
		return "", refuse(codeInvalidPIN, err.Error())
	}
	return given, nil
}

type setPINInput struct {
	InWebinar
	Expected
	Keyed
	Body client.SetPIN
}

type setPINAnswer struct {
	ETag string `header:"ETag"`
	Body client.PIN
}

func (a *API) setPIN(ctx context.Context, in *setPINInput) (*setPINAnswer, error) {
	p := principal(ctx)
	if _, err := a.find(a.Store.State(), p, in.ID); err != nil {
		return nil, err
	}
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	r, err := a.newRequest(p, "set-pin", in.IdempotencyKey, in.ID, version, in.Body)
	if err != nil {
		return nil, err
	}
	pin, err := choosePIN(r, in.Body.Value, in.Body.Generate)
	if err != nil {
		return nil, err
	}
	weak := webinar.Weak(pin)
	_, state, err := a.propose(ctx, r, version, &controlpb.Command{Kind: &controlpb.Command_SetPin{SetPin: &controlpb.SetPIN{
		Webinar: in.ID, Verifier: webinar.Verifier(webinar.DeriveKey(a.PINKey, in.ID), pin), Weak: weak, AskAgain: in.Body.AskAgain,
	}}})
	if err != nil {
		return nil, err
	}
	w, err := a.find(state, p, in.ID)
	if err != nil {
		return nil, err
	}
	return &setPINAnswer{ETag: etag(w), Body: client.PIN{PIN: pin, Weak: weak, Version: w.Version}}, nil
}

type emptyAnswer struct{}

func (a *API) clearPIN(ctx context.Context, in *changeWebinarInput) (*emptyAnswer, error) {
	_, err := a.change(ctx, "clear-pin", in, func(*request) (*controlpb.Command, error) {
		return &controlpb.Command{Kind: &controlpb.Command_ClearPin{ClearPin: &controlpb.ClearPIN{Webinar: in.ID}}}, nil
	})
	return &emptyAnswer{}, err
}
