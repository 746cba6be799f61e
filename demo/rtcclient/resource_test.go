package rtcclient

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestRefusalsKeepTheServersCode(t *testing.T) {
	cases := []struct {
		name    string
		status  int
		kind    string
		retry   string
		body    string
		code    string
		notLive time.Duration // -1: it is another refusal
		final   bool
	}{
		{"wrong PIN", 403, "application/problem+json", "", `{"code":"wrong_pin","detail":"That is not the PIN."}`, "wrong_pin", -1, true},
		{"not live", 409, "application/problem+json", "2", `{"code":"not_live","detail":"Nobody sends."}`, "not_live", 2 * time.Second, false},
		{"the name is taken", 409, "application/problem+json", "5", `{"code":"stream_taken"}`, "stream_taken", -1, false},
		{"a node that stops", 503, "application/problem+json", "1", `{"code":"node_stopping"}`, "node_stopping", -1, false},
		{"a proxy's page", 502, "text/html", "", "<h1>Bad gateway</h1>", "", -1, false},
		{"a document that is none", 400, "application/json", "soon", "{", "", -1, true},
		{"made, but the wrong status", 200, "application/sdp", "", "v=0", "", -1, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", c.kind)
				if c.retry != "" {
					w.Header().Set("Retry-After", c.retry)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer s.Close()
			_, _, err := offerTo(t.Context(), http.DefaultClient, s.URL, "secret", "v=0")
			var r *Refusal
			if !errors.As(err, &r) || r.Status != c.status || Code(err) != c.code || r.final() != c.final {
				t.Fatalf("got %v (%+v)", err, r)
			}
			after, notLive := NotLive(err)
			if notLive != (c.notLive >= 0) || notLive && after != c.notLive {
				t.Errorf("not live: %v, %v", notLive, after)
			}
		})
	}
}

func TestASessionIsMadeAndEnded(t *testing.T) {
	var log []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		log = append(log, strings.Join([]string{r.Method, r.URL.Path, r.Header.Get("Authorization"), r.Header.Get("Content-Type"), string(b)}, " "))
		if r.Method == http.MethodPost {
			w.Header().Set("Location", "session/1") // relative, as RFC 9725 allows
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, "answer")
		}
	}))
	defer s.Close()
	answer, res, err := offerTo(t.Context(), http.DefaultClient, s.URL+"/whip/x/", "secret", "offer")
	if err != nil || answer != "answer" {
		t.Fatal(answer, err)
	}
	if err := res.end(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"POST /whip/x/ Bearer secret application/sdp offer",
		"DELETE /whip/x/session/1 Bearer secret  ",
	}
	if strings.Join(log, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q", log)
	}
}

func TestASessionWithoutALocationIsAnError(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) }))
	defer s.Close()
	if _, _, err := offerTo(t.Context(), http.DefaultClient, s.URL, "", "offer"); err == nil {
		t.Error("no error")
	}
}

func TestAnErrorHoldsNoSecret(t *testing.T) {
	_, _, err := offerTo(t.Context(), http.DefaultClient, "http://127.0.0.1:1/whep/x?pin=12345678", "sts1.secret", "offer")
	if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "12345678") {
		t.Errorf("got %v", err)
	}
}

func TestOnThisMachine(t *testing.T) {
	for url, want := range map[string]bool{
		"http://127.0.0.1:8080/whip": true, "http://localhost/": true, "http://[::1]:80/": true, "http://127.3.2.1/": true,
		"https://live.example.org/whip": false, "http://192.0.2.1/": false, "::": false,
	} {
		if got := onThisMachine(url); got != want {
			t.Errorf("%s: %v", url, got)
		}
	}
}
