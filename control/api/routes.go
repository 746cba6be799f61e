package api

import (
	"net/http"
	"slices"
)

// Scope is what an API token allows.
type Scope string

// The scopes.
const (
	Admin Scope = "admin" // everything, over all webinars
	Host  Scope = "host"  // to make webinars, and to run those made with the same token
)

// Route is one line of the authorization table: a request, and who may make it.
type Route struct {
	Name    string // operation id
	Method  string
	Path    string
	Scopes  []Scope // one of them; none: everybody, without a token
	Status  int     // of the answer
	Tag     string
	Summary string
	Refuses []string // codes beside those that every route has
}

// Writes reports whether the route changes something.
func (r Route) Writes() bool { return r.Method != http.MethodGet }

// allows reports whether a token with these scopes may make the request.
func (r Route) allows(scopes []string) bool {
	return slices.ContainsFunc(r.Scopes, func(s Scope) bool { return slices.Contains(scopes, string(s)) })
}

var (
	hosts     = []Scope{Host, Admin}
	operators = []Scope{Admin}
	everybody = []Scope{}
)

const (
	oneWebinar = "/api/v1/webinars/{id}"
	planning   = "Webinars"
	people     = "People"
	operation  = "Mesh"
)

// Routes returns the authorization table: every request that the API answers.
// A host's token reaches only the webinars that were made with it; any other
// one is answered like one that does not exist.
func Routes() []Route {
	return []Route{
		{"create-webinar", "POST", "/api/v1/webinars", hosts, 201, planning, "Make a webinar", []string{codePINConflict, codeInvalidPIN}},
		{"list-webinars", "GET", "/api/v1/webinars", hosts, 200, planning, "List the webinars that the token reaches, newest first", nil},
		{"get-webinar", "GET", oneWebinar, hosts, 200, planning, "Get one webinar", []string{codeWebinarNotFound}},
		{"end-webinar", "POST", oneWebinar + "/end", hosts, 200, planning, "End a webinar and every session in it", []string{codeWebinarNotFound, codeVersionMismatch}},

		{"set-pin", "PUT", oneWebinar + "/pin", hosts, 200, planning, "Set or draw the PIN", []string{codeWebinarNotFound, codeVersionMismatch, codePINConflict, codePINMissing, codePINRegistration, codeInvalidPIN}},
		{"clear-pin", "DELETE", oneWebinar + "/pin", hosts, 204, planning, "Remove the PIN", []string{codeWebinarNotFound, codeVersionMismatch}},

		{"create-invite", "POST", oneWebinar + "/invites", hosts, 201, people, "Make a personal link", []string{codeWebinarNotFound}},
		{"list-invites", "GET", oneWebinar + "/invites", hosts, 200, people, "List the invites, without their secrets", []string{codeWebinarNotFound}},
		{"list-participants", "GET", oneWebinar + "/participants", hosts, 200, people, "List who is inside now, on every node", []string{codeWebinarNotFound}},
		{"disconnect", "POST", oneWebinar + "/participants/{participant}/disconnect", hosts, 200, people, "End a participant's sessions, and ban on request", []string{codeWebinarNotFound}},
		{"list-bans", "GET", oneWebinar + "/bans", hosts, 200, people, "List the bans", []string{codeWebinarNotFound}},
		{"lift-ban", "DELETE", oneWebinar + "/bans/{ban}", hosts, 204, people, "Let a banned person in again", []string{codeWebinarNotFound, codeBanNotFound}},

		{"create-token", "POST", "/api/v1/tokens", operators, 201, operation, "Make an API token", nil},
		{"create-join-token", "POST", "/api/v1/join-tokens", operators, 201, operation, "Make a token that lets one node into the mesh", nil},
		{"get-status", "GET", "/api/v1/status", hosts, 200, operation, "The mesh: its nodes, and how each track travels", nil},

		{"list-problems", "GET", "/api/v1/problems", everybody, 200, "About", "Every code that a refusal can have", nil},
		{"get-problem", "GET", "/api/v1/problems/{code}", everybody, 200, "About", "What a code means", []string{codeProblemNotFound}},
	}
}

// route returns the line of the table with that name. A name that is not there
// is a mistake in this package.
func route(name string) Route {
	for _, r := range Routes() {
		if r.Name == name {
			return r
		}
	}
	panic("api: no route " + name)
}
