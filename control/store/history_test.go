package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/anishathalye/porcupine"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// What clients ask of a webinar, and what they are told.
type (
	asked struct {
		webinar string
		op      string // register, ban, lift or read
		n       int    // which address or participant
	}
	told struct {
		unknown bool
		code    string // of the refusal
		seen    places // by a read
	}
	// places is the webinar's state: who is registered, and who is banned, as bits.
	places struct{ registered, banned uint64 }
)

// maximum is how many may register for each webinar: fewer than there are addresses.
const (
	maximum   = 6
	addresses = 9
)

// after returns the state after a, and the answer to it.
func (p places) after(a asked) (places, told) {
	bit := uint64(1) << a.n
	switch a.op {
	case "register":
		switch {
		case p.registered&bit != 0:
			return p, told{code: webinar.ErrAlreadyRegistered.Code}
		case bits.OnesCount64(p.registered) >= maximum:
			return p, told{code: webinar.ErrRegistrationFull.Code}
		}
		p.registered |= bit
	case "ban":
		p.banned |= bit
	case "lift":
		p.banned &^= bit
	case "read":
		return p, told{seen: p}
	}
	return p, told{}
}

// model is the sequential specification: one webinar after the other, and what nobody
// was told of may have happened or not.
func model() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{places{}} },
		Step: func(state, in, out any) []any {
			now, answer := state.(places), out.(told)
			next, want := now.after(in.(asked))
			switch {
			case answer.unknown:
				return []any{now, next}
			case answer == want:
				return []any{next}
			}
			return nil
		},
		Equal: func(a, b any) bool { return a == b },
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			of := map[string][]porcupine.Operation{}
			for _, op := range history {
				w := op.Input.(asked).webinar
				of[w] = append(of[w], op)
			}
			var out [][]porcupine.Operation
			for _, ops := range of {
				out = append(out, ops)
			}
			return out
		},
	}
	return m.ToModel()
}

// history is what clients asked and were told. Its clock is a counter: in virtual time
// nearly everything happens at once.
type history struct {
	clock atomic.Int64

	mu      sync.Mutex // guards the following
	ops     []porcupine.Operation
	unknown int
}

// client asks one thing after the other of whatever node it comes to.
type client struct {
	id      int
	rng     *rand.Rand
	h       *history
	propose func(context.Context, *controlpb.Command) (control.Result, error)
	read    func(context.Context) (*control.State, error)

	own    int  // the participant whom only this client bans
	banned bool // that one
}

// step asks one thing about a webinar.
func (c *client) step(ctx context.Context, w string) {
	a := asked{webinar: w, op: "read"}
	switch n := c.rng.IntN(10); {
	case n < 4:
		a.op, a.n = "register", c.rng.IntN(addresses)
	case n < 6:
		a.op, a.n = "ban", c.own
		if c.banned {
			a.op = "lift"
		}
	}
	call := c.h.clock.Add(1)
	answer := c.ask(ctx, a)
	end := c.h.clock.Add(1)
	c.h.mu.Lock()
	defer c.h.mu.Unlock()
	if answer.unknown {
		c.h.unknown++
		if a.op == "read" {
			return
		}
		end = math.MaxInt64
	}
	if a.op == "ban" || a.op == "lift" {
		c.banned = a.op == "ban"
		if answer.unknown { // it may come yet
			c.own, c.banned = c.own+8, false
		}
	}
	c.h.ops = append(c.h.ops, porcupine.Operation{ClientId: c.id, Input: a, Call: call, Output: answer, Return: end})
}

func (c *client) ask(ctx context.Context, a asked) told {
	var err error
	switch p := fmt.Sprint("p_", a.n); a.op {
	case "read":
		s, err := c.read(ctx)
		if err != nil {
			return told{unknown: true}
		}
		return told{seen: seen(s.Webinar(a.webinar))}
	case "register":
		_, err = c.propose(ctx, register(a.webinar, fmt.Sprintf("r_%d_%d", c.id, c.h.clock.Load()), a.n))
	case "ban":
		_, err = c.propose(ctx, ban(a.webinar, p, p))
	case "lift":
		_, err = c.propose(ctx, &controlpb.Command{Principal: "host", Kind: &controlpb.Command_LiftBan{
			LiftBan: &controlpb.LiftBan{Webinar: a.webinar, Id: "b_" + p}}})
	}
	var denial *webinar.Denial
	switch {
	case errors.As(err, &denial):
		return told{code: denial.Code}
	case err != nil:
		return told{unknown: true}
	}
	return told{}
}

// seen returns what a state says of w.
func seen(w *webinar.Webinar) (p places) {
	for i := range addresses {
		if _, ok := w.RegistrantByEmail(address(i)); ok {
			p.registered |= 1 << i
		}
	}
	for b := range w.Bans() {
		var n int
		fmt.Sscanf(b.Participant, "p_%d", &n)
		p.banned |= 1 << n
	}
	return p
}

func address(n int) []byte { h := sha256.Sum256([]byte(fmt.Sprint("address ", n))); return h[:] }

func register(w, id string, n int) *controlpb.Command {
	return &controlpb.Command{Principal: "anonymous", Kind: &controlpb.Command_Register{Register: &controlpb.Register{
		Webinar: w, Id: id, Hash: hash(w + id), EmailHash: address(n), Sealed: []byte("sealed")}}}
}

// openRegistration makes a webinar for which maximum people may register.
func openRegistration(id string) *controlpb.Command {
	return planned(id, &controlpb.Settings{Registration: &controlpb.Registration{Window: "always", Maximum: maximum}})
}
