package signal

import (
	"encoding/json"
	"errors"
	"net/http"

	"stentor/control/webinar"
	"stentor/node/sfu"
)

// A problem is a refusal as HTTP says it (RFC 9457): the code is stable and for
// programs, the detail is a sentence for the person.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail,omitempty"`

	retry string // Retry-After, in seconds
}

// Error returns the code and the sentence.
func (p problem) Error() string { return p.Code + ": " + p.Detail }

var (
	errNoSuchPlace   = problem{Status: http.StatusNotFound, Code: "not_found", Detail: "There is nothing here."}
	errNoSuchSession = problem{Status: http.StatusNotFound, Code: "session_not_found", Detail: "There is no such session, or it has ended."}
)

// statuses are those of the refusals at the door. What is not here is 403: the
// visitor is known and may not.
var statuses = map[string]int{
	"not_found":               http.StatusNotFound,
	"ended":                   http.StatusGone,
	"pin_required":            http.StatusUnauthorized,
	"credentials_required":    http.StatusUnauthorized,
	"token_invalid":           http.StatusUnauthorized,
	"not_live":                http.StatusConflict,
	"stream_taken":            http.StatusConflict,
	"stage_full":              http.StatusConflict,
	"already_inside":          http.StatusConflict, // come again with "takeover"
	"superseded":              http.StatusConflict,
	"in_lobby":                http.StatusConflict,
	"full":                    http.StatusConflict,
	"pass_invalid":            http.StatusUnauthorized,
	"too_many_guesses":        http.StatusTooManyRequests,
	"too_many_requests":       http.StatusTooManyRequests,
	"too_many_sessions":       http.StatusTooManyRequests,
	"not_ready":               http.StatusServiceUnavailable,
	"unavailable":             http.StatusServiceUnavailable,
	"node_stopping":           http.StatusServiceUnavailable,
	"ice_restart_failed":      http.StatusServiceUnavailable,
	"too_many_feeds":          http.StatusTooManyRequests,
	"name_invalid":            http.StatusUnprocessableEntity,
	"invalid_name":            http.StatusUnprocessableEntity,
	"device_invalid":          http.StatusUnprocessableEntity,
	sfu.CodeTooLarge:          http.StatusRequestEntityTooLarge,
	sfu.CodeTooManySections:   http.StatusUnprocessableEntity,
	sfu.CodeTooManyCandidates: http.StatusUnprocessableEntity,
	sfu.CodeMalformed:         http.StatusBadRequest,
	sfu.CodeUnsupported:       http.StatusUnprocessableEntity,
	sfu.CodeNoMedia:           http.StatusUnprocessableEntity,
	sfu.CodeCodec:             http.StatusNotAcceptable,
}

// retries are how many seconds to wait before coming again, where that helps.
var retries = map[string]string{
	"not_live": "2", "in_lobby": "5", "full": "10", "stream_taken": "5", "too_many_guesses": "120", "too_many_requests": "5", "too_many_sessions": "30",
	"not_ready": "1", "unavailable": "2", "node_stopping": "1", "ice_restart_failed": "1",
}

// problemOf says an error as HTTP does. What is not meant for visitors is not
// shown to them.
func problemOf(err error) problem {
	var p problem
	var d *webinar.Denial
	var o *sfu.OfferError
	switch {
	case errors.As(err, &p):
	case errors.As(err, &d):
		p = problem{Code: d.Code, Detail: d.Detail, Status: http.StatusForbidden}
	case errors.As(err, &o):
		p = problem{Code: o.Code, Detail: o.Detail, Status: http.StatusUnprocessableEntity}
	case errors.Is(err, sfu.ErrClosed):
		p = problem{Code: "node_stopping", Detail: "This node is being restarted. Please come again.", Status: http.StatusServiceUnavailable}
	default:
		p = problem{Code: "internal", Detail: "Something went wrong at this node.", Status: http.StatusInternalServerError}
	}
	if s, ok := statuses[p.Code]; ok {
		p.Status = s
	}
	p.retry = retries[p.Code]
	return p
}

func writeProblem(w http.ResponseWriter, p problem) {
	h := w.Header()
	if p.Type == "" {
		p.Type = "about:blank"
	}
	p.Title = http.StatusText(p.Status)
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="stentor"`)
	}
	if p.retry != "" {
		h.Set("Retry-After", p.retry)
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client has gone, or has it
}
