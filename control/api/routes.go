package api

import (
	"net/http"
	"strings"
)

// Scope is what an API token allows.
type Scope string

// The scopes.
const (
	Admin Scope = "admin" // everything, over all webinars
	Host  Scope = "host"  // to make webinars, and to run those made with the same token
)

// Route is one request that the API answers.
type Route struct {
	Name    string // operation id
	Method  string
	Path    string
	Right   Right // who may make it
	Status  int   // of the answer
	Tag     string
	Summary string
	Body    int      // most bytes of the request's body; 0: maxBody
	Media   string   // what the answer is; empty: JSON
	Later   bool     // it changes something even after the webinar's end
	Living  bool     // it reads what nobody has any more once the webinar has ended, and is refused then
	Refuses []string // codes beside those that every route of its kind has
}

// Writes reports whether the route changes something.
func (r Route) Writes() bool { return r.Method != http.MethodGet }

// inWebinar reports whether the route is about one webinar.
func (r Route) inWebinar() bool { return strings.HasPrefix(r.Path, oneWebinar) }

// hasBody reports whether the route reads a body.
func (r Route) hasBody() bool {
	return r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch
}

// maxBytes is how long a body of the route may be.
func (r Route) maxBytes() int {
	if r.Body > 0 {
		return r.Body
	}
	return maxBody
}

const (
	oneWebinar     = "/api/v1/webinars/{id}"
	oneParticipant = oneWebinar + "/participants/{participant}"

	planning = "Webinars"
	signUp   = "Registration"
	people   = "People"
	signIn   = "Accounts"
	record   = "Audit"
	recorded = "Recording"
	mesh     = "Mesh"
	about    = "About"
)

// Routes returns every request that the API answers. [Rows] is the authorization table
// made of it.
func Routes() []Route {
	routes := webinarRoutes()
	for _, more := range [][]Route{registrationRoutes(), peopleRoutes(), auditRoutes(), recordingRoutes(), accountRoutes(), meshRoutes()} {
		routes = append(routes, more...)
	}
	return routes
}

// route returns the route with that name. A name that is not there is a mistake in this
// package.
func route(name string) Route {
	for _, r := range Routes() {
		if r.Name == name {
			return r
		}
	}
	panic("api: no route " + name)
}

// settings are the codes of routes that take settings of a webinar.
func settings(more ...string) []string {
	return append([]string{codeVersionMismatch, codePINRegistration, codeInvalidSchedule, codeInvalidRegistration, codeFeatureLevel}, more...)
}

func webinarRoutes() []Route {
	return []Route{
		{Name: "create-webinar", Method: "POST", Path: "/api/v1/webinars", Right: rightMakers(), Status: 201, Tag: planning, Body: largeBody,
			Summary: "Make a webinar", Refuses: []string{codePINConflict, codeInvalidPIN, codePINRegistration, codeInvalidSchedule, codeInvalidRegistration, codeFeatureLevel}},
		{Name: "list-webinars", Method: "GET", Path: "/api/v1/webinars", Right: rightListers(), Status: 200, Tag: planning,
			Summary: "List the webinars that one runs or presents in, newest first"},
		{Name: "get-webinar", Method: "GET", Path: oneWebinar, Right: rightStage(), Status: 200, Tag: planning, Summary: "Get one webinar"},
		{Name: "edit-webinar", Method: "PATCH", Path: oneWebinar, Right: rightHosts(), Status: 200, Tag: planning, Body: largeBody,
			Summary: "Change settings of a webinar, before and during", Refuses: settings(codeEmptyEdit)},
		{Name: "end-webinar", Method: "POST", Path: oneWebinar + "/end", Right: rightHosts(), Status: 200, Tag: planning,
			Summary: "End a webinar and every session in it", Refuses: []string{codeVersionMismatch}},
		{Name: "rotate-link", Method: "POST", Path: oneWebinar + "/link", Right: rightHosts(), Status: 200, Tag: planning,
			Summary: "Give a webinar another join link; the old one opens nothing any more", Refuses: []string{codeVersionMismatch, codeFeatureLevel}},
		{Name: "set-pin", Method: "PUT", Path: oneWebinar + "/pin", Right: rightHosts(), Status: 200, Tag: planning,
			Summary: "Set or draw the PIN", Refuses: []string{codeVersionMismatch, codePINConflict, codePINMissing, codePINRegistration, codeInvalidPIN, codeFeatureLevel}},
		{Name: "clear-pin", Method: "DELETE", Path: oneWebinar + "/pin", Right: rightHosts(), Status: 204, Tag: planning,
			Summary: "Remove the PIN", Refuses: []string{codeVersionMismatch}},
		{Name: "watch-events", Method: "GET", Path: oneWebinar + "/events", Right: rightHosts(), Status: 200, Tag: planning, Media: mediaEvents,
			Summary: "Follow what happens in a webinar, as server-sent events", Refuses: []string{codeTooManyRequests, codeInvalidLastEventID}},
	}
}

func registrationRoutes() []Route {
	const registration, registrants = oneWebinar + "/registration", oneWebinar + "/registrants"
	const public = "/api/v1/public/{link}"
	return []Route{
		{Name: "set-registration", Method: "PUT", Path: registration, Right: rightPlanners(), Status: 200, Tag: signUp, Body: formBody,
			Summary: "Switch registration on, or change it", Refuses: settings()},
		{Name: "clear-registration", Method: "DELETE", Path: registration, Right: rightPlanners(), Status: 204, Tag: signUp,
			Summary: "Switch registration off", Refuses: settings()},
		{Name: "open-registration", Method: "POST", Path: registration + "/open", Right: rightHosts(), Status: 200, Tag: signUp,
			Summary: "Let people sign up again, as the window says", Refuses: []string{codeRegistrationOff, codeFeatureLevel}},
		{Name: "close-registration", Method: "POST", Path: registration + "/close", Right: rightHosts(), Status: 200, Tag: signUp,
			Summary: "Let nobody sign up any more; nobody inside has to go", Refuses: []string{codeRegistrationOff, codeFeatureLevel}},
		{Name: "list-registrants", Method: "GET", Path: registrants, Right: rightHosts(), Status: 200, Tag: signUp,
			Summary: "List who signed up, with what they gave"},
		{Name: "get-registrant", Method: "GET", Path: registrants + "/{registrant}", Right: rightHosts(), Status: 200, Tag: signUp,
			Summary: "Get one registrant", Refuses: []string{codeRegistrantNotFound}},
		{Name: "decide-registrants", Method: "POST", Path: registrants + "/decide", Right: rightHosts(), Status: 200, Tag: signUp, Body: largeBody,
			Summary: "Approve, decline or cancel registrants", Refuses: []string{codeRegistrantNotFound, codeRegistrationOff, codeRegistrationFull, codeFeatureLevel}},
		{Name: "export-registrants", Method: "GET", Path: oneWebinar + "/registrants.csv", Right: rightPlanners(), Status: 200, Tag: signUp, Media: mediaCSV,
			Summary: "Export who signed up, as CSV"},
		{Name: "get-public", Method: "GET", Path: public, Right: rightEverybody(), Status: 200, Tag: signUp,
			Summary: "What the registration page shows", Refuses: []string{codeRegistrationUnavailable}},
		{Name: "register", Method: "POST", Path: public + "/registrants", Right: rightEverybody(), Status: 201, Tag: signUp, Body: largeBody,
			Summary: "Sign up. Whoever signs an address up again gets 409; the confirmation is not mailed again", Refuses: []string{
				codeRegistrationUnavailable, codeRegistrationNotOpen, codeRegistrationFull, codeAlreadyRegistered, codeInvalidAnswers, codeFeatureLevel}},
		{Name: "cancel-registration", Method: "POST", Path: public + "/cancel", Right: rightEverybody(), Status: 204, Tag: signUp,
			Summary: "Give one's registration up", Refuses: []string{codeRegistrantNotFound, codeFeatureLevel}},
	}
}

