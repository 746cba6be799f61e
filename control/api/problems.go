package api

import (
	"net/http"

	"stentor/control/client"
)

// The codes of refusals. They never change; a new reason gets a new code.
const (
	codeTokenRequired   = "token_required"
	codeTokenUnknown    = "token_unknown"
	codeScopeMissing    = "scope_missing"
	codeRouteNotFound   = "route_not_found"
	codeMethod          = "method_not_allowed"
	codeBodyTooLarge    = "body_too_large"
	codeBodyTooSlow     = "body_too_slow"
	codeMalformedBody   = "malformed_body"
	codeMediaType       = "unsupported_media_type"
	codeInvalidRequest  = "invalid_request"
	codeInvalidCursor   = "invalid_cursor"
	codeInvalidIfMatch  = "invalid_if_match"
	codeInvalidName     = "invalid_name"
	codeInvalidPIN      = "invalid_pin"
	codePINConflict     = "pin_conflict"
	codePINMissing      = "pin_missing"
	codePINRegistration = "pin_with_registration"
	codeWebinarNotFound = "webinar_not_found"
	codeBanNotFound     = "ban_not_found"
	codeProblemNotFound = "problem_not_found"
	codeEnded           = "ended"
	codeVersionMismatch = "version_mismatch"
	codeKeyReused       = "idempotency_key_reused"
	codeTooMany         = "too_many"
	codeConflict        = "conflict"
	codeOutcomeUnknown  = "outcome_unknown"
	codeBehind          = "node_behind"
	codeInternal        = "internal"
)

// Kind is one line of the table of refusals.
type Kind struct {
	Code   string `json:"code"`
	Status int    `json:"status" minimum:"400" maximum:"599"`
	Title  string `json:"title"`
	About  string `json:"about" doc:"What it means and what to do about it."`
}

// Kinds returns every kind of refusal that the API can answer with.
func Kinds() []Kind {
	return []Kind{
		{codeTokenRequired, 401, "API token required", "The request carries no API token. Send it as Authorization: Bearer sta_..."},
		{codeTokenUnknown, 401, "API token unknown", "The API token is not, or no longer, one of this mesh."},
		{codeScopeMissing, 403, "Scope missing", "The API token is good, but not for this: another scope is needed."},
		{codeRouteNotFound, 404, "No such path", "The control API has no such path; /api/v1/openapi.json lists them."},
		{codeMethod, 405, "Method not allowed", "The path is there, for other methods: the header Allow names them."},
		{codeBodyTooLarge, 413, "Body too large", "No body of the control API is longer than 16 KiB; it was not read."},
		{codeBodyTooSlow, 408, "Body too slow", "The body did not arrive in five seconds."},
		{codeMalformedBody, 400, "Malformed body", "The body is missing or is not JSON."},
		{codeMediaType, 415, "Not JSON", "Bodies are application/json."},
		{codeInvalidRequest, 422, "Invalid request", "A part of the request is missing, unknown or out of its bounds; errors says which."},
		{codeInvalidCursor, 422, "Invalid cursor", "The cursor does not come from this list. Begin without one."},
		{codeInvalidIfMatch, 422, "Invalid If-Match", "If-Match is * or one ETag of the webinar, such as \"3\"."},
		{codeInvalidName, 422, "Invalid name", "A name or title is one line of text without control characters."},
		{codeInvalidPIN, 422, "Invalid PIN", "A PIN has 4 to 32 printable characters."},
		{codePINConflict, 422, "PIN given twice", "A PIN is either set by hand or drawn by the server, not both."},
		{codePINMissing, 422, "PIN missing", "Give a PIN, or ask for one to be drawn."},
		{codePINRegistration, 409, "PIN and registration", "A webinar has a PIN only while its registration is off: switch one of them off."},
		{codeWebinarNotFound, 404, "No such webinar", "There is no such webinar, or the token does not reach it."},
		{codeBanNotFound, 404, "No such ban", "The webinar has no such ban; it may have been lifted already."},
		{codeProblemNotFound, 404, "No such code", "No refusal of the control API has this code."},
		{codeEnded, 409, "Webinar ended", "The webinar has ended; nothing about it changes any more."},
		{codeVersionMismatch, 412, "Version mismatch", "The webinar was changed since the version in If-Match. Get it again and decide again."},
		{codeKeyReused, 422, "Idempotency key reused", "The same Idempotency-Key came before with another request. Draw a new key."},
		{codeTooMany, 409, "Too many", "There are as many of these as there can be."},
		{codeConflict, 409, "Not possible now", "The replicated state refuses the change; detail says why."},
		{codeOutcomeUnknown, 504, "Outcome unknown", "No leader has confirmed the change: the mesh may have no quorum now, or the answer was lost. Repeat it with the same Idempotency-Key."},
		{codeBehind, 503, "Node behind", "The change is made, but this node does not have it yet. Repeat with the same Idempotency-Key for the answer."},
		{codeInternal, 500, "Internal error", "Something is wrong with the node; its log says more."},
	}
}

// general are the codes that any route with a token can answer with.
func general() []string {
	return []string{codeTokenRequired, codeTokenUnknown, codeScopeMissing, codeInternal}
}

// bodies are the codes of routes that read a body.
func bodies() []string {
	return []string{codeBodyTooLarge, codeBodyTooSlow, codeMalformedBody, codeMediaType, codeInvalidRequest}
}

// changes are the codes of routes that change the state.
func changes() []string {
	return []string{codeKeyReused, codeEnded, codeConflict, codeInvalidName, codeTooMany, codeOutcomeUnknown, codeBehind}
}

// kindOf returns the line of the table with that code.
func kindOf(code string) (Kind, bool) {
	for _, k := range Kinds() {
		if k.Code == code {
			return k, true
		}
	}
	return Kind{}, false
}

// refuse makes a refusal. Without a detail it says what the table says. A code
// that the table lacks is a mistake in this package, and answered as internal.
func refuse(code, detail string, fields ...client.FieldError) *client.Problem {
	k, ok := kindOf(code)
	if !ok {
		k, _ = kindOf(codeInternal)
		detail = ""
	}
	if detail == "" {
		detail = k.About
	}
	return &client.Problem{
		Type:   "/api/v1/problems/" + k.Code,
		Title:  k.Title,
		Status: k.Status,
		Code:   k.Code,
		Detail: detail,
		Fields: fields,
	}
}

// codeOfStatus is the code of what huma refuses by itself, before a handler.
func codeOfStatus(status int) string {
	switch status {
	case http.StatusBadRequest:
		return codeMalformedBody
	case http.StatusUnprocessableEntity:
		return codeInvalidRequest
	case http.StatusRequestEntityTooLarge:
		return codeBodyTooLarge
	case http.StatusRequestTimeout:
		return codeBodyTooSlow
	case http.StatusUnsupportedMediaType:
		return codeMediaType
	}
	return codeInternal
}
