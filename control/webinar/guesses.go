package webinar

import "time"

// GuessesPerHour is the budget of wrong PINs of one webinar in the whole mesh (M8).
// With it, and as many again saved up, eight digits fall within four hours with a
// chance of 5e-6, whatever the number of edges.
const GuessesPerHour = 100

// earned is what a right PIN adds to the budget: people mistype, the more of them the
// more often.
const earned = 0.1

// Share is the part of the budget that each of n nodes has for itself, wrong PINs an
// hour. The sum of all shares is never more than the budget. It is zero for a mesh of
// more nodes than guesses, whose guests then need an invite or the lobby.
func Share(n int) int { return GuessesPerHour / max(n, 1) }

// Guesses is a token bucket of wrong PINs. The zero Guesses has none left. It is not
// safe for concurrent use.
type Guesses struct {
	perHour float64
	left    float64
	at      time.Time
}

// NewGuesses returns a full bucket for perHour wrong PINs an hour.
func NewGuesses(perHour int, now time.Time) *Guesses {
	return &Guesses{perHour: float64(perHour), left: float64(perHour), at: now}
}

// Spend takes one guess before the PIN is looked at, so that a hundred at once are no
// more than a hundred one by one. It reports false when there is none left.
func (g *Guesses) Spend(now time.Time) bool {
	g.refill(now)
	if g.left < 1 {
		return false
	}
	g.left--
	return true
}

// Refund gives the guess back because the PIN was right, and the tenth of one that a
// right PIN earns.
func (g *Guesses) Refund(now time.Time) {
	g.refill(now)
	g.left = min(g.left+1+earned, g.perHour)
}

// Return gives the guess back because the PIN was never looked at.
func (g *Guesses) Return(now time.Time) {
	g.refill(now)
	g.left = min(g.left+1, g.perHour)
}

// Left is the number of guesses that could be spent at now.
func (g *Guesses) Left(now time.Time) int {
	g.refill(now)
	return int(g.left)
}

func (g *Guesses) refill(now time.Time) {
	if d := now.Sub(g.at); d > 0 { // a clock that went back earns nothing
		g.left = min(g.left+d.Hours()*g.perHour, g.perHour)
		g.at = now
	}
}