func peopleRoutes() []Route {
	return []Route{
		{Name: "create-invite", Method: "POST", Path: oneWebinar + "/invites", Right: rightPlanners(), Status: 201, Tag: people,
			Summary: "Make a personal link", Refuses: []string{codeAccountNotFound, codeAccountInvited, codeInvalidEmail, codeFeatureLevel}},
		{Name: "create-invites", Method: "POST", Path: oneWebinar + "/invites/batch", Right: rightPlanners(), Status: 201, Tag: people, Body: batchBody,
			Summary: "Make up to 500 personal links", Refuses: []string{codeAccountNotFound, codeAccountInvited, codeInvalidEmail, codeFeatureLevel}},
		{Name: "list-invites", Method: "GET", Path: oneWebinar + "/invites", Right: rightHosts(), Status: 200, Tag: people,
			Summary: "List the invites, without their secrets"},
		{Name: "revoke-invite", Method: "DELETE", Path: oneWebinar + "/invites/{invite}", Right: rightPlanners(), Status: 204, Tag: people, Later: true,
			Summary: "Take an invite back, and end the sessions of who came by it", Refuses: []string{codeInviteNotFound, codeFeatureLevel}},

		{Name: "list-participants", Method: "GET", Path: oneWebinar + "/participants", Right: rightStage(), Status: 200, Tag: people,
			Summary: "List who is inside now, on every node"},
		{Name: "edit-participant", Method: "PATCH", Path: oneParticipant, Right: rightHosts(), Status: 200, Tag: people,
			Summary: "Stop receiving a participant's audio or video, bring them to the stage, change their role", Refuses: []string{codeEmptyEdit, codeStageFull, codeFeatureLevel}},
		{Name: "disconnect", Method: "POST", Path: oneParticipant + "/disconnect", Right: rightHosts(), Status: 200, Tag: people, Later: true,
			Summary: "End a participant's sessions, and ban on request"},
		{Name: "reinvite", Method: "POST", Path: oneParticipant + "/reinvite", Right: rightHosts(), Status: 200, Tag: people,
			Summary: "Let somebody in again who was disconnected or banned", Refuses: []string{codeParticipantNotFound, codeFeatureLevel}},
		{Name: "list-unconnected", Method: "GET", Path: oneWebinar + "/unconnected", Right: rightHosts(), Status: 200, Tag: people,
			Summary: "List who was disconnected, the latest first"},
		{Name: "list-lobby", Method: "GET", Path: oneWebinar + "/lobby", Right: rightHosts(), Status: 200, Tag: people,
			Summary: "List who waits to be admitted, on every node"},
		{Name: "admit", Method: "POST", Path: oneWebinar + "/lobby/admit", Right: rightHosts(), Status: 200, Tag: people, Body: largeBody,
			Summary: "Admit people who wait in the lobby", Refuses: []string{codeEmptyEdit, codeFeatureLevel}},
		{Name: "raise-hand", Method: "PUT", Path: oneWebinar + "/hand", Right: rightInside(), Status: 200, Tag: people,
			Summary: "Raise or lower one's own hand, with a session token", Refuses: []string{codeFeatureLevel}},
		{Name: "list-bans", Method: "GET", Path: oneWebinar + "/bans", Right: rightHosts(), Status: 200, Tag: people, Summary: "List the bans"},
		{Name: "lift-ban", Method: "DELETE", Path: oneWebinar + "/bans/{ban}", Right: rightHosts(), Status: 204, Tag: people, Later: true,
			Summary: "Let a banned person in again", Refuses: []string{codeBanNotFound}},
	}
}

