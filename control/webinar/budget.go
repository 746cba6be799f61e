package webinar

import "time"

// GuessesPerHour is the budget of wrong PINs of one webinar in the whole mesh (M8).
// With it, and as many again saved up, eight digits fall within four hours with a
// chance of 5e-6, whatever the number of edges.
const GuessesPerHour = 100

// A guess is counted in thousandths. The budget holds what an hour gives at most, so an
// attacker who waits has two hours' worth in the first hour.
const (
	wholeGuess  = 1000
	fullBudget  = GuessesPerHour * wholeGuess
	rightEarns  = wholeGuess / 10
	guessEvery  = time.Hour / fullBudget // how long a thousandth takes
	mostGuesses = 10                     // one in so many of what is left goes to one node at a time
)

// Guess takes up to want wrong PINs out of w's budget for one node, which reports how
// many right ones it saw since the last time: each earns a tenth, since people mistype,
// the more of them the more often. It returns what is left, and how many the node got.
//
// now is by the leader's clock, and does not go back. What a node got and does not use is
// lost: the sum of what all nodes try is never more than the budget (M8).
func (w *Webinar) Guess(want, right int, now time.Time) (Budget, int) {
	b := w.budget
	if b == (Budget{}) {
		b = Budget{Left: fullBudget, At: now}
	}
	if passed := now.Sub(b.At); passed > 0 {
		earned := min(int64(passed/guessEvery), fullBudget)
		b.Left += earned
		b.At = now.Add(-(passed % guessEvery))
	}
	b.Left = min(b.Left+int64(right)*rightEarns, fullBudget)
	n := 0
	if whole := int(b.Left / wholeGuess); whole > 0 {
		n = min(want, max(1, whole/mostGuesses))
	}
	b.Left -= int64(n) * wholeGuess
	return b, n
}
