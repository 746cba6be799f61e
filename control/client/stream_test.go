package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

func TestServerSentEventsAreRead(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []message
		retry      time.Duration
	}{
		{"one event", "event: ban\nid: 7\ndata: {}\n\n", []message{{"7", "ban", []byte("{}")}}, 0},
		{"other line ends", "event: ban\r\nid: 7\r\ndata: {}\r\n\r\nevent: b\rdata: 2\r\r", []message{{"7", "ban", []byte("{}")}, {"7", "b", []byte("2")}}, 0},
		{"comments and unknown fields", ": still here\n\n:\nx: y\ndata: 1\n\n", []message{{"", "", []byte("1")}}, 0},
		{"data of several lines", "data: a\ndata\ndata:  b\n\n", []message{{"", "", []byte("a\n\n b")}}, 0},
		{"an event without data is none", "event: ban\nid: 8\n\ndata: 1\n\n", []message{{"8", "", []byte("1")}}, 0},
		{"an id stays until the next one", "id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", []message{{"1", "", []byte("a")}, {"1", "", []byte("b")}, {"", "", []byte("c")}}, 0},
		{"an id with a zero is none", "id: 1\x002\ndata: a\n\n", []message{{"", "", []byte("a")}}, 0},
		{"an event that is cut off", "data: a\n\ndata: b\n", []message{{"", "", []byte("a")}}, 0},
		{"a line that is cut off", "data: a\n\ndata: b", []message{{"", "", []byte("a")}}, 0},
		{"a byte order mark", "\ufeffdata: a\n\n\ufeffdata: b\n\n", []message{{"", "", []byte("a")}}, 0},
		{"a pause", "retry: 1500\nretry: soon\ndata: a\n\n", []message{{"", "", []byte("a")}}, 1500 * time.Millisecond},
		{"nothing", "", nil, 0},
	} {
		for _, way := range []struct {
			name string
			cut  func(io.Reader) io.Reader
		}{{"whole", func(r io.Reader) io.Reader { return r }}, {"byte by byte", iotest.OneByteReader}} {
			t.Run(c.name+" "+way.name, func(t *testing.T) {
				m := newMessages(way.cut(strings.NewReader(c.text)))
				var got []message
				for {
					e, err := m.next()
					if err != nil {
						if !errors.Is(err, io.EOF) {
							t.Error(err)
						}
						break
					}
					got = append(got, e)
				}
				same := slices.EqualFunc(got, c.want, func(a, b message) bool { return a.id == b.id && a.event == b.event && string(a.data) == string(b.data) })
				if !same || m.retry != c.retry {
					t.Errorf("read %q after %v, want %q", got, m.retry, c.want)
				}
			})
		}
	}
}

func TestAHeartbeatsIDIsWhereAStreamGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := func(text string) io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }
		w := &wire{open: func(n int, r *http.Request) (*http.Response, error) {
			text := "id: 20\n: alive\n\nid: 30\nevent: ban\n" // where it breaks, in the middle of an event
			if n > 1 {
				text = "id: 21\nevent: ban\ndata: {\"index\":21}\n\n"
			}
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: body(text), Request: r}, nil
		}}
		got, err := follow(t.Context(), w.client(t), "10", 1)
		if err != nil || !slices.Equal(got, []uint64{21}) || !slices.Equal(w.after, []string{"10", "20"}) {
			t.Errorf("heard %v, %v; went on after %v", got, err, w.after)
		}
	})
}

func TestEventsHaveABound(t *testing.T) {
	for name, text := range map[string]string{
		"one line":   "data: " + strings.Repeat("x", maxEvent) + "\n\n",
		"many lines": strings.Repeat("data: "+strings.Repeat("x", 1<<16)+"\n", 17) + "\n",
	} {
		if _, err := newMessages(strings.NewReader(text)).next(); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzMessages(f *testing.F) {
	f.Add("event: ban\r\nid: 7\rdata: {}\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		read := func(r io.Reader) (all []string) {
			for m := newMessages(r); ; {
				e, err := m.next()
				if err != nil {
					return all
				}
				all = append(all, fmt.Sprint(e))
			}
		}
		if a, b := read(strings.NewReader(text)), read(iotest.OneByteReader(strings.NewReader(text))); !slices.Equal(a, b) {
			t.Errorf("%q is %q in one piece and %q in many", text, a, b)
		}
	})
}

// wire is a server of events in a bubble: each request gets what open returns.
type wire struct {
	open  func(n int, r *http.Request) (*http.Response, error)
	tries []time.Duration // when each request came
	after []string        // its Last-Event-ID
	begin time.Time
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.tries = append(w.tries, time.Since(w.begin))
	w.after = append(w.after, r.Header.Get("Last-Event-ID"))
	return w.open(len(w.tries), r)
}

