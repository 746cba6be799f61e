package node

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// An edge may say that nothing was done only where nothing can have been: a client that is
// told so repeats the call without the key that makes it one.
func TestWhatAnEdgeSaysOfAnAnswerThatDidNotCome(t *testing.T) {
	reads := func(c net.Conn) { c.Read(make([]byte, 4096)); c.Close() } // and dies with it
	tests := []struct {
		name   string
		method string
		dial   func() (net.Conn, error)
		status int
		code   string
	}{
		{"no voter is reached", "POST", func() (net.Conn, error) { return nil, errors.New("unreachable") }, 503, "no_voter"},
		{"a voter dies with the change", "POST", piped(reads), 504, "outcome_unknown"},
		{"a voter dies with a removal", "DELETE", piped(reads), 504, "outcome_unknown"},
		{"a voter dies with a question", "GET", piped(reads), 503, "no_voter"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := &Node{log: slog.New(slog.DiscardHandler), electors: &http.Transport{
				DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) { return tt.dial() },
			}}
			w := httptest.NewRecorder()
			n.passOn(func() string { return "n1" }).ServeHTTP(w, httptest.NewRequest(tt.method, "/api/v1/webinars", strings.NewReader("{}")))
			var problem struct{ Code string }
			if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil {
				t.Fatal(err)
			}
			if w.Code != tt.status || problem.Code != tt.code {
				t.Errorf("the edge says %d %s", w.Code, problem.Code)
			}
		})
	}
}

// piped is a connection to somebody who does that with it.
func piped(serve func(net.Conn)) func() (net.Conn, error) {
	return func() (net.Conn, error) {
		here, there := net.Pipe()
		go serve(there)
		return here, nil
	}
}
