package session

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"stentor/cluster/pki"
	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

const (
	webinarID = "w_abcdefghijklmnop"
	link      = "0123456789abcdefghijkl"
	secret    = "sti_0123456789012345678901234567890123456789012"
)

var (
	home = netip.MustParseAddr("192.0.2.7")
	ctx  = context.Background()
)

// replica is a state that a test changes by commands, as the log would.
type replica struct {
	t       testing.TB
	mu      sync.Mutex // guards the following
	state   *control.State
	changed chan struct{}
}

func (r *replica) now() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

func (r *replica) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

func (r *replica) apply(c *controlpb.Command) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	c.ProposedAt = time.Now().UnixNano()
	next, res := r.state.Apply(r.state.Index()+1, c)
	if res.Err != nil || res.Halt != nil {
		r.t.Fatalf("apply: %v %v", res.Err, res.Halt)
	}
	r.state = next
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *replica) ban(participant string, keys ...string) {
	r.t.Helper()
	r.apply(&controlpb.Command{Principal: "host", Kind: &controlpb.Command_Disconnect{Disconnect: &controlpb.Disconnect{
		Webinar: webinarID, Participant: participant, Keys: &controlpb.Keys{Keys: keys}, Ban: &controlpb.NewBan{Id: "b_1"},
	}}})
}

func (r *replica) disconnect(participant string) {
	r.t.Helper()
	r.apply(&controlpb.Command{Principal: "host", Kind: &controlpb.Command_Disconnect{Disconnect: &controlpb.Disconnect{
		Webinar: webinarID, Participant: participant,
	}}})
}

func (r *replica) endWebinar() {
	r.t.Helper()
	r.apply(&controlpb.Command{Principal: "host", Kind: &controlpb.Command_EndWebinar{EndWebinar: &controlpb.EndWebinar{Webinar: webinarID}}})
}

// edge is a door with its own credentials and replica.
type edge struct {
	*Door
	*replica
	ca    *pki.Authority
	reg   *prometheus.Registry
	seats *ledger

	mu    sync.Mutex // guards the following
	stays []Stay
}

func (e *edge) attended(s Stay) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stays = append(e.stays, s)
}

func newEdge(t testing.TB, pin string) *edge {
	t.Helper()
	ca, err := pki.NewAuthority("test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	e := &edge{ca: ca, reg: prometheus.NewRegistry()}
	e.replica = &replica{t: t, state: control.NewState(), changed: make(chan struct{})}
	e.seats = &ledger{guesses: 10}
	e.apply(&controlpb.Command{Kind: &controlpb.Command_SetFeatureLevel{SetFeatureLevel: &controlpb.SetFeatureLevel{Level: 2}}})
	key := webinar.DeriveKey(make([]byte, 32), webinarID)
	create := &controlpb.CreateWebinar{Id: webinarID, Link: link, Title: "Launch", Owner: "host"}
	if pin != "" {
		create.Pin = &controlpb.PIN{Verifier: webinar.Verifier(key, pin)}
	}
	e.apply(&controlpb.Command{Principal: "host", Kind: &controlpb.Command_CreateWebinar{CreateWebinar: create}})
	hash := sha256.Sum256([]byte(secret))
	e.apply(&controlpb.Command{Principal: "host", Kind: &controlpb.Command_CreateInvite{CreateInvite: &controlpb.CreateInvite{
		Webinar: webinarID, Id: "i_1", Name: "Grace", Role: "presenter", Hash: hash[:],
	}}})
	cred := credentials(t, ca, "n1")
	e.Door = NewDoor(Config{
		Node: "n1", State: e.replica.now, Changed: e.replica.Changed, PINKey: func(string) []byte { return key },
		Credentials: func() *pki.Credentials { return cred }, Seats: e.seats, Attend: e.attended,
		Logger: slog.New(slog.DiscardHandler), Registerer: e.reg,
	})
	return e
}

func credentials(t testing.TB, ca *pki.Authority, node string) *pki.Credentials {
	t.Helper()
	return credentialsOf(t, ca, node, pki.Edge)
}

func credentialsOf(t testing.TB, ca *pki.Authority, node string, role pki.Role) *pki.Credentials {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := ca.Sign(pub, pki.Identity{Node: node, Role: role}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	cred, err := pki.NewCredentials(der, key, ca.Cert, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return cred
}

func code(err error) string {
	var d *webinar.Denial
	switch {
	case err == nil:
		return "admitted"
	case errors.As(err, &d):
		return d.Code
	}
	return "not a denial: " + err.Error()
}

func TestWhoNeedsThePIN(t *testing.T) {
	for _, c := range []struct {
		name  string
		knock Knock
		want  string
	}{
		{"S33 a guest without the PIN stays outside", Knock{Name: "Ada"}, "pin_required"},
		{"S33 a guest with a wrong PIN stays outside", Knock{Name: "Ada", PIN: "48151623"}, "wrong_pin"},
		{"S33 a guest with the PIN enters", Knock{Name: "Ada", PIN: "90210777"}, "admitted"},
		{"S34 an invited person needs no PIN", Knock{Name: "Grace", Invite: secret}, "admitted"},
		{"S34 an invite that is not valid does not fall back to the PIN", Knock{Name: "Eve", Invite: "sti_x", PIN: "90210777"}, "invalid_invite"},
		{"a guest has a name", Knock{Name: "  ", PIN: "90210777"}, "invalid_name"},
		{"a name is shown on one line", Knock{Name: "A\nB", PIN: "90210777"}, "invalid_name"},
		{"a device key is short", Knock{Name: "Ada", PIN: "90210777", Device: strings.Repeat("x", 129)}, "device_invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEdge(t, "90210777")
			_, err := e.Join(ctx, link, c.knock)
			if got := code(err); got != c.want {
				t.Errorf("Join: %s, want %s", got, c.want)
			}
		})
	}
}

func TestS33ThePINGuardsEveryPath(t *testing.T) {
	for bearer, want := range map[string]string{
		"": "pin_required", "12121212": "wrong_pin", "90210777": "admitted", secret: "admitted",
		"sts1.e30.AAAA.AAAA": "token_invalid", "sti_no": "invalid_invite",
	} {
		for _, use := range []Use{Watch, Events} {
			e := newEdge(t, "90210777")
			_, err := e.Open(ctx, link, bearer, home, use)
			if got := code(err); got != want {
				t.Errorf("Open with %.8q for %v: %s, want %s", bearer, use, got, want)
			}
		}
	}
}

func TestS5OnlyPresentersPublish(t *testing.T) {
	e := newEdge(t, "90210777")
	if _, err := e.Open(ctx, link, "90210777", home, Publish); code(err) != "not_allowed" {
		t.Errorf("a guest publishes: %v", err)
	}
	s, err := e.Open(ctx, link, secret, home, Publish)
	if err != nil || s.Name != "Grace" || s.Role != webinar.Presenter {
		t.Errorf("a presenter does not publish: %+v %v", s, err)
	}
}

func TestATokenOpensAnotherEdge(t *testing.T) {
	e := newEdge(t, "90210777")
	g, err := e.Join(ctx, link, Knock{Name: "Ada", PIN: "90210777", Remote: home})
	if err != nil {
		t.Fatal(err)
	}
	other := NewDoor(Config{
		Node: "n2", State: e.replica.now, Changed: e.replica.Changed, PINKey: func(string) []byte { return nil },
		Credentials: func() func() *pki.Credentials {
			c := credentials(t, e.ca, "n2")
			return func() *pki.Credentials { return c }
		}(),
		Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	s, err := other.Open(ctx, link, g.Token, home, Watch)
	if err != nil || s.Participant != g.Participant {
		t.Fatalf("another edge does not take the token: %v", err)
	}
	tampered := g.Token[:20] + "A" + g.Token[21:]
	if tampered == g.Token {
		tampered = g.Token[:20] + "B" + g.Token[21:]
	}
	if _, err := other.Open(ctx, link, tampered, home, Watch); code(err) != "token_invalid" {
		t.Errorf("a changed token: %v", err)
	}
	stranger := newEdge(t, "90210777")
	forged, err := stranger.Join(ctx, link, Knock{Name: "Eve", PIN: "90210777"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Open(ctx, link, forged.Token, home, Watch); code(err) != "token_invalid" {
		t.Errorf("a token of another cluster: %v", err)
	}
}

func TestATokenRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, "90210777")
		g, err := e.Join(ctx, link, Knock{Name: "Ada", PIN: "90210777"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(tokenLife - time.Second)
		fresh, err := e.Refresh(ctx, g.Token, home)
		if err != nil || fresh.Participant != g.Participant {
			t.Fatalf("Refresh: %v", err)
		}
		time.Sleep(time.Second)
		if _, err := e.Open(ctx, link, g.Token, home, Watch); code(err) != "token_invalid" {
			t.Errorf("an old token: %v", err)
		}
		if _, err := e.Open(ctx, link, fresh.Token, home, Watch); err != nil {
			t.Errorf("its successor: %v", err)
		}
	})
}

// run starts the door inside a bubble and stops it when the test ends.
func (e *edge) run(t *testing.T) {
	rctx, stop := context.WithCancel(ctx)
	done, door := make(chan error, 1), e.Door // a test may put another in its place
	go func() { done <- door.Run(rctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestS62ARemovedParticipantIsOutAtOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		remove func(e *edge, participant string)
		cause  string
		rejoin string // with the PIN, from the same browser
	}{
		{"S62 disconnected, and may come back", func(e *edge, p string) { e.disconnect(p) }, "disconnected", "admitted"},
		{"S64 banned by what the browser is known by", func(e *edge, p string) {
			for _, s := range e.Sessions(webinarID) {
				if s.Participant == p {
					e.ban(p, s.Keys...)
					return
				}
			}
		}, "banned", "banned"},
		{"the webinar has ended", func(e *edge, _ string) { e.endWebinar() }, "ended", "not_found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEdge(t, "90210777")
				e.run(t)
				knock := Knock{Name: "Mallory", PIN: "90210777", Device: "laptop", Remote: home}
				g, err := e.Join(ctx, link, knock)
				if err != nil {
					t.Fatal(err)
				}
				var inside []*Session
				for _, use := range []Use{Watch, Events} {
					s, err := e.Open(ctx, link, g.Token, home, use)
					if err != nil {
						t.Fatal(err)
					}
					inside = append(inside, s)
				}
				bystander, err := e.Open(ctx, link, secret, home, Watch)
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				before := time.Now()
				c.remove(e, g.Participant)
				synctest.Wait()
				if d := time.Since(before); d != 0 {
					t.Errorf("it took %v", d)
				}
				for _, s := range inside {
					if got := code(context.Cause(s.Context())); got != c.cause {
						t.Errorf("%v: %s, want %s", s.Use, got, c.cause)
					}
				}
				if out := bystander.Context().Err() != nil; out != (c.cause == "ended") {
					t.Errorf("bystander out: %v", out)
				}
				if _, err := e.Open(ctx, link, g.Token, home, Watch); code(err) != c.cause {
					t.Errorf("the old token: %v, want %s", err, c.cause)
				}
				if _, err := e.Join(ctx, link, knock); code(err) != c.rejoin {
					t.Errorf("a rejoin: %v, want %s", err, c.rejoin)
				}
			})
		})
	}
}

func TestABanDuringTheOpeningIsNotMissed(t *testing.T) {
	e := newEdge(t, "90210777") // Run is not running: only the second look of Open can see it
	g, err := e.Join(ctx, link, Knock{Name: "Mallory", PIN: "90210777", Device: "laptop"})
	if err != nil {
		t.Fatal(err)
	}
	looks := 0
	e.cfg.State = func() State {
		if looks++; looks == 3 { // found by the link; found by the token; found again for the last question
			e.ban(g.Participant)
		}
		return e.replica.now()
	}
	if _, err := e.Open(ctx, link, g.Token, home, Watch); code(err) != "banned" {
		t.Errorf("Open: %v, want banned", err)
	}
	if n := len(e.Sessions("")); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

func TestTheRosterIsWhoIsThere(t *testing.T) {
	e := newEdge(t, "")
	g, err := e.Join(ctx, link, Knock{Name: "Ada", Device: "laptop", Remote: home})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(e.Sessions(webinarID)); n != 0 {
		t.Errorf("%d in the roster before any connection", n)
	}
	if _, err := e.Join(ctx, webinarID, Knock{Name: "Ada"}); code(err) != "not_found" {
		t.Errorf("S7 a webinar's id opens the door: %v", err)
	}
	s, err := e.Open(ctx, link, g.Token, home, Watch)
	if err != nil {
		t.Fatal(err)
	}
	in := e.Sessions(webinarID)
	if len(in) != 1 || in[0].Name != "Ada" || len(in[0].Keys) != 2 {
		t.Errorf("roster %+v, want Ada with a device and a prefix", in)
	}
	s.End()
	s.End()
	if n := len(e.Sessions(webinarID)); n != 0 {
		t.Errorf("%d in the roster after the end", n)
	}
	if got := testutil.ToFloat64(e.metrics.live.WithLabelValues("watch")); got != 0 {
		t.Errorf("live gauge %v, want 0", got)
	}
}

func TestTooManySessionsOfOne(t *testing.T) {
	e := newEdge(t, "")
	g, err := e.Join(ctx, link, Knock{Name: "Ada"})
	if err != nil {
		t.Fatal(err)
	}
	for range maxPerParticipant {
		if _, err := e.Open(ctx, link, g.Token, home, Watch); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.Open(ctx, link, g.Token, home, Watch); code(err) != "too_many_sessions" {
		t.Errorf("one more: %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	ca, err := pki.NewAuthority("fuzz", time.Now())
	if err != nil {
		f.Fatal(err)
	}
	f.Add("sts1.e30.AAAA.AAAA")
	f.Add("sts1...")
	f.Fuzz(func(t *testing.T, token string) {
		if c, err := new(issuers).verify(token, ca.Cert, time.Now()); err == nil {
			t.Errorf("%q was taken for a token: %+v", token, c)
		}
	})
}

func TestATokenCannotBeRefreshedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, "")
		g, err := e.Join(ctx, link, Knock{Name: "Ada"})
		if err != nil {
			t.Fatal(err)
		}
		cred := credentials(t, e.ca, "n1")
		e.cfg.Credentials = func() *pki.Credentials { return cred }
		began := time.Now()
		for err == nil {
			time.Sleep(tokenLife - time.Second)
			if time.Since(began) > 20*time.Hour { // the node's own certificate is renewed meanwhile
				cred = credentials(t, e.ca, "n1")
			}
			token := g.Token
			if g, err = e.Refresh(ctx, token, home); err != nil && code(err) != "token_invalid" {
				t.Fatal(err)
			}
		}
		if d := time.Since(began); d < admittedFor || d > admittedFor+2*tokenLife {
			t.Errorf("one admission lasted %v, want %v", d, admittedFor)
		}
	})
}

func causeOf(s *Session) error { return context.Cause(s.Context()) }