func (w *wire) client(t *testing.T) *Client {
	t.Helper()
	w.begin = time.Now()
	c, err := New("http://node", "sta_secret", HTTP(&http.Client{Transport: w, Timeout: 30 * time.Second}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// events is an answer that sends these events, each second one, and then ends or
// hangs.
func events(r *http.Request, hang bool, indexes ...int) (*http.Response, error) {
	from, to := io.Pipe()
	go func() {
		for _, i := range indexes {
			time.Sleep(time.Second)
			fmt.Fprintf(to, "event: ban\nid: %d\ndata: {\"index\":%d,\"id\":\"b\"}\n\n", i, i)
		}
		if hang {
			<-r.Context().Done()
			to.CloseWithError(r.Context().Err())
		}
		to.Close()
	}()
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: from, Request: r}, nil
}

func refusal(r *http.Request, status int, header http.Header) (*http.Response, error) {
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", "application/problem+json")
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(`{"code":"no","detail":"No."}`)), Request: r}, nil
}

// follow reads events until n came, and returns their indexes and the last error.
func follow(ctx context.Context, c *Client, after string, n int) (got []uint64, err error) {
	for e, problem := range c.Events(ctx, "w", Watching{After: after}) {
		if problem != nil {
			return got, problem
		}
		if got = append(got, e.Index); len(got) == n {
			break
		}
	}
	return got, nil
}

func TestEventsResumeWhereTheStreamBroke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{open: func(n int, r *http.Request) (*http.Response, error) {
			switch n {
			case 1:
				return events(r, false, 11, 12) // ends after two seconds
			case 2:
				return nil, errors.New("connection refused")
			case 3:
				return refusal(r, 503, http.Header{"Retry-After": {"7"}})
			case 4:
				return events(r, true, 13) // falls silent
			}
			return events(r, true, 14)
		}}
		got, err := follow(t.Context(), w.client(t), "10", 4)
		if err != nil || !slices.Equal(got, []uint64{11, 12, 13, 14}) {
			t.Errorf("heard %v, %v", got, err)
		}
		// Two seconds of events, half a second, a second, seven as the server asked,
		// then a second until the last event, and silence.
		want := []time.Duration{0, 2500 * time.Millisecond, 3500 * time.Millisecond, 10500 * time.Millisecond, 10500*time.Millisecond + time.Second + silence + firstPause}
		if !slices.Equal(w.tries, want) || !slices.Equal(w.after, []string{"10", "12", "12", "12", "13"}) {
			t.Errorf("tried at %v after %v, want %v", w.tries, w.after, want)
		}
	})
}

func TestEventsGoOnForLongerThanACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var many []int
		for i := range 100 {
			many = append(many, i+1)
		}
		w := &wire{open: func(n int, r *http.Request) (*http.Response, error) { return events(r, true, many...) }}
		if got, err := follow(t.Context(), w.client(t), "", 100); len(got) != 100 || err != nil || len(w.tries) != 1 {
			t.Errorf("heard %d events in %d streams, %v", len(got), len(w.tries), err)
		}
	})
}

func TestWhatEndsEvents(t *testing.T) {
	refused := func(status int) func(int, *http.Request) (*http.Response, error) {
		return func(n int, r *http.Request) (*http.Response, error) { return refusal(r, status, nil) }
	}
	for _, c := range []struct {
		name string
		open func(n int, r *http.Request) (*http.Response, error)
		is   func(error) bool
	}{
		{"the first try reaches nobody", func(int, *http.Request) (*http.Response, error) { return nil, errors.New("refused") }, is[*UnreachableError]},
		{"the first answer never comes", func(_ int, r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, is[*UnreachableError]},
		{"the server refuses", refused(404), is[*Problem]},
		{"the server has no leader at first", refused(503), is[*Problem]},
		{"it is another server", func(_ int, r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/html"}}, Body: io.NopCloser(strings.NewReader("<html>")), Request: r}, nil
		}, is[*Problem]},
		{"the webinar is gone later", func(n int, r *http.Request) (*http.Response, error) {
			if n == 1 {
				return events(r, false)
			}
			return refusal(r, 404, nil)
		}, is[*Problem]},
		{"an event is no JSON", func(n int, r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: io.NopCloser(strings.NewReader("data: x\n\n")), Request: r}, nil
		}, func(err error) bool { return strings.Contains(err.Error(), "is not the control API's") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &wire{open: c.open}
				if got, err := follow(t.Context(), w.client(t), "", 1); err == nil || !c.is(err) || len(got) > 0 {
					t.Errorf("heard %v, %v", got, err)
				}
			})
		})
	}
}

func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

func TestEventsEndWithTheContext(t *testing.T) {
	for name, open := range map[string]func(int, *http.Request) (*http.Response, error){
		"while it is open": func(_ int, r *http.Request) (*http.Response, error) { return events(r, true, 1) },
		"between two tries": func(n int, r *http.Request) (*http.Response, error) {
			if n == 1 {
				return events(r, false)
			}
			return nil, errors.New("refused")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				w := &wire{open: open}
				_, err := follow(ctx, w.client(t), "", 99)
				if !errors.Is(err, context.DeadlineExceeded) || time.Since(w.begin) != 20*time.Second {
					t.Errorf("ended after %v with %v", time.Since(w.begin), err)
				}
			})
		})
	}
}
