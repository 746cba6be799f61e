package node

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
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
			n.passOn(func() []string { return []string{"n1"} }).ServeHTTP(w, httptest.NewRequest(tt.method, "/api/v1/webinars", strings.NewReader("{}")))
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

// voter is one that an edge asks, as a test has it.
type voter func(r *http.Request) (*http.Response, error)

// askThree asks three voters, for whom the names n1 to n3 stand, and returns whom it asked.
func askThree(t *testing.T, r *http.Request, voters map[string]voter) (asked []string, res *http.Response, err error) {
	t.Helper()
	var mu sync.Mutex // guards asked
	a := asking{voters: func() []string { return []string{"n1", "n2", "n3"} }, by: roundTrip(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		asked = append(asked, r.URL.Host)
		mu.Unlock()
		if b, err := io.ReadAll(r.Body); err != nil || string(b) != "{}" {
			t.Errorf("%s was asked %q, %v", r.URL.Host, b, err)
		}
		return voters[r.URL.Host](r)
	})}
	res, err = a.RoundTrip(r)
	mu.Lock()
	defer mu.Unlock()
	return slices.Clone(asked), res, err
}

type roundTrip func(*http.Request) (*http.Response, error)

func (t roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func replies(r *http.Request) (*http.Response, error) {
	wrote(r)
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(r.URL.Host))}, nil
}

// hangs is a voter whose machine has died: it took the request, and says nothing more.
func hangs(r *http.Request) (*http.Response, error) {
	wrote(r)
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// lost is one whose connection ends for that reason after a while.
func lost(r *http.Request) (*http.Response, error) {
	wrote(r)
	time.Sleep(100 * time.Millisecond)
	return nil, errors.New("connection lost")
}

func unreached(*http.Request) (*http.Response, error) { return nil, errors.New("unreachable") }

func wrote(r *http.Request) { httptrace.ContextClientTrace(r.Context()).WroteHeaders() }

func TestAnEdgeAsksTheNextVoterWhenOneIsSilent(t *testing.T) {
	tests := []struct {
		name   string
		method string
		key    string
		voters map[string]voter
		asked  string
		answer string // of whom
		after  time.Duration
	}{
		{"the first one answers", "POST", "", map[string]voter{"n1": replies}, "n1", "n1", 0},
		{"a question", "GET", "", map[string]voter{"n1": hangs, "n2": replies}, "n1 n2", "n2", askNext},
		{"a change with a key", "POST", "k", map[string]voter{"n1": hangs, "n2": replies}, "n1 n2", "n2", askNext},
		{"two are silent", "POST", "k", map[string]voter{"n1": hangs, "n2": hangs, "n3": replies}, "n1 n2 n3", "n3", 2 * askNext},
		{"a change with a key, whose voter is lost", "POST", "k", map[string]voter{"n1": lost, "n2": replies}, "n1 n2", "n2", 100 * time.Millisecond},
		{"a change without a key may be made already", "POST", "", map[string]voter{"n1": lost, "n2": replies}, "n1", "", 100 * time.Millisecond},
		{"a change without a key that no voter got", "POST", "", map[string]voter{"n1": unreached, "n2": unreached, "n3": replies}, "n1 n2 n3", "n3", 0},
		{"nobody is reached", "POST", "k", map[string]voter{"n1": unreached, "n2": unreached, "n3": unreached}, "n1 n2 n3", "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := httptest.NewRequest(tt.method, "http://voter/api/v1/webinars", strings.NewReader("{}"))
				r.Header.Set("Idempotency-Key", tt.key)
				begun := time.Now()
				asked, res, err := askThree(t, r, tt.voters)
				if got := strings.Join(asked, " "); got != tt.asked || time.Since(begun) != tt.after {
					t.Errorf("asked %s in %v, want %s in %v", got, time.Since(begun), tt.asked, tt.after)
				}
				switch {
				case tt.answer == "" && err == nil:
					t.Error("there is an answer")
				case tt.answer == "":
				case err != nil:
					t.Error(err)
				default:
					if b, _ := io.ReadAll(res.Body); string(b) != tt.answer {
						t.Errorf("%s answered", b)
					}
					res.Body.Close()
				}
			})
		})
	}
}

func TestAnEdgeKeepsNoBodyThatIsTooLarge(t *testing.T) {
	n := &Node{log: slog.New(slog.DiscardHandler)}
	w := httptest.NewRecorder()
	n.passOn(func() []string { return []string{"n1"} }).ServeHTTP(w, httptest.NewRequest("POST", "/api/v1/webinars", io.LimitReader(zeros{}, maxRepeated+1)))
	if w.Code != 413 || !strings.Contains(w.Body.String(), `"body_too_large"`) {
		t.Errorf("the edge says %d %s", w.Code, w.Body)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }
