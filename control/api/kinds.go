package api

// Kind is one line of the table of refusals.
type Kind struct {
	Code   string `json:"code"`
	Status int    `json:"status" minimum:"400" maximum:"599"`
	Title  string `json:"title"`
	About  string `json:"about" doc:"What it means and what to do about it."`
}

// Kinds returns every kind of refusal that the API can answer with.
func Kinds() []Kind {
	return append(append(requestKinds(), webinarKinds()...), accountKinds()...)
}

func requestKinds() []Kind {
	return []Kind{
		{codeTokenRequired, 401, "Sign-in required", "The request does not say who makes it. Send an API token as Authorization: Bearer sta_..., or sign in."},
		{codeTokenUnknown, 401, "Token unknown", "The token is not, or no longer, one of this mesh."},
		{codeScopeMissing, 403, "Scope missing", "The API token or account is good, but not for this: another scope or role is needed."},
		{codeNotAllowed, 403, "Not allowed", "This is for those who run the webinar; /api/v1/me says who you are."},
		{codeCrossOrigin, 403, "From another site", "A page of another site has made this request, with the cookie of this one. It was not carried out."},
		{codeTooManyRequests, 429, "Too many requests", "There were too many requests. Retry-After says when to come back, in seconds."},
		{codeRouteNotFound, 404, "No such path", "The control API has no such path; /api/v1/openapi.json lists them."},
		{codeMethod, 405, "Method not allowed", "The path is there, for other methods: the header Allow names them."},
		{codeBodyTooLarge, 413, "Body too large", "The body is longer than any that makes sense here; it was not read."},
		{codeBodyTooSlow, 408, "Body too slow", "The body did not arrive in five seconds."},
		{codeMalformedBody, 400, "Malformed body", "The body is missing or is not JSON."},
		{codeMediaType, 415, "Not JSON", "Bodies are application/json."},
		{codeInvalidRequest, 422, "Invalid request", "A part of the request is missing, unknown or out of its bounds; errors says which."},
		{codeInvalidCursor, 422, "Invalid cursor", "The cursor does not come from this list. Begin without one."},
		{codeInvalidIfMatch, 422, "Invalid If-Match", "If-Match is * or one ETag of the webinar, such as \"3\"."},
		{codeInvalidName, 422, "Invalid name", "A name or title is one line of text without control characters."},
		{codeEmptyEdit, 422, "Nothing to change", "The request names nothing that is to change."},
		{codeProblemNotFound, 404, "No such code", "No refusal of the control API has this code."},
		{codeVersionMismatch, 412, "Version mismatch", "The webinar was changed since the version in If-Match. Get it again and decide again."},
		{codeKeyReused, 422, "Idempotency key reused", "The same Idempotency-Key came before with another request. Draw a new key."},
		{codeTooMany, 409, "Too many", "There are as many of these as there can be."},
		{codeConflict, 409, "Not possible now", "The replicated state refuses the change; detail says why."},
		{codeFeatureLevel, 409, "Mesh too old", "Some nodes of the mesh do not know this yet. Upgrade them first."},
		{codeOutcomeUnknown, 504, "Outcome unknown", "No leader has confirmed the change: the mesh may have no quorum now, or the answer was lost. Repeat it with the same Idempotency-Key."},
		{codeBehind, 503, "Node behind", "The change is made, but this node does not have it yet. Repeat with the same Idempotency-Key for the answer."},
		{codeInternal, 500, "Internal error", "Something is wrong with the node; its log says more."},
	}
}

