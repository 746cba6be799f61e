package lease

import "time"

const (
	// guessBlock is how many wrong PINs an edge asks for at once: visitors who mistype and
	// come at the same moment, but no more than a tenth of the budget that might be lost
	// with the edge.
	guessBlock = 10
	guessLow   = 3
	// mostRight is how many right PINs one proposal tells of; the voters refuse one that
	// tells of more than they believe.
	mostRight = 10_000
	// guessPause is how long an edge leaves the voters alone after the budget was found
	// spent. It earns a guess in 36 s.
	guessPause = 30 * time.Second
)

// guesses is what an edge has of a webinar's budget of wrong PINs (M8).
type guesses struct {
	left    int
	out     int // spent, and not settled yet
	right   int // right PINs that nobody was told of yet
	waits   int
	stock   bool // one is to be here, also before anybody needs it
	spent   bool // one was, since the last proposal for more
	pending uint64
	again   time.Time // not before, after there were none
}

func (g *guesses) held() bool {
	return g.left > 0 || g.out > 0 || g.right > 0 || g.waits > 0 || g.pending > 0
}

// need reports whether more should be asked for.
func (g *guesses) need(now time.Time) bool {
	idle := g.stock && g.left == 0 && g.out == 0
	return g.pending == 0 && // else the answer to an earlier proposal is still on its way
		(g.waits > 0 && g.left == 0 || g.spent && g.left < guessLow || idle) && !now.Before(g.again)
}

// want is how many are asked for: a block where they are used, one where it only has to
// be there. A right PIN gives its guess back, so that one lets everybody in who has it,
// also while the edge is cut off (M3).
func (g *guesses) want() uint32 {
	if g.waits > 0 || g.spent {
		return guessBlock
	}
	return 1
}

// StockGuess says whether a guess is to be here before anybody needs it.
func (t *Tenant) StockGuess(stock bool) { t.guesses.stock = stock }

// Spend takes a guess, and reports false when there is none here.
func (t *Tenant) Spend() bool {
	if t.guesses.left == 0 {
		return false
	}
	t.guesses.left--
	t.guesses.out++
	t.guesses.spent = true
	return true
}

// AwaitGuess says that somebody waits for a guess, or (by -1) no longer does.
func (t *Tenant) AwaitGuess(n int) { t.guesses.waits += n }

// GuessHope reports whether it is worth waiting for a guess.
func (t *Tenant) GuessHope(now time.Time) bool {
	return t.guesses.pending > 0 || !now.Before(t.guesses.again)
}

// SettleGuess says what became of a guess that was spent. A right PIN, and one that was
// never looked at, give it back.
func (t *Tenant) SettleGuess(right, looked bool) {
	if t.guesses.out == 0 {
		return
	}
	t.guesses.out--
	if right && looked {
		t.guesses.right++
	}
	if right || !looked {
		t.guesses.left++
	}
}
