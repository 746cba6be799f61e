package api

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"stentor/control"
	"stentor/control/client"
	"stentor/control/webinar"
)

// codesOf are the codes that a route can answer with.
func codesOf(r Route) []string {
	codes := append(slices.Clone(r.Refuses), codeInternal, codeTooManyRequests, codeInvalidRequest)
	if !r.Right.open() {
		codes = append(codes, codeTokenRequired, codeTokenUnknown, codeScopeMissing)
	}
	if r.inWebinar() {
		codes = append(codes, codeWebinarNotFound, codeNotAllowed, codeEnded)
	}
	if r.hasBody() {
		codes = append(codes, codeBodyTooLarge, codeBodyTooSlow, codeMalformedBody, codeMediaType)
	}
	if r.Writes() {
		codes = append(codes, codeCrossOrigin, codeKeyReused, codeEnded, codeConflict, codeInvalidName, codeTooMany, codeOutcomeUnknown, codeBehind)
	}
	if strings.HasPrefix(r.Name, "list-") {
		codes = append(codes, codeInvalidCursor)
	}
	if slices.Contains(r.Refuses, codeVersionMismatch) {
		codes = append(codes, codeInvalidIfMatch)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
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

// codeOfDenial is the code with which the API passes on what a command was refused with.
// One that the table has is its own.
func codeOfDenial(code string) string {
	switch code {
	case webinar.ErrNotFound.Code:
		return codeWebinarNotFound
	case control.ErrRequestReused.Code:
		return codeKeyReused
	case control.ErrOwnerStays.Code:
		return codeNotAllowed
	case control.ErrNotUnconnected.Code:
		return codeParticipantNotFound
	case "invalid_title", "invalid_label":
		return codeInvalidName
	}
	if _, ok := kindOf(code); ok {
		return code
	}
	switch {
	case strings.HasPrefix(code, "invalid_registration"), strings.HasPrefix(code, "invalid_field"):
		return codeInvalidRegistration
	case strings.HasPrefix(code, "invalid_schedule"), strings.HasPrefix(code, "invalid_rule"):
		return codeInvalidSchedule
	case strings.HasPrefix(code, "too_many_"):
		return codeTooMany
	case strings.HasPrefix(code, "invalid_"):
		return codeInvalidRequest
	}
	return codeConflict
}

// denied turns what was refused elsewhere into a refusal of ours.
func denied(err error) (*client.Problem, bool) {
	var denial *webinar.Denial
	if !errors.As(err, &denial) {
		return nil, false
	}
	return refuse(codeOfDenial(denial.Code), denial.Detail), true
}