func auditRoutes() []Route {
	return []Route{
		{Name: "list-attendance", Method: "GET", Path: oneWebinar + "/attendance", Right: rightHosts(), Status: 200, Tag: record,
			Summary: "List who was inside, and when"},
		{Name: "export-attendance", Method: "GET", Path: oneWebinar + "/attendance.csv", Right: rightPlanners(), Status: 200, Tag: record, Media: mediaCSV,
			Summary: "Export who was inside, as CSV"},
		{Name: "export-chat", Method: "GET", Path: oneWebinar + "/chat.csv", Right: rightHosts(), Status: 200, Tag: people, Media: mediaCSV, Living: true,
			Summary: "Export the chat and the questions as CSV, while the webinar lasts"},
		{Name: "list-audit", Method: "GET", Path: oneWebinar + "/audit", Right: rightHosts(), Status: 200, Tag: record,
			Summary: "List what was done in a webinar, the latest first"},
		{Name: "undo", Method: "POST", Path: oneWebinar + "/audit/{seq}/undo", Right: rightHosts(), Status: 200, Tag: record, Later: true,
			Summary: "Undo a ban or a removal", Refuses: []string{codeEntryNotFound, codeNotUndoable, codeBanNotFound, codeParticipantNotFound, codeFeatureLevel}},
		{Name: "list-all-audit", Method: "GET", Path: "/api/v1/audit", Right: rightAdministrators(), Status: 200, Tag: record,
			Summary: "List what was done anywhere, the latest first"},
		{Name: "get-audit-head", Method: "GET", Path: "/api/v1/audit/head", Right: rightAdministrators(), Status: 200, Tag: record,
			Summary: "The end of the audit log, and the signature under it"},
		{Name: "create-webhook", Method: "POST", Path: "/api/v1/webhooks", Right: rightMakers(), Status: 201, Tag: record,
			Summary: "Have a server told what happens", Refuses: []string{codeWebinarNotFound, codeFeatureLevel}},
		{Name: "list-webhooks", Method: "GET", Path: "/api/v1/webhooks", Right: rightMakers(), Status: 200, Tag: record,
			Summary: "List one's webhooks; an administrator's list has everybody's"},
		{Name: "delete-webhook", Method: "DELETE", Path: "/api/v1/webhooks/{webhook}", Right: rightMakers(), Status: 204, Tag: record,
			Summary: "Tell a server nothing any more", Refuses: []string{codeWebhookNotFound, codeFeatureLevel}},
	}
}

func recordingRoutes() []Route {
	return []Route{
		{Name: "write-caption", Method: "POST", Path: oneWebinar + "/captions", Right: rightHosts(), Status: 204, Tag: recorded,
			Summary: "Show a line of what is spoken to those who read along", Refuses: []string{codeCaptionInvalid, codeCaptionLanguage, codeNodeSilent}},
		{Name: "start-recording", Method: "POST", Path: oneWebinar + "/recording/start", Right: rightHosts(), Status: 200, Tag: recorded,
			Summary: "Write what publishers send into files, at the nodes where they are; everybody inside is told", Refuses: []string{codeFeatureLevel}},
		{Name: "stop-recording", Method: "POST", Path: oneWebinar + "/recording/stop", Right: rightHosts(), Status: 200, Tag: recorded,
			Summary: "End the recording", Refuses: []string{codeFeatureLevel}},
		{Name: "list-recordings", Method: "GET", Path: oneWebinar + "/recordings", Right: rightHosts(), Status: 200, Tag: recorded,
			Summary: "List what was recorded, on every node"},
		{Name: "get-recorded-file", Method: "GET", Path: oneWebinar + "/recordings/{recording}/{node}/{file}", Right: rightPlanners(), Status: 200, Tag: recorded, Media: mediaFile,
			Summary: "Download a recorded file, or a part of it", Refuses: []string{codeRecordingNotFound, codeNodeSilent}},
	}
}

