package cli

import (
	"slices"
	"testing"

	"stentor/control/api"
)

func TestHintsAreForCodesThatExist(t *testing.T) {
	codes := map[string]bool{"unexpected_response": true} // the client's own
	for _, k := range api.Kinds() {
		codes[k.Code] = true
	}
	for code := range hintOf {
		if !codes[code] {
			t.Errorf("a hint for %s, which no server says", code)
		}
	}
}

// notHere are the requests that no command makes: they are for visitors, for the
// pages, and for programs.
var notHere = []string{
	"get-registrant", "get-public", "register", "cancel-registration", "raise-hand", "list-sign-ins", "sign-in", "sign-out", "get-me", "make-pass", "get-account", "list-problems", "get-problem",
}

func TestCommandsMakeEveryRequestOfTheAPI(t *testing.T) {
	known := map[string]bool{}
	for _, r := range api.Routes() {
		pattern := r.Method + " " + r.Path
		known[pattern] = true
		if _, made := bodies[pattern]; made == slices.Contains(notHere, r.Name) {
			t.Errorf("%s, %s: made by a command: %v", r.Name, pattern, made)
		}
	}
	for pattern := range bodies {
		if !known[pattern] {
			t.Errorf("the API has no %s", pattern)
		}
	}
}
