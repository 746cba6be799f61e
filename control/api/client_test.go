package api

import (
	"errors"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"stentor/control/client"
	"stentor/control/webinar"
)

// TestTheClientSpeaksTheAPI runs a webinar through the client, over a socket.
func TestTheClientSpeaksTheAPI(t *testing.T) {
	w := newWorld(t)
	w.mesh.status = Status{Node: "n1", Cluster: "demo"}
	server := httptest.NewServer(w.handler)
	defer server.Close()
	dial := func(token string) *client.Client {
		c, err := client.New(server.URL, token, client.HTTP(server.Client()))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	admin := dial(w.admin)
	token, err := admin.CreateToken(ctx, client.CreateToken{Name: "the demo", Scopes: []string{"host"}})
	check(err)
	c := dial(token.Token)

	made, err := c.CreateWebinar(ctx, client.CreateWebinar{Title: "All hands", GeneratePIN: true}, client.IdempotencyKey("k"))
	check(err)
	again, err := c.CreateWebinar(ctx, client.CreateWebinar{Title: "All hands", GeneratePIN: true}, client.IdempotencyKey("k"))
	check(err)
	if !reflect.DeepEqual(made, again) || made.PIN == "" {
		t.Errorf("made %+v, then %+v", made, again)
	}
	one, err := c.Webinar(ctx, made.ID)
	check(err)
	list, err := c.Webinars(ctx, client.Page{Limit: 1})
	check(err)
	if one.PIN != "" || len(list.Items) != 1 || !reflect.DeepEqual(list.Items[0], one) || list.Next != "" {
		t.Errorf("one is %+v, the list %+v", one, list)
	}
	pin, err := c.SetPIN(ctx, made.ID, client.SetPIN{Value: "open sesame"}, client.IfVersion(made.Version))
	check(err)
	check(w.admit(made.ID, webinar.Visitor{Participant: "p_1", Name: "Ada", PIN: pin.PIN}))
	_, err = c.SetPIN(ctx, made.ID, client.SetPIN{Generate: true}, client.IfVersion(made.Version))
	var p *client.Problem
	if !errors.As(err, &p) || p.Code != codeVersionMismatch || p.Detail == "" {
		t.Errorf("refused with %v", err)
	}
	check(c.ClearPIN(ctx, made.ID, client.IfVersion(pin.Version)))
	invite, err := c.Invite(ctx, made.ID, client.CreateInvite{Name: "Ada", Role: "presenter"})
	check(err)
	invites, err := c.Invites(ctx, made.ID, client.Page{})
	check(err)
	if invite.Secret == "" || len(invites.Items) != 1 || invites.Items[0].ID != invite.ID {
		t.Errorf("invited %+v, listed %+v", invite, invites)
	}
	w.crowd.inside[made.ID] = []Present{present("p_1", "n3", "device:abc")}
	inside, err := c.Participants(ctx, made.ID)
	check(err)
	d, err := c.Disconnect(ctx, made.ID, inside.Items[0].ID, client.Disconnect{Ban: true})
	check(err)
	bans, err := c.Bans(ctx, made.ID, client.Page{})
	check(err)
	if d.Ban == nil || len(bans.Items) != 1 || bans.Items[0].ID != d.Ban.ID {
		t.Fatalf("disconnected %+v, banned %+v", d, bans)
	}
	check(c.LiftBan(ctx, made.ID, d.Ban.ID))
	ended, err := c.EndWebinar(ctx, made.ID)
	check(err)
	status, err := c.Status(ctx)
	check(err)
	if ended.State != "ended" || status.Cluster != "demo" {
		t.Errorf("ended %+v, status %+v", ended, status)
	}
	join, err := admin.JoinToken(ctx, "edge", 10*time.Minute)
	check(err)
	if !join.ExpiresAt.Equal(w.now.Add(10 * time.Minute)) {
		t.Errorf("made %+v", join)
	}
	if _, err := c.JoinToken(ctx, "edge", 0); !errors.As(err, &p) || p.Code != codeScopeMissing {
		t.Errorf("a host made a join token: %v", err)
	}
}
