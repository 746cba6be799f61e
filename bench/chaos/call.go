package chaos

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// Call is one call of a client, and what came of it.
type Call struct {
	Input
	Client         int
	Node           string        // that was asked
	IdempotencyKey string        // that it carried
	From, To       time.Duration // since the run began
	Answer         Answer        // what the history takes it for
	Said           string        // how the node put it: a status and a code, or the error
	Sent           int64         // how often it went out: the transport repeats by itself what has an Idempotency-Key
}

// String is one line of a log.
func (c Call) String() string {
	what := fmt.Sprintf("%s(%s)", c.Op, c.Key)
	line := fmt.Sprintf("%11.6f %11.6f  client %-2d %-3s %-26s %-9s %s", c.From.Seconds(), c.To.Seconds(), c.Client, c.Node, what, c.Answer, c.Said)
	if c.Sent != 1 {
		line += fmt.Sprintf(", sent %d times", c.Sent)
	}
	return line + "  [" + c.IdempotencyKey + "]"
}

// part names what the call has an effect on: the registrations of a webinar, or the bans
// of one participant there. Parts do not depend on each other.
func (c Call) part() string {
	if c.Op == Register {
		return c.Webinar
	}
	return c.Webinar + " " + c.Key
}

// operations are the calls as porcupine has them: those that were sent. A pending one has a
// client of its own, since one client does one thing at a time.
func operations(calls []Call) []porcupine.Operation {
	var out []porcupine.Operation
	next := 1000
	for _, c := range calls {
		o := porcupine.Operation{ClientId: c.Client, Input: c.Input, Call: int64(c.From), Output: c.Answer, Return: int64(c.To)}
		switch c.Answer {
		case NotSent:
			continue
		case Unknown:
			o.ClientId, o.Return = next, math.MaxInt64
			next++
		}
		out = append(out, o)
	}
	return out
}

// Wrong is a part of the history that no single copy of the state explains.
type Wrong struct {
	Part  string
	Calls []Call // up to the first answer that cannot be, in the order in which they ended
	Parts int    // how many parts are wrong; this is the one with the fewest calls
}

// shown is how many calls are printed: enough to see how it came to the last one.
const shown = 60

// String shows the calls, one a line, for a log that somebody reads later.
func (w *Wrong) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d parts of the history are not linearizable; the smallest is %q. Without its last answer it is.\n", w.Parts, w.Part)
	fmt.Fprintf(&b, "%11s %11s  (seconds; a call without an answer is open for ever, one that was not sent does not count)\n", "from", "to")
	calls := w.Calls
	if n := len(calls) - shown; n > 0 {
		fmt.Fprintf(&b, "... %d before\n", n)
		calls = calls[n:]
	}
	for _, c := range calls {
		fmt.Fprintln(&b, c)
	}
	return b.String()
}

// verdict holds calls against one copy of the state, and returns the smallest part that
// it does not explain.
func verdict(calls []Call, maximum int, within time.Duration) (porcupine.CheckResult, *Wrong) {
	parts := make(map[string][]Call)
	for _, c := range calls {
		parts[c.part()] = append(parts[c.part()], c)
	}
	deadline := time.Now().Add(within)
	result, model := porcupine.Ok, Model(maximum)
	var worst *Wrong
	wrong := 0
	for name, part := range parts {
		switch porcupine.CheckOperationsTimeout(model, operations(part), max(time.Until(deadline), time.Millisecond)) {
		case porcupine.Unknown:
			if result == porcupine.Ok {
				result = porcupine.Unknown
			}
		case porcupine.Illegal:
			result = porcupine.Illegal
			wrong++
			if small := shrink(part, model); worst == nil || len(small) < len(worst.Calls) {
				worst = &Wrong{Part: name, Calls: small}
			}
		}
	}
	if worst != nil {
		worst.Parts = wrong
	}
	return result, worst
}

// shrink cuts a part off after the first answer that makes it wrong. What had no answer
// then is open. To leave out calls before would be another history: the one that made
// a later answer right may be among them.
func shrink(part []Call, model porcupine.Model) []Call {
	part = slices.Clone(part)
	slices.SortStableFunc(part, func(a, b Call) int { return int(a.To - b.To) })
	low, high := 0, len(part)-1 // the last answer that is needed
	for low < high {
		middle := (low + high) / 2
		if porcupine.CheckOperations(model, operations(until(part, part[middle].To))) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return until(part, part[low].To)
}

// until is what was known of a part at a moment: later calls are not there, and what was
// answered later is open.
func until(part []Call, now time.Duration) []Call {
	var out []Call
	for _, c := range part {
		if c.From > now {
			continue
		}
		if c.To > now && c.Answer != NotSent {
			c.Said = fmt.Sprintf("(later: %s, %s)", c.Answer, c.Said)
			c.Answer = Unknown
		}
		out = append(out, c)
	}
	return out
}
