package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/alecthomas/kong"

	"stentor/control/client"
)

// usageError is a command line or a configuration that cannot be meant so.
type usageError struct{ error }

// Unwrap returns the error that was marked.
func (e usageError) Unwrap() error { return e.error }

// Usage marks err as a mistake in how the program was called: [Report] answers
// it with exit status 2.
func Usage(err error) error { return usageError{err} }

// hintError is an error that comes with what to do about it.
type hintError struct {
	error
	hint string
}

// Unwrap returns the error without its hint.
func (e hintError) Unwrap() error { return e.error }

// Hint adds to err what to do next. An empty hint adds nothing.
func Hint(err error, hint string) error {
	if hint == "" {
		return err
	}
	return hintError{err, hint}
}

// Report prints err for a person, with hints, and returns the exit status: 0
// without an error, 2 for a mistake in the call, 130 when the user interrupted,
// else 1.
func Report(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(w, "stentor: interrupted")
		return 130
	}
	err = hinted(err)
	text := err.Error()
	for _, prefix := range []string{"cli: ", "client: "} {
		text = strings.TrimPrefix(text, prefix) // a person does not care which package says it
	}
	fmt.Fprintf(w, "stentor: %s\n", plain(text))
	var h hintError
	for e := err; errors.As(e, &h); e = h.error {
		fmt.Fprintf(w, "stentor: hint: %s\n", plain(h.hint))
	}
	if errors.As(err, new(usageError)) || errors.As(err, new(*kong.ParseError)) {
		return 2
	}
	return 1
}

// hinted adds the hints that follow from what an error is.
func hinted(err error) error {
	var unreachable *client.UnreachableError
	var problem *client.Problem
	var parse *kong.ParseError
	switch {
	case errors.As(err, &parse):
		return parseHint(err)
	case errors.As(err, &unreachable):
		return Hint(err, "is a node running there? --server, STENTOR_SERVER or the context file say which one to use")
	case errors.As(err, &problem) && problem.Status == http.StatusTooManyRequests:
		wait := "a moment"
		if problem.RetryAfter > 0 {
			wait = long(problem.RetryAfter)
		}
		return Hint(err, "wait "+wait+", then repeat it")
	case errors.As(err, &problem):
		return Hint(err, hintOf[problem.Code])
	}
	return err
}

// hintOf says what to do about a refusal of the server, by its code. A refusal
// that says it all by itself has none.
var hintOf = map[string]string{
	"token_required":        "give an API token: --token-file FILE, STENTOR_TOKEN, or the context file that `stentor demo` writes",
	"token_unknown":         "the token was revoked, or is another mesh's: --token-file, STENTOR_TOKEN and the context file are looked at in this order",
	"scope_missing":         "an operator makes a token with that scope: stentor token create NAME --scope admin",
	"webinar_not_found":     "stentor webinar list shows the webinars that this token may see",
	"ban_not_found":         "stentor ban list WEBINAR shows the bans",
	"invite_not_found":      "stentor invite list WEBINAR shows the invites",
	"participant_not_found": "stentor participant unconnected WEBINAR shows who was disconnected",
	"registrant_not_found":  "stentor registration list WEBINAR shows who signed up",
	"registration_off":      "stentor registration set WEBINAR switches it on",
	"registration_full":     "stentor registration set WEBINAR --maximum N makes room",
	"pin_with_registration": "one replaces the other: stentor registration off WEBINAR, or stentor pin clear WEBINAR",
	"stage_full":            "stentor participant unstage WEBINAR PARTICIPANT makes room",
	"entry_not_found":       "stentor audit list WEBINAR shows the entries, and which of them can be undone",
	"not_undoable":          "stentor audit list WEBINAR shows which entries can be undone",
	"account_not_found":     "stentor account list shows the accounts",
	"login_taken":           "stentor account list shows whose it is",
	"token_not_found":       "stentor token list shows the ids of the tokens",
	"webhook_not_found":     "stentor webhook list shows the webhooks",
	"node_not_found":        "stentor status shows the nodes",
	"last_administrator":    "make another one first: stentor account create LOGIN --role administrator",
	"feature_level":         "stentor status shows which nodes are outdated",
	"version_mismatch":      "someone else changed it: look at it again, then repeat the command",
	"outcome_unknown":       "stentor status shows which voters are missing; look whether the change is there before you repeat it",
	"unexpected_response":   "is that the address of a Stentor node, and not of something in front of it?",
	"body_too_large":        "nothing that the API takes is that long",
}

// parseHint takes the "did you mean" out of kong's sentence, so that it stands
// where all hints stand.
func parseHint(err error) error {
	text, hint, found := strings.Cut(err.Error(), ", did you mean ")
	if !found {
		return Hint(err, "stentor --help shows the commands, and --help after one its flags")
	}
	return Hint(Usage(errors.New(text)), "did you mean "+hint)
}
