package rtcclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// answerWithin bounds one request: the server gathers no candidates and asks
// nobody, so that an answer that takes longer will not come.
const answerWithin = 15 * time.Second

// maxAnswer bounds what is read of an answer.
const maxAnswer = 256 << 10

// Refusal is a server that said no: the HTTP status, and the code and sentence of
// its problem document (RFC 9457) where it sent one.
type Refusal struct {
	Status     int
	Code       string // such as "wrong_pin", "not_live", "stream_taken"; empty without a document
	Detail     string
	RetryAfter time.Duration // 0: it did not say when to come again
}

// Error says the sentence, with code and status.
func (r *Refusal) Error() string {
	if r.Code == "" {
		return fmt.Sprintf("rtcclient: the server answered %d %s", r.Status, http.StatusText(r.Status))
	}
	return fmt.Sprintf("rtcclient: %s (%s, status %d)", r.Detail, r.Code, r.Status)
}

// final reports whether it is of no use to ask again: the server understood, and
// time will not change its mind.
func (r *Refusal) final() bool {
	switch r.Status {
	case http.StatusConflict, http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusTooEarly:
		return false
	}
	return r.Status >= 400 && r.Status < 500
}

// Code returns the server's code of a refusal, "" for every other error.
func Code(err error) string {
	if r := (*Refusal)(nil); errors.As(err, &r) {
		return r.Code
	}
	return ""
}

// NotLive reports whether a player was refused because nobody sends yet (WHEP: 409),
// and when to come again.
func NotLive(err error) (retryAfter time.Duration, ok bool) {
	if r := (*Refusal)(nil); errors.As(err, &r) && r.Status == http.StatusConflict && r.Code == "not_live" {
		return r.RetryAfter, true
	}
	return 0, false
}

// resource is the session that a WHIP or WHEP server made for us.
type resource struct {
	http   *http.Client
	bearer string
	url    string
}

// offerTo posts an offer (RFC 9725, section 4.2) and returns the answer.
func offerTo(ctx context.Context, h *http.Client, endpoint, bearer, offer string) (answer string, r *resource, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	res, body, err := request(ctx, h, http.MethodPost, endpoint, bearer, offer)
	if err != nil {
		return "", nil, err
	}
	if res.StatusCode != http.StatusCreated {
		return "", nil, refusal(res, body)
	}
	location, err := res.Request.URL.Parse(res.Header.Get("Location"))
	if err != nil || res.Header.Get("Location") == "" {
		return "", nil, fmt.Errorf("rtcclient: the server made a session without a usable Location: %q", res.Header.Get("Location"))
	}
	return string(body), &resource{http: h, bearer: bearer, url: location.String()}, nil
}

// end deletes the session. The server finds out by itself where that fails.
func (r *resource) end(ctx context.Context) error {
	res, body, err := request(ctx, r.http, http.MethodDelete, r.url, r.bearer, "")
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return refusal(res, body)
	}
	return nil
}

func request(ctx context.Context, h *http.Client, method, to, bearer, body string) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, nil, fmt.Errorf("rtcclient: %w", err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/sdp")
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := h.Do(req)
	if err != nil {
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err // the address may hold a secret, and the log must not
		}
		return nil, nil, fmt.Errorf("rtcclient: %w", err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, nil, fmt.Errorf("rtcclient: %w", err)
	}
	return res, b, nil
}

func refusal(res *http.Response, body []byte) *Refusal {
	r := &Refusal{Status: res.StatusCode}
	var problem struct{ Code, Detail string }
	if strings.Contains(res.Header.Get("Content-Type"), "json") && json.Unmarshal(body, &problem) == nil {
		r.Code, r.Detail = problem.Code, problem.Detail
	}
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s > 0 && s <= 3600 {
		r.RetryAfter = time.Duration(s) * time.Second
	}
	return r
}
