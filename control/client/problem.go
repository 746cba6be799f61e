package client

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Problem is a refusal by the server: RFC 9457 problem details with a code that
// stays the same across versions. Detail is a sentence for people.
type Problem struct {
	Type   string       `json:"type" doc:"About this kind of problem: /api/v1/problems/ and the code." example:"/api/v1/problems/not_found"`
	Title  string       `json:"title" doc:"What this kind of problem is, in a few words."`
	Status int          `json:"status" minimum:"100" maximum:"599" doc:"The HTTP status of the response."`
	Code   string       `json:"code" doc:"The kind of problem, stable across versions." example:"not_found"`
	Detail string       `json:"detail" doc:"What went wrong this time, as a sentence."`
	Fields []FieldError `json:"errors,omitempty" doc:"The parts of the request that are wrong."`
	// RetryAfter is how long the server asks to wait, by its header; 0: it does not.
	RetryAfter time.Duration `json:"-"`
}

// FieldError says what is wrong with one part of a request. It never holds the
// value itself, which may be a secret.
type FieldError struct {
	Location string `json:"location" doc:"Where it is, such as body.title." example:"body.title"`
	Message  string `json:"message" doc:"What is wrong with it."`
}

// Error says what went wrong, field by field where there are fields.
func (p *Problem) Error() string {
	if len(p.Fields) == 0 {
		return p.Detail
	}
	parts := make([]string, len(p.Fields))
	for i, f := range p.Fields {
		parts[i] = strings.TrimPrefix(f.Location, "body.") + ": " + f.Message
	}
	return strings.TrimSuffix(p.Detail, ".") + " (" + strings.Join(parts, "; ") + ")"
}

// GetStatus is the HTTP status of the response. The name is the one that the
// server's framework looks for.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is application/problem+json (RFC 9457, section 3).
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// UnreachableError means that the server gave no answer at all.
type UnreachableError struct {
	Server string
	Err    error
}

// Error names the server and says why it was not reached.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("no answer from %s: %v", e.Server, e.Err)
}

// Unwrap returns the error of the connection.
func (e *UnreachableError) Unwrap() error { return e.Err }

// problemOf reads a refusal. An answer that is none of ours (a proxy's page)
// becomes a problem with the code "unexpected_response".
func problemOf(r *http.Response, body []byte) error {
	var p Problem
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if (kind == "application/problem+json" || kind == "application/json") && json.Unmarshal(body, &p) == nil && p.Code != "" {
		p.Status, p.RetryAfter = r.StatusCode, retryAfter(r)
		return &p
	}
	return &Problem{
		Title:  http.StatusText(r.StatusCode),
		Status: r.StatusCode,
		Code:   "unexpected_response",
		Detail: fmt.Sprintf("The server answered %d %s, which is no answer of the control API.", r.StatusCode, http.StatusText(r.StatusCode)),

		RetryAfter: retryAfter(r),
	}
}

// retryAfter reads the header of that name where it is in seconds, as the server
// writes it.
func retryAfter(r *http.Response) time.Duration {
	n, err := strconv.ParseUint(r.Header.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}
