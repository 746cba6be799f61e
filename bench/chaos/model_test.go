package chaos

import (
	"math"
	"testing"

	"github.com/anishathalye/porcupine"
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
