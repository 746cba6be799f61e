package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestCalls holds, for each call, what it asks of the server: method and path,
// and the body.
func TestCalls(t *testing.T) {
	yes, title := true, "T"
	p := Page{Limit: 5, Cursor: "c"}
	one := func(_ any, err error) error { return err }
	for _, c := range []struct {
		name string
		call func(context.Context, *Client) error
		want string
	}{
		{"CreateWebinar", func(ctx context.Context, c *Client) error {
			return one(c.CreateWebinar(ctx, CreateWebinar{Title: "T", Guests: &EditPermissions{Audio: &yes}}))
		}, `POST /webinars {"title":"T","guests":{"audio":true}}`},
		{"Webinar", func(ctx context.Context, c *Client) error { return one(c.Webinar(ctx, "w/1")) }, "GET /webinars/w%2F1"},
		{"Webinars", func(ctx context.Context, c *Client) error { return one(c.Webinars(ctx, p)) }, "GET /webinars?cursor=c&limit=5"},
		{"EditWebinar", func(ctx context.Context, c *Client) error {
			return one(c.EditWebinar(ctx, "w", EditWebinar{Title: &title}))
		}, `PATCH /webinars/w {"title":"T"}`},
		{"EndWebinar", func(ctx context.Context, c *Client) error { return one(c.EndWebinar(ctx, "w")) }, "POST /webinars/w/end"},
		{"RotateLink", func(ctx context.Context, c *Client) error { return one(c.RotateLink(ctx, "w")) }, "POST /webinars/w/link"},
		{"SetPIN", func(ctx context.Context, c *Client) error {
			return one(c.SetPIN(ctx, "w", SetPIN{Generate: true, AskAgain: true}))
		}, `PUT /webinars/w/pin {"generate":true,"ask_again":true}`},
		{"ClearPIN", func(ctx context.Context, c *Client) error { return c.ClearPIN(ctx, "w") }, "DELETE /webinars/w/pin"},

		{"SetRegistration", func(ctx context.Context, c *Client) error {
			return one(c.SetRegistration(ctx, "w", SetRegistration{Maximum: 9}))
		}, `PUT /webinars/w/registration {"maximum":9}`},
		{"ClearRegistration", func(ctx context.Context, c *Client) error { return c.ClearRegistration(ctx, "w") }, "DELETE /webinars/w/registration"},
		{"OpenRegistration", func(ctx context.Context, c *Client) error { return one(c.OpenRegistration(ctx, "w")) }, "POST /webinars/w/registration/open"},
		{"CloseRegistration", func(ctx context.Context, c *Client) error { return one(c.CloseRegistration(ctx, "w")) }, "POST /webinars/w/registration/close"},
		{"Registrants", func(ctx context.Context, c *Client) error { return one(c.Registrants(ctx, "w", "pending", p)) }, "GET /webinars/w/registrants?cursor=c&limit=5&status=pending"},
		{"Registrants of any status", func(ctx context.Context, c *Client) error { return one(c.Registrants(ctx, "w", "", Page{})) }, "GET /webinars/w/registrants"},
		{"Registrant", func(ctx context.Context, c *Client) error { return one(c.Registrant(ctx, "w", "r")) }, "GET /webinars/w/registrants/r"},
		{"DecideRegistrants", func(ctx context.Context, c *Client) error {
			return one(c.DecideRegistrants(ctx, "w", DecideRegistrants{IDs: []string{"r"}, Decision: "approve"}))
		}, `POST /webinars/w/registrants/decide {"ids":["r"],"decision":"approve"}`},
		{"Public", func(ctx context.Context, c *Client) error { return one(c.Public(ctx, "l")) }, "anybody: GET /public/l"},
		{"Register", func(ctx context.Context, c *Client) error {
			return one(c.Register(ctx, "l", Register{FirstName: "A", LastName: "B", Email: "a@b"}))
		}, `anybody: POST /public/l/registrants {"first_name":"A","last_name":"B","email":"a@b"}`},
		{"CancelRegistration", func(ctx context.Context, c *Client) error {
			return c.CancelRegistration(ctx, "l", CancelRegistration{Secret: "str_x"})
		}, `anybody: POST /public/l/cancel {"secret":"str_x"}`},

		{"Invite", func(ctx context.Context, c *Client) error {
			return one(c.Invite(ctx, "w", CreateInvite{Name: "A", Mail: true}))
		}, `POST /webinars/w/invites {"name":"A","mail":true}`},
		{"InviteAll", func(ctx context.Context, c *Client) error {
			return one(c.InviteAll(ctx, "w", CreateInvites{Invites: []CreateInvite{{Name: "A"}}}))
		}, `POST /webinars/w/invites/batch {"invites":[{"name":"A"}]}`},
		{"Invites", func(ctx context.Context, c *Client) error { return one(c.Invites(ctx, "w", p)) }, "GET /webinars/w/invites?cursor=c&limit=5"},
		{"RevokeInvite", func(ctx context.Context, c *Client) error { return c.RevokeInvite(ctx, "w", "i") }, "DELETE /webinars/w/invites/i"},
		{"Participants", func(ctx context.Context, c *Client) error { return one(c.Participants(ctx, "w")) }, "GET /webinars/w/participants"},
		{"EditParticipant", func(ctx context.Context, c *Client) error {
			return one(c.EditParticipant(ctx, "w", "p", EditParticipant{Stage: &yes}))
		}, `PATCH /webinars/w/participants/p {"stage":true}`},
		{"Disconnect", func(ctx context.Context, c *Client) error {
			return one(c.Disconnect(ctx, "w", "p", Disconnect{Ban: true, Network: true}))
		}, `POST /webinars/w/participants/p/disconnect {"ban":true,"network":true}`},
		{"Reinvite", func(ctx context.Context, c *Client) error { return one(c.Reinvite(ctx, "w", "p")) }, "POST /webinars/w/participants/p/reinvite"},
		{"Unconnected", func(ctx context.Context, c *Client) error { return one(c.Unconnected(ctx, "w", p)) }, "GET /webinars/w/unconnected?cursor=c&limit=5"},
		{"Lobby", func(ctx context.Context, c *Client) error { return one(c.Lobby(ctx, "w")) }, "GET /webinars/w/lobby"},
		{"Admit", func(ctx context.Context, c *Client) error { return one(c.Admit(ctx, "w", Admit{All: true})) }, `POST /webinars/w/lobby/admit {"all":true}`},
		{"RaiseHand", func(ctx context.Context, c *Client) error { return one(c.RaiseHand(ctx, "w", RaiseHand{Raised: true})) }, `PUT /webinars/w/hand {"raised":true}`},
		{"Bans", func(ctx context.Context, c *Client) error { return one(c.Bans(ctx, "w", p)) }, "GET /webinars/w/bans?cursor=c&limit=5"},
		{"LiftBan", func(ctx context.Context, c *Client) error { return c.LiftBan(ctx, "w", "b") }, "DELETE /webinars/w/bans/b"},
		{"Attendance", func(ctx context.Context, c *Client) error { return one(c.Attendance(ctx, "w", p)) }, "GET /webinars/w/attendance?cursor=c&limit=5"},

		{"Audit", func(ctx context.Context, c *Client) error { return one(c.Audit(ctx, "w", p)) }, "GET /webinars/w/audit?cursor=c&limit=5"},
		{"AllAudit", func(ctx context.Context, c *Client) error { return one(c.AllAudit(ctx, p)) }, "GET /audit?cursor=c&limit=5"},
		{"AuditHead", func(ctx context.Context, c *Client) error { return one(c.AuditHead(ctx)) }, "GET /audit/head"},
		{"Undo", func(ctx context.Context, c *Client) error { return one(c.Undo(ctx, "w", 9)) }, "POST /webinars/w/audit/9/undo"},

		{"StartRecording", func(ctx context.Context, c *Client) error { return one(c.StartRecording(ctx, "w")) }, "POST /webinars/w/recording/start"},
		{"StopRecording", func(ctx context.Context, c *Client) error { return one(c.StopRecording(ctx, "w")) }, "POST /webinars/w/recording/stop"},
		{"Recordings", func(ctx context.Context, c *Client) error { return one(c.Recordings(ctx, "w")) }, "GET /webinars/w/recordings"},

		{"CreateAccount", func(ctx context.Context, c *Client) error {
			return one(c.CreateAccount(ctx, CreateAccount{Login: "a", Name: "A", Role: "host"}))
		}, `POST /accounts {"login":"a","name":"A","role":"host"}`},
		{"Accounts", func(ctx context.Context, c *Client) error { return one(c.Accounts(ctx, p)) }, "GET /accounts?cursor=c&limit=5"},
		{"Account", func(ctx context.Context, c *Client) error { return one(c.Account(ctx, "a")) }, "GET /accounts/a"},
		{"EditAccount", func(ctx context.Context, c *Client) error {
			return one(c.EditAccount(ctx, "a", EditAccount{Disabled: &yes}))
		}, `PATCH /accounts/a {"disabled":true}`},
		{"DeleteAccount", func(ctx context.Context, c *Client) error { return c.DeleteAccount(ctx, "a") }, "DELETE /accounts/a"},
		{"SignIns", func(ctx context.Context, c *Client) error { return one(c.SignIns(ctx)) }, "anybody: GET /sign-in"},
		{"SignIn", func(ctx context.Context, c *Client) error {
			return one(c.SignIn(ctx, SignIn{Login: "a", Password: "b"}))
		}, `anybody: POST /sign-in {"login":"a","password":"b"}`},
		{"SignOut", func(ctx context.Context, c *Client) error { return c.SignOut(ctx) }, "anybody: POST /sign-out"},
		{"Me", func(ctx context.Context, c *Client) error { return one(c.Me(ctx)) }, "GET /me"},
		{"Pass", func(ctx context.Context, c *Client) error { return one(c.Pass(ctx)) }, "POST /me/pass"},

		{"CreateToken", func(ctx context.Context, c *Client) error {
			return one(c.CreateToken(ctx, CreateToken{Name: "A", Scopes: []string{"host"}, TTL: 60}))
		}, `POST /tokens {"name":"A","scopes":["host"],"ttl_seconds":60}`},
		{"Tokens", func(ctx context.Context, c *Client) error { return one(c.Tokens(ctx, p)) }, "GET /tokens?cursor=c&limit=5"},
		{"RevokeToken", func(ctx context.Context, c *Client) error { return c.RevokeToken(ctx, "t") }, "DELETE /tokens/t"},
		{"JoinToken", func(ctx context.Context, c *Client) error { return one(c.JoinToken(ctx, "edge", time.Hour)) }, `POST /join-tokens {"role":"edge","ttl_seconds":3600}`},
		{"RemoveNode", func(ctx context.Context, c *Client) error { return c.RemoveNode(ctx, "n1") }, "DELETE /nodes/n1"},
		{"RotateGossipKey", func(ctx context.Context, c *Client) error { return one(c.RotateGossipKey(ctx)) }, "POST /gossip-key/rotate"},
		{"Drain", func(ctx context.Context, c *Client) error { return c.Drain(ctx, "n1") }, "PUT /nodes/n1/drain"},
		{"Undrain", func(ctx context.Context, c *Client) error { return c.Undrain(ctx, "n1") }, "DELETE /nodes/n1/drain"},
		{"CreateWebhook", func(ctx context.Context, c *Client) error {
			return one(c.CreateWebhook(ctx, CreateWebhook{URL: "https://x"}))
		}, `POST /webhooks {"url":"https://x"}`},
		{"Webhooks", func(ctx context.Context, c *Client) error { return one(c.Webhooks(ctx, p)) }, "GET /webhooks?cursor=c&limit=5"},
		{"DeleteWebhook", func(ctx context.Context, c *Client) error { return c.DeleteWebhook(ctx, "h") }, "DELETE /webhooks/h"},
		{"Status", func(ctx context.Context, c *Client) error { return one(c.Status(ctx)) }, "GET /status"},
	} {
		t.Run(c.name, func(t *testing.T) {
			api, last, sent := serve(t, 200, "application/json", "{}")
			keys := map[string]bool{}
			for range 2 {
				if err := c.call(t.Context(), api); err != nil {
					t.Fatal(err)
				}
				keys[last.Header.Get("Idempotency-Key")] = true
			}
			got := strings.TrimSpace(last.Method + " " + strings.TrimPrefix(last.RequestURI, "/api/v1") + " " + *sent)
			bearer := last.Header.Get("Authorization")
			if bearer == "" {
				got = "anybody: " + got
			}
			if got != c.want || (bearer != "" && bearer != "Bearer sta_secret") {
				t.Errorf("asked %s as %q, want %s", got, bearer, c.want)
			}
			changes := last.Method != "GET" && bearer != "" && c.name != "Pass" || c.name == "Register" || c.name == "CancelRegistration"
			if changes && (len(keys) != 2 || keys[""]) || !changes && !keys[""] {
				t.Errorf("two calls had the keys %v", keys)
			}
		})
	}
}