func webinarKinds() []Kind {
	return []Kind{
		{codeWebinarNotFound, 404, "No such webinar", "There is no such webinar, or you are nobody to it."},
		{codeEnded, 409, "Webinar ended", "The webinar has ended; nothing about it changes any more."},
		{codeInvalidPIN, 422, "Invalid PIN", "A PIN has 4 to 32 printable characters."},
		{codePINConflict, 422, "PIN given twice", "A PIN is either set by hand or drawn by the server, not both."},
		{codePINMissing, 422, "PIN missing", "Give a PIN, or ask for one to be drawn."},
		{codePINRegistration, 409, "PIN and registration", "A webinar has a PIN only while its registration is off: clear the PIN, or switch the registration off."},
		{codeInvalidSchedule, 422, "Invalid schedule", "The times, the time zone or the rule of recurrence make no sense; detail says which."},
		{codeInvalidLastEventID, 422, "Invalid Last-Event-ID", "Last-Event-ID is the id of an event of this stream. Begin without one."},
		{codeInviteNotFound, 404, "No such invite", "The webinar has no such invite; it may have been revoked already."},
		{codeInvalidEmail, 422, "Invalid e-mail address", "That is not an e-mail address, or one is missing."},
		{codeParticipantNotFound, 404, "No such participant", "Nobody of that id was disconnected or banned."},
		{codeBanNotFound, 404, "No such ban", "The webinar has no such ban; it may have been lifted already."},
		{codeStageFull, 409, "Stage full", "There is no more room on the stage: bring somebody back first."},
		{codeAccountInvited, 409, "Account invited", "This account has an invite already; revoke that one first."},
		{codeEntryNotFound, 404, "No such entry", "The audit log of this webinar has no such entry, or keeps it no more."},
		{codeNotUndoable, 409, "Cannot be undone", "Only bans and removals that still hold can be undone from the audit log."},
		{codeWebhookNotFound, 404, "No such webhook", "There is no such webhook, or it is somebody else's."},

		{codeInvalidRegistration, 422, "Invalid registration", "The window, the maximum or a field of the form makes no sense; detail says which."},
		{codeRegistrationOff, 409, "Registration off", "The webinar has no registration. Switch it on first."},
		{codeRegistrationUnavailable, 404, "No registration here", "Nobody can sign up under this link now. Ask whoever gave it to you."},
		{codeRegistrationNotOpen, 409, "Registration not open", "The registration is not open yet; detail says when."},
		{codeRegistrationFull, 409, "Registration full", "There is no place left."},
		{codeRegistrantNotFound, 404, "No such registrant", "Nobody signed up under that id or with that personal link."},
		{codeAlreadyRegistered, 409, "Already registered", "Somebody has signed up with this e-mail address already; the personal link is in their mail."},
		{codeInvalidAnswers, 422, "Invalid answers", "Something in the form is missing or is not what is asked for; errors says what."},
	}
}

func accountKinds() []Kind {
	return []Kind{
		{codeAccountsOff, 404, "No accounts", "This node does not know accounts with a sign-in."},
		{codeAccountNotFound, 404, "No such account", "There is no such account."},
		{codeSignInFailed, 401, "Sign-in failed", "That login or password is not right."},
		{codeTooManyAttempts, 429, "Too many attempts", "There were too many attempts to sign in. Retry-After says when to come back, in seconds."},
		{codeInvalidLogin, 422, "Invalid login", "A login has 3 to 128 characters, without spaces or control characters."},
		{codeInvalidPassword, 422, "Invalid password", "A password has 12 to 200 characters. A sentence is a good one."},
		{codeLoginTaken, 409, "Login taken", "There is already an account with that login."},
		{codeIdentityTaken, 409, "Identity taken", "Another account belongs to this identity."},
		{codeLastAdministrator, 409, "Last administrator", "Somebody has to be left who can administer this."},
		{codeTokenNotFound, 404, "No such token", "There is no such API token; it may have been revoked already."},
		{codeNodeNotFound, 404, "No such node", "No node of that name was ever part of the mesh."},
		{codeNodeSilent, 503, "Node silent", "The node did not answer. See whether it runs, and whether the status of the mesh shows it as alive."},
		{codeNodeRemoved, 409, "Node removed", "This node was put out of the mesh before."},
		{codeRecordingNotFound, 404, "No such recording", "There is no such file, or it was deleted with the webinar's personal data."},
		{codeCaptionInvalid, 422, "Invalid caption", "A caption is one line of 1 to 200 characters."},
		{codeCaptionLanguage, 422, "Invalid language", "A caption names its language, such as de or pt-BR, and there are captions in at most 16 languages."},
		{codeRotationRunning, 409, "Rotation under way", "The key of the gossip is being changed already. The status of the mesh shows how far that is."},
	}
}
