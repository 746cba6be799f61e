package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

const (
	// askNext is how long an edge waits for the first word of a voter's answer before it
	// asks the next voter too: as long as the voters wait for a leader before they elect
	// another, since a machine that died says nothing, and its connection is given up
	// seconds later.
	askNext = 500 * time.Millisecond
	// maxRepeated bounds the body of a request that is kept to be asked again. No call of
	// the control API is that large.
	maxRepeated = 1 << 20
)

var (
	errNoVoter = errors.New("node: no voter is known")
	errLarge   = errors.New("larger than any call")
)

// asking asks one voter after the other until one answers, whichever it is.
//
// What changes nothing, and a change with an Idempotency-Key, which is made once however
// often it is asked for, is also asked of the next voter while the first one is silent.
// Any other change goes to the next one only if it cannot have begun.
type asking struct {
	by     http.RoundTripper
	voters func() []string // whom to ask first comes first
}

// attempt is one voter that was asked.
type attempt struct {
	cancel context.CancelFunc
	sent   atomic.Bool // all headers went out: it may have begun
	res    *http.Response
	err    error
}

// RoundTrip asks the voters; the host of r is of no matter.
func (a asking) RoundTrip(r *http.Request) (*http.Response, error) {
	voters := a.voters()
	if len(voters) == 0 {
		return nil, errNoVoter
	}
	body, err := keep(r)
	if err != nil {
		return nil, err
	}
	answers := make(chan *attempt, len(voters))
	var asked []*attempt
	next := func() { asked = append(asked, a.ask(r, voters[len(asked)], body, answers)) }
	next()
	silence := time.NewTicker(askNext)
	defer silence.Stop()
	for open := 1; ; {
		again := len(asked) < len(voters) && r.Context().Err() == nil
		select {
		case <-silence.C:
			if again && repeatable(r) {
				next()
				open++
			}
		case got := <-answers:
			open--
			switch {
			case got.err == nil:
				return got.alone(asked, answers, open), nil
			case again && (repeatable(r) || !got.sent.Load()):
				next()
				open++
			case open == 0:
				return nil, got.err
			}
		}
	}
}

// ask asks one voter, and sends to answers how that went.
func (a asking) ask(r *http.Request, node string, body []byte, answers chan<- *attempt) *attempt {
	ctx, cancel := context.WithCancel(r.Context())
	t := &attempt{cancel: cancel}
	out := r.Clone(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { t.sent.Store(true) }}))
	out.URL.Host = node
	if body != nil {
		out.Body = io.NopCloser(bytes.NewReader(body))
	}
	go func() {
		t.res, t.err = a.by.RoundTrip(out)
		if t.err != nil {
			cancel()
		}
		answers <- t
	}()
	return t
}

// alone ends the attempts beside t, and returns t's answer, whose end ends t.
func (t *attempt) alone(asked []*attempt, answers <-chan *attempt, open int) *http.Response {
	for _, other := range asked {
		if other != t {
			other.cancel()
		}
	}
	go func() {
		for range open {
			if late := <-answers; late.err == nil {
				late.res.Body.Close()
			}
		}
	}()
	t.res.Body = &ending{t.res.Body, t.cancel}
	return t.res
}

// ending is a body that ends its request.
type ending struct {
	io.ReadCloser
	end context.CancelFunc
}

// Close closes the body.
func (e *ending) Close() error {
	defer e.end()
	return e.ReadCloser.Close()
}

// keep reads the body of r, so that it can be sent again; nil for none.
func keep(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	defer r.Body.Close()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRepeated+1))
	if err == nil && len(body) > maxRepeated {
		err = errLarge
	}
	if err != nil {
		return nil, fmt.Errorf("node: body of a call: %w", err)
	}
	return body, nil
}

// repeatable reports whether r may be asked of two voters at once.
func repeatable(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Header.Get("Idempotency-Key") != ""
}