func TestAKeyOfOnesOwnIsKept(t *testing.T) {
	c, last, _ := serve(t, 200, "application/json", "{}")
	if _, err := c.EditWebinar(t.Context(), "w", EditWebinar{}, IdempotencyKey("mine"), IfVersion(3)); err != nil {
		t.Fatal(err)
	}
	if got := last.Header["Idempotency-Key"]; !slices.Equal(got, []string{"mine"}) || last.Header.Get("If-Match") != `"3"` {
		t.Errorf("the header is %v", last.Header)
	}
}

// TestAChangeWhoseConnectionBreaksActsOnce is what the drawn key is for: the
// transport sends it again by itself, under the same key.
func TestAChangeWhoseConnectionBreaksActsOnce(t *testing.T) {
	var mu sync.Mutex // the second call may come before the first one's handler has ended
	var keys []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Method == "POST" {
			mu.Lock()
			defer mu.Unlock()
			keys = append(keys, r.Header.Get("Idempotency-Key"))
			if len(keys) == 1 {
				panic(http.ErrAbortHandler) // the connection breaks before the answer
			}
		}
		_, _ = io.WriteString(w, "{}")
	}))
	defer s.Close()
	c, err := New(s.URL, "sta_secret", HTTP(s.Client()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Status(t.Context()); err != nil { // a connection that is kept
		t.Fatal(err)
	}
	_, err = c.EndWebinar(t.Context(), "w")
	mu.Lock()
	defer mu.Unlock()
	if err != nil || len(keys) != 2 || keys[0] != keys[1] {
		t.Errorf("sent as %q, %v", keys, err)
	}
}

func TestEachGoesThroughAllPages(t *testing.T) {
	pages := map[string]Bans{"": {Items: []Ban{{ID: "1"}, {ID: "2"}}, Next: "a"}, "a": {Items: []Ban{}, Next: "b"}, "b": {Items: []Ban{{ID: "3"}}}}
	asked := 0
	page := func(p Page) (Bans, error) {
		asked++
		l, ok := pages[p.Cursor]
		if !ok || p.Limit != largestPage {
			return l, fmt.Errorf("asked for %+v", p)
		}
		return l, nil
	}
	var got []string
	for b, err := range Each(page) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b.ID)
	}
	if !slices.Equal(got, []string{"1", "2", "3"}) || asked != 3 {
		t.Errorf("read %q in %d pages", got, asked)
	}
	for range Each(page) {
		break
	}
	if asked != 4 {
		t.Errorf("who stops early reads %d pages", asked-3)
	}
	delete(pages, "b")
	got = got[:0]
	var failed error
	for b, err := range Each(page) {
		if failed = err; err == nil {
			got = append(got, b.ID)
		}
	}
	if failed == nil || len(got) != 2 {
		t.Errorf("read %q, %v", got, failed)
	}
	pages["a"] = Bans{Next: "a"} // a server that turns in a circle
	for _, err := range Each(page) {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestExportsAreStreams(t *testing.T) {
	long := strings.Repeat("a,b\r\n", 1<<18)
	c, last, _ := serve(t, 200, "text/csv; charset=utf-8", long)
	for path, export := range map[string]func(context.Context, string, io.Writer) error{"registrants.csv": c.ExportRegistrants, "attendance.csv": c.ExportAttendance, "chat.csv": c.ExportChat} {
		var b strings.Builder
		if err := export(t.Context(), "w", &b); err != nil || b.String() != long || last.RequestURI != "/api/v1/webinars/w/"+path {
			t.Errorf("%s: %d bytes of %s, %v", path, b.Len(), last.RequestURI, err)
		}
	}
	c, _, _ = serve(t, 403, "application/problem+json", `{"code":"scope_missing","detail":"No."}`)
	var p *Problem
	if err := c.ExportAttendance(t.Context(), "w", io.Discard); !errors.As(err, &p) || p.Code != "scope_missing" {
		t.Errorf("refused with %v", err)
	}
	c, _, _ = serve(t, 200, "text/html", "<html>")
	if err := c.ExportAttendance(t.Context(), "w", io.Discard); !errors.As(err, &p) || p.Code != "unexpected_response" {
		t.Errorf("a page came, and it said %v", err)
	}
}

func TestRefusalsSayWhenToComeBack(t *testing.T) {
	for header, want := range map[string]time.Duration{"7": 7 * time.Second, "": 0, "Wed, 21 Oct 2015 07:28:00 GMT": 0, "-1": 0, "99999999999": 0} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", header)
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(429)
			_, _ = io.WriteString(w, `{"code":"too_many_requests","detail":"No."}`)
		}))
		c, err := New(s.URL, "")
		if err != nil {
			t.Fatal(err)
		}
		var p *Problem
		if _, err := c.Status(t.Context()); !errors.As(err, &p) || p.RetryAfter != want {
			t.Errorf("%q: %+v", header, p)
		}
		s.Close()
	}
}
