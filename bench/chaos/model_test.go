package chaos

import (
	"errors"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"stentor/control/client"
)

func call(client int, from, to int64, op Op, key string, out Answer) porcupine.Operation {
	return porcupine.Operation{ClientId: client, Input: Input{"w", op, key}, Call: from, Output: out, Return: to}
}

func TestTheModelTellsRightFromWrong(t *testing.T) {
	tests := []struct {
		name    string
		history []porcupine.Operation
		right   bool
	}{
		{"two in a row up to the maximum", []porcupine.Operation{
			call(0, 1, 2, Register, "a", Done), call(0, 3, 4, Register, "b", Done), call(0, 5, 6, Register, "c", Full),
		}, true},
		{"one too many", []porcupine.Operation{
			call(0, 1, 2, Register, "a", Done), call(1, 1, 2, Register, "b", Done), call(2, 1, 3, Register, "c", Done),
		}, false},
		{"full before it is", []porcupine.Operation{
			call(0, 1, 2, Register, "a", Done), call(0, 3, 4, Register, "b", Full),
		}, false},
		{"one address twice", []porcupine.Operation{
			call(0, 1, 2, Register, "a", Done), call(1, 3, 4, Register, "a", Done),
		}, false},
		{"a lost answer that counted", []porcupine.Operation{
			call(0, 1, math.MaxInt64, Register, "a", Unknown), call(1, 3, 4, Register, "b", Done), call(1, 5, 6, Register, "c", Full),
		}, true},
		{"a lost answer that did not", []porcupine.Operation{
			call(0, 1, math.MaxInt64, Register, "a", Unknown), call(1, 3, 4, Register, "b", Done), call(1, 5, 6, Register, "c", Done),
		}, true},
		{"an acknowledged registration that is lost", []porcupine.Operation{
			call(0, 1, 2, Register, "a", Done), call(0, 3, 4, Register, "a", Done),
		}, false},
		{"a ban that is lifted once", []porcupine.Operation{
			call(0, 1, 2, Ban, "p", Done), call(0, 3, 4, Lift, "p", Done), call(0, 5, 6, Lift, "p", None),
		}, true},
		{"a ban that was forgotten", []porcupine.Operation{
			call(0, 1, 2, Ban, "p", Done), call(0, 3, 4, Lift, "p", None),
		}, false},
		{"a lifted ban that comes back", []porcupine.Operation{
			call(0, 1, 2, Ban, "p", Done), call(0, 3, 4, Lift, "p", Done), call(0, 5, 6, Lift, "p", Done),
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := porcupine.CheckOperations(Model(2), tt.history); got != tt.right {
				t.Errorf("linearizable: %t", got)
			}
		})
	}
}

func TestHowAnAnswerIsRead(t *testing.T) {
	problem := func(status int, code string) error { return &client.Problem{Status: status, Code: code} }
	refused := &client.UnreachableError{Err: &net.OpError{Op: "dial", Err: errors.New("connection refused")}}
	tests := []struct {
		name string
		err  error
		sent int64
		want Answer
		odd  bool
	}{
		{"done", nil, 1, Done, false},
		{"full", problem(409, "registration_full"), 1, Full, false},
		{"signed up before", problem(409, "already_registered"), 1, Duplicate, false},
		{"nobody to let in again", problem(404, "participant_not_found"), 1, None, false},
		{"nobody listens", refused, 0, NotSent, false},
		{"nobody listens to the repetition", refused, 1, Unknown, false},
		{"a connection that broke", &client.UnreachableError{Err: errors.New("EOF")}, 1, Unknown, false},
		{"an edge that asked no voter", problem(503, "no_voter"), 1, NotSent, false},
		{"an edge that asked no voter, the second time", problem(503, "no_voter"), 2, Unknown, false},
		{"an edge whose voter does not answer", problem(504, "outcome_unknown"), 1, Unknown, false},
		{"a voter without a leader", problem(504, "outcome_unknown"), 1, Unknown, false},
		{"a voter that is behind", problem(503, "node_behind"), 1, Unknown, false},
		{"a replica without the webinar", problem(404, "webinar_not_found"), 1, NotSent, false},
		{"a replica without the webinar, the second time", problem(404, "webinar_not_found"), 2, Unknown, false},
		{"what no fault explains", problem(409, "conflict"), 1, Unknown, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := answerOf(tt.err, tt.sent)
			if got != tt.want || (err != nil) != tt.odd {
				t.Errorf("read as %q, %v", got, err)
			}
		})
	}
}

// What is printed of a wrong history must show the call that is to blame, which may be one
// that was taken for not sent, and nothing after the first answer that cannot be.
func TestTheSmallestWrongPartIsShown(t *testing.T) {
	made := func(from, to int, op Op, key string, out Answer) Call {
		return Call{Input: Input{"w", op, key}, From: time.Duration(from), To: time.Duration(to), Answer: out, Said: "2xx", Node: "n4", IdempotencyKey: "K"}
	}
	lost := made(5, 6, Ban, "p", NotSent)
	lost.Said = "503 no_voter"
	calls := []Call{
		made(1, 2, Ban, "p", Done), made(3, 4, Lift, "p", Done), lost,
		made(7, 20, Ban, "q", Done), made(7, 8, Lift, "p", Done), made(9, 10, Ban, "p", Done),
		made(5, 30, Lift, "p", None),
	}
	result, wrong := verdict(calls, 2, time.Minute)
	if result != porcupine.Illegal || wrong == nil {
		t.Fatalf("the verdict is %v", result)
	}
	if wrong.Part != "w p" || wrong.Parts != 1 || len(wrong.Calls) != 5 {
		t.Errorf("%d calls of %q", len(wrong.Calls), wrong.Part)
	}
	for _, line := range []string{"n4  ban(p)                     not sent  503 no_voter", "(later: none, 2xx)", "[K]"} {
		if text := wrong.String(); !strings.Contains(text, line) {
			t.Errorf("%q is not in\n%s", line, text)
		}
	}
	if result, wrong := verdict(calls[:4], 2, time.Minute); result != porcupine.Ok || wrong != nil {
		t.Errorf("a right history: %v, %v", result, wrong)
	}
}
