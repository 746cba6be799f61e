package webinar

import (
	"iter"
	"time"

	"stentor/control/internal/table"
)

// SeatLease is how many seats an incarnation of a node has to give (S60, M1).
type SeatLease struct {
	Node    string
	Epoch   uint64 // the incarnation
	Granted int
}

// Seat is a leased seat that is known to be taken, and where. It can be transferred.
type Seat struct {
	Participant string
	Node        string
}

// Budget is what is left of the webinar's wrong PINs for the whole mesh (M8).
type Budget struct {
	Left int64 // in thousandths
	At   time.Time
}

// seating is the leases and seats of a webinar.
type seating struct {
	leases  table.Table[SeatLease]
	seats   table.Table[Seat]
	granted int // in all leases
}

// WithLease returns w with l, in place of an older one of the same node.
func (w *Webinar) WithLease(l SeatLease) *Webinar {
	c := *w.WithoutLease(l.Node)
	c.seating.leases = c.seating.leases.With(l.Node, l)
	c.seating.granted += l.Granted
	return &c
}

// WithoutLease returns w without the node's lease.
func (w *Webinar) WithoutLease(node string) *Webinar {
	c := *w
	if old, ok := w.seating.leases.At(node); ok {
		c.seating.leases = c.seating.leases.Without(node)
		c.seating.granted -= old.Granted
	}
	return &c
}

// Lease returns the lease of a node.
func (w *Webinar) Lease(node string) (SeatLease, bool) { return w.seating.leases.At(node) }

// Leases yields the leases in the order of their nodes.
func (w *Webinar) Leases() iter.Seq[SeatLease] { return w.seating.leases.Values() }

// LeaseCount is the number of leases.
func (w *Webinar) LeaseCount() int { return w.seating.leases.Len() }

// SeatsGranted is the number of seats in all leases.
func (w *Webinar) SeatsGranted() int { return w.seating.granted }

// WithSeat returns w with s, in place of an older one of the same participant.
func (w *Webinar) WithSeat(s Seat) *Webinar {
	c := *w
	c.seating.seats = c.seating.seats.With(s.Participant, s)
	return &c
}

// WithoutSeat returns w without the participant's seat.
func (w *Webinar) WithoutSeat(participant string) *Webinar {
	c := *w
	c.seating.seats = c.seating.seats.Without(participant)
	return &c
}

// Seat returns the seat that a participant is known to have.
func (w *Webinar) Seat(participant string) (Seat, bool) { return w.seating.seats.At(participant) }

// Seats yields the seats that are known to be taken, in the order of their participants.
func (w *Webinar) Seats() iter.Seq[Seat] { return w.seating.seats.Values() }

// SeatCount is the number of seats that are known to be taken.
func (w *Webinar) SeatCount() int { return w.seating.seats.Len() }

// WithBudget returns w with b.
func (w *Webinar) WithBudget(b Budget) *Webinar {
	c := *w
	c.budget = b
	return &c
}

// Budget returns what was left of the wrong PINs when somebody asked last; the zero
// Budget if nobody has.
func (w *Webinar) Budget() Budget { return w.budget }
