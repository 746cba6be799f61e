package webinar

import (
	"iter"
	"time"

	"stentor/control/internal/table"
)

// SeatLease is how many seats an incarnation of a node has to give (S60, M1). It stays,
// with none, until the node has a newer incarnation, so that Seq is not forgotten.
type SeatLease struct {
	Node    string
	Epoch   uint64 // the incarnation
	Granted int
	Seq     uint64 // of the incarnation's last command about the webinar
}

// Seat is a leased seat that is known to be taken, and where. It can be transferred.
type Seat struct {
	Participant string
	Node        string
	// Echoes are the nodes that the seat was taken from and that have not said yet that
	// the participant is gone from there. Until then the seat is nobody else's, also when
	// the participant leaves Node: then it is at an echo again.
	Echoes []string
}

// Budget is what is left of the webinar's wrong PINs for the whole mesh (M8). The zero
// Budget is one that nobody has asked for, and so full.
type Budget struct {
	Left int64 // in thousandths
	At   time.Time
}

// names is a set of participants.
type names = table.Table[struct{}]

// seating is the leases and seats of a webinar.
type seating struct {
	leases  table.Table[SeatLease]
	seats   table.Table[Seat]
	at      table.Table[names] // node -> those whose seat is there
	echoes  table.Table[names] // node -> those whose seat was taken from there
	granted int                // in all leases
	lessees int                // leases with seats
}

// WithLease returns w with l, in place of an older one of the same node.
func (w *Webinar) WithLease(l SeatLease) *Webinar {
	c := *w.WithoutLease(l.Node)
	c.seating.leases = c.seating.leases.With(l.Node, l)
	c.seating.count(l, 1)
	return &c
}

// WithoutLease returns w without the node's lease.
func (w *Webinar) WithoutLease(node string) *Webinar {
	c := *w
	if old, ok := w.seating.leases.At(node); ok {
		c.seating.leases = c.seating.leases.Without(node)
		c.seating.count(old, -1)
	}
	return &c
}

func (s *seating) count(l SeatLease, sign int) {
	s.granted += sign * l.Granted
	if l.Granted > 0 {
		s.lessees += sign
	}
}

// Lease returns the lease of a node.
func (w *Webinar) Lease(node string) (SeatLease, bool) { return w.seating.leases.At(node) }

// Leases yields the leases in the order of their nodes.
func (w *Webinar) Leases() iter.Seq[SeatLease] { return w.seating.leases.Values() }

// LeaseCount is the number of leases.
func (w *Webinar) LeaseCount() int { return w.seating.leases.Len() }

// SeatsGranted is the number of seats in all leases.
func (w *Webinar) SeatsGranted() int { return w.seating.granted }

// Lessees is the number of nodes that have seats.
func (w *Webinar) Lessees() int { return w.seating.lessees }

// WithSeat returns w with s, in place of an older one of the same participant.
func (w *Webinar) WithSeat(s Seat) *Webinar {
	c := *w
	c.seating.drop(s.Participant)
	c.seating.seats = c.seating.seats.With(s.Participant, s)
	c.seating.at = enlist(c.seating.at, s.Node, s.Participant)
	for _, node := range s.Echoes {
		c.seating.echoes = enlist(c.seating.echoes, node, s.Participant)
	}
	return &c
}

// WithoutSeat returns w without the participant's seat.
func (w *Webinar) WithoutSeat(participant string) *Webinar {
	c := *w
	c.seating.drop(participant)
	return &c
}

func (s *seating) drop(participant string) {
	old, ok := s.seats.At(participant)
	if !ok {
		return
	}
	s.seats = s.seats.Without(participant)
	s.at = delist(s.at, old.Node, participant)
	for _, node := range old.Echoes {
		s.echoes = delist(s.echoes, node, participant)
	}
}

func enlist(t table.Table[names], node, participant string) table.Table[names] {
	set, _ := t.At(node)
	return t.With(node, set.With(participant, struct{}{}))
}

func delist(t table.Table[names], node, participant string) table.Table[names] {
	set, _ := t.At(node)
	if set = set.Without(participant); set.Len() == 0 {
		return t.Without(node)
	}
	return t.With(node, set)
}

// Seat returns the seat that a participant is known to have.
func (w *Webinar) Seat(participant string) (Seat, bool) { return w.seating.seats.At(participant) }

// Seats yields the seats that are known to be taken, in the order of their participants.
func (w *Webinar) Seats() iter.Seq[Seat] { return w.seating.seats.Values() }

// SeatCount is the number of seats that are known to be taken.
func (w *Webinar) SeatCount() int { return w.seating.seats.Len() }

// Seated yields those whose seat is at a node, in order.
func (w *Webinar) Seated(node string) iter.Seq[string] { return members(w.seating.at, node) }

// SeatedCount is the number of those whose seat is at a node.
func (w *Webinar) SeatedCount(node string) int {
	set, _ := w.seating.at.At(node)
	return set.Len()
}

// Echoed yields those whose seat was taken from a node that has not said yet that they
// are gone, in order.
func (w *Webinar) Echoed(node string) iter.Seq[string] { return members(w.seating.echoes, node) }

// SameSeats reports whether o and w say surely the same of a node's seats, which costs no
// look at them.
func (w *Webinar) SameSeats(o *Webinar, node string) bool {
	a, _ := w.seating.at.At(node)
	b, _ := o.seating.at.At(node)
	c, _ := w.seating.echoes.At(node)
	d, _ := o.seating.echoes.At(node)
	return a == b && c == d
}

func members(t table.Table[names], node string) iter.Seq[string] {
	return func(yield func(string) bool) {
		set, _ := t.At(node)
		for name := range set.All() {
			if !yield(name) {
				return
			}
		}
	}
}

// WithBudget returns w with b.
func (w *Webinar) WithBudget(b Budget) *Webinar {
	c := *w
	c.budget = b
	return &c
}

// Budget returns what was left of the wrong PINs when somebody asked last; the zero
// Budget if nobody has.
func (w *Webinar) Budget() Budget { return w.budget }