func accountRoutes() []Route {
	return []Route{
		{Name: "list-sign-ins", Method: "GET", Path: "/api/v1/sign-in", Right: rightEverybody(), Status: 200, Tag: signIn, Summary: "Which ways to sign in there are"},
		{Name: "sign-in", Method: "POST", Path: "/api/v1/sign-in", Right: rightEverybody(), Status: 200, Tag: signIn,
			Summary: "Sign in with a local account; the answer sets a cookie", Refuses: []string{codeSignInFailed, codeTooManyAttempts, codeAccountsOff}},
		{Name: "sign-out", Method: "POST", Path: "/api/v1/sign-out", Right: rightEverybody(), Status: 204, Tag: signIn, Summary: "Take the cookie back"},
		{Name: "get-me", Method: "GET", Path: "/api/v1/me", Right: rightSignedIn(), Status: 200, Tag: signIn, Summary: "Who makes the request"},
		{Name: "make-pass", Method: "POST", Path: "/api/v1/me/pass", Right: rightAccounts(), Status: 200, Tag: signIn,
			Summary: "A short-lived proof of one's account for the door of any node", Refuses: []string{codeAccountsOff}},
		{Name: "create-account", Method: "POST", Path: "/api/v1/accounts", Right: rightAdministrators(), Status: 201, Tag: signIn,
			Summary: "Make an account", Refuses: []string{codeInvalidLogin, codeInvalidPassword, codeLoginTaken, codeIdentityTaken, codeAccountsOff, codeFeatureLevel}},
		{Name: "list-accounts", Method: "GET", Path: "/api/v1/accounts", Right: rightAdministrators(), Status: 200, Tag: signIn, Summary: "List the accounts"},
		{Name: "get-account", Method: "GET", Path: "/api/v1/accounts/{account}", Right: rightAdministrators(), Status: 200, Tag: signIn,
			Summary: "Get one account", Refuses: []string{codeAccountNotFound}},
		{Name: "edit-account", Method: "PATCH", Path: "/api/v1/accounts/{account}", Right: rightAdministrators(), Status: 200, Tag: signIn,
			Summary: "Change an account, or end its sign-ins", Refuses: []string{codeAccountNotFound, codeInvalidPassword, codeEmptyEdit, codeIdentityTaken, codeLastAdministrator, codeAccountsOff, codeFeatureLevel}},
		{Name: "delete-account", Method: "DELETE", Path: "/api/v1/accounts/{account}", Right: rightAdministrators(), Status: 204, Tag: signIn,
			Summary: "Delete an account", Refuses: []string{codeAccountNotFound, codeLastAdministrator, codeFeatureLevel}},
		{Name: "create-token", Method: "POST", Path: "/api/v1/tokens", Right: rightAdministrators(), Status: 201, Tag: signIn, Summary: "Make an API token"},
		{Name: "list-tokens", Method: "GET", Path: "/api/v1/tokens", Right: rightAdministrators(), Status: 200, Tag: signIn,
			Summary: "List the API tokens, without what they are known by"},
		{Name: "revoke-token", Method: "DELETE", Path: "/api/v1/tokens/{token}", Right: rightAdministrators(), Status: 204, Tag: signIn,
			Summary: "Make an API token open nothing any more", Refuses: []string{codeTokenNotFound}},
	}
}

func meshRoutes() []Route {
	return []Route{
		{Name: "create-join-token", Method: "POST", Path: "/api/v1/join-tokens", Right: rightAdministrators(), Status: 201, Tag: mesh,
			Summary: "Make a token that lets one node into the mesh"},
		{Name: "get-status", Method: "GET", Path: "/api/v1/status", Right: rightMakers(), Status: 200, Tag: mesh,
			Summary: "The mesh: its nodes, and how each track travels"},
		{Name: "remove-node", Method: "DELETE", Path: "/api/v1/nodes/{node}", Right: rightAdministrators(), Status: 204, Tag: mesh,
			Summary: "Put a node out of the mesh for good", Refuses: []string{codeNodeNotFound, codeNodeRemoved, codeFeatureLevel}},
		{Name: "drain-node", Method: "PUT", Path: "/api/v1/nodes/{node}/drain", Right: rightAdministrators(), Status: 204, Tag: mesh,
			Summary: "Have a node hand over what it carries, before it is stopped", Refuses: []string{codeNodeNotFound, codeNodeSilent}},
		{Name: "undrain-node", Method: "DELETE", Path: "/api/v1/nodes/{node}/drain", Right: rightAdministrators(), Status: 204, Tag: mesh,
			Summary: "Have a node carry again", Refuses: []string{codeNodeNotFound, codeNodeSilent}},
		{Name: "rotate-gossip-key", Method: "POST", Path: "/api/v1/gossip-key/rotate", Right: rightAdministrators(), Status: 202, Tag: mesh,
			Summary: "Have the nodes seal their gossip with another key; that takes minutes", Refuses: []string{codeRotationRunning, codeFeatureLevel}},

		{Name: "list-problems", Method: "GET", Path: "/api/v1/problems", Right: rightEverybody(), Status: 200, Tag: about, Summary: "Every code that a refusal can have"},
		{Name: "get-problem", Method: "GET", Path: "/api/v1/problems/{code}", Right: rightEverybody(), Status: 200, Tag: about,
			Summary: "What a code means", Refuses: []string{codeProblemNotFound}},
	}
}
