package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// serve answers every request with status, kind and body, and notes the last one.
func serve(t *testing.T, status int, kind, body string) (c *Client, last *http.Request, sent *string) {
	last, sent = &http.Request{}, new(string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		*last, *sent = *r, string(b)
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	c, err := New(s.URL+"/", "sta_secret", HTTP(s.Client()))
	if err != nil {
		t.Fatal(err)
	}
	return c, last, sent
}

func TestAddressesOfServers(t *testing.T) {
	for base, good := range map[string]bool{
		"http://127.0.0.1:8080": true, "https://webinars.example.org/": true, "http://[::1]:80/mesh/": true,
		"": false, "localhost:8080": false, "ftp://x": false, "http://": false, "http://a:b@c": false, "http://%zz": false,
	} {
		if _, err := New(base, ""); (err == nil) != good {
			t.Errorf("%q: %v", base, err)
		}
	}
}

func TestTheDoorGetsNoAPIToken(t *testing.T) {
	c, last, sent := serve(t, 200, "application/json", `{"token":"sts1.x","participant":"p_1","role":"attendee"}`)
	g, err := c.Join(t.Context(), "4k3/../x", Knock{Name: "Ada", PIN: "49275018"})
	if err != nil || g.Token != "sts1.x" || g.Participant != "p_1" {
		t.Errorf("granted %+v, %v", g, err)
	}
	if got := last.URL.EscapedPath(); got != "/api/v1/door/4k3%2F..%2Fx/join" {
		t.Errorf("the path is %s", got)
	}
	if *sent != `{"name":"Ada","pin":"49275018"}` || last.Header.Get("Authorization") != "" {
		t.Errorf("sent %s as %q", *sent, last.Header.Get("Authorization"))
	}
	if _, err := c.Refresh(t.Context(), "4k3", "sts1.x"); err != nil || last.Header.Get("Authorization") != "Bearer sts1.x" {
		t.Errorf("refreshed as %q, %v", last.Header.Get("Authorization"), err)
	}
	if _, err := c.Door(t.Context(), "4k3"); err != nil || last.Header.Get("Authorization") != "" || last.Method != "GET" {
		t.Errorf("looked as %q, %v", last.Header.Get("Authorization"), err)
	}
	if _, err := c.Webinar(t.Context(), "w_1"); err != nil || last.Header.Get("Authorization") != "Bearer sta_secret" {
		t.Errorf("asked as %q, %v", last.Header.Get("Authorization"), err)
	}
}

func TestOptionsOfCalls(t *testing.T) {
	c, last, _ := serve(t, 200, "application/json", `{}`)
	if _, err := c.EndWebinar(t.Context(), "w_1", IfVersion(7), IdempotencyKey("k")); err != nil {
		t.Fatal(err)
	}
	if last.Header.Get("If-Match") != `"7"` || last.Header.Get("Idempotency-Key") != "k" {
		t.Errorf("the header is %v", last.Header)
	}
	if _, err := c.Bans(t.Context(), "w_1", Page{Limit: 5, Cursor: "a&b"}); err != nil || last.URL.RawQuery != "cursor=a%26b&limit=5" {
		t.Errorf("the query is %s, %v", last.URL.RawQuery, err)
	}
}

func TestRefusals(t *testing.T) {
	problem := `{"status":200,"code":"wrong_pin","detail":"That is not the PIN.","errors":[{"location":"body.pin","message":"is wrong"}]}`
	for _, c := range []struct {
		name         string
		status       int
		kind, body   string
		code, detail string
	}{
		{"a problem", 403, "application/problem+json", problem, "wrong_pin", "That is not the PIN (pin: is wrong)"},
		{"a problem as JSON", 403, "application/json; charset=utf-8", problem, "wrong_pin", "That is not the PIN (pin: is wrong)"},
		{"a page of a proxy", 502, "text/html", "<h1>Bad gateway</h1>", "unexpected_response", "The server answered 502 Bad Gateway, which is no answer of the control API."},
		{"JSON of someone else", 404, "application/json", `{"message":"no"}`, "unexpected_response", "The server answered 404 Not Found, which is no answer of the control API."},
		{"a problem in a page", 404, "text/html", problem, "unexpected_response", "The server answered 404 Not Found, which is no answer of the control API."},
	} {
		t.Run(c.name, func(t *testing.T) {
			api, _, _ := serve(t, c.status, c.kind, c.body)
			_, err := api.Status(t.Context())
			var p *Problem
			if !errors.As(err, &p) || p.Code != c.code || p.Status != c.status || p.Error() != c.detail {
				t.Errorf("refused with %+v: %v", p, err)
			}
		})
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for name, body := range map[string]string{"no JSON": "OK", "half of it": `{"node":"n`, "endless": `{"node":"` + strings.Repeat("x", maxResponse) + `"}`} {
		c, _, _ := serve(t, 200, "application/json", body)
		var syntax *json.SyntaxError
		if _, err := c.Status(t.Context()); !errors.As(err, &syntax) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAServerThatIsGone(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	c, err := New(s.URL, "sta_secret")
	if err != nil {
		t.Fatal(err)
	}
	var gone *UnreachableError
	if _, err := c.Status(t.Context()); !errors.As(err, &gone) || gone.Server != s.URL || strings.Contains(err.Error(), "sta_secret") {
		t.Errorf("said %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Status(ctx); !errors.Is(err, context.Canceled) || errors.As(err, &gone) {
		t.Errorf("after the call was given up: %v", err)
	}
}
