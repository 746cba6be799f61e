package webinar

import "slices"

// Unlimited is how many seats a webinar without a limit has. Its seats are leased like
// those of others, so that everybody inside counts on the day it gets a limit.
const Unlimited = 1 << 30

// ErrStaleLease is what a command about seats or guesses is refused with that comes too
// late: its node has a newer incarnation, or has said something newer.
var ErrStaleLease = &Denial{"stale_lease", "This node has said something newer since."}

// Lessee is an incarnation of a node, and the number of its command about a webinar.
type Lessee struct {
	Node  string
	Epoch uint64
	Seq   uint64
}

// SeatChange is what a command did to leases and seats.
type SeatChange struct {
	After        *Webinar // with the change
	Nodes        []string // whose lease is another one now, or gone
	Participants []string // whose seat is another one now, or gone
}

// SeatLimit is how many seats there are.
func (w *Webinar) SeatLimit() int {
	if w.GuestLimit <= 0 {
		return Unlimited
	}
	return w.GuestLimit
}

// SeatsFree is how many seats are in no lease. It is negative while more are in leases
// than the limit allows, which the host has lowered: nobody new enters then.
func (w *Webinar) SeatsFree() int { return w.SeatLimit() - w.seating.granted }

// AllSeated reports whether every seat of the webinar is taken, as far as nodes have
// named those who sit: asking for one is in vain.
func (w *Webinar) AllSeated() bool {
	return w.SeatsFree() <= 0 && w.SeatCount() >= w.SeatsGranted()
}

// Acquire grants l up to want seats, and never more than there are. One node gets half
// of its part at most, so that the seats last for all, and one at a time when they are
// scarce. index is of the command in the log: when there is none left, it recalls what
// nodes hold and do not need.
func (w *Webinar) Acquire(l Lessee, want int, index uint64) (SeatChange, int, error) {
	c, lease, err := w.seatChange(l)
	if err != nil {
		return c, 0, err
	}
	n := 0
	if free := w.SeatsFree(); free > 0 {
		n = min(want, max(1, free/(2*max(1, w.Lessees()))))
	} else if want > 0 {
		c.After.Recall = index // After is our own copy
	}
	lease.Granted += n
	c.lease(lease)
	return c, n, nil
}

// Return takes back seats that l holds and nobody is known to sit on.
func (w *Webinar) Return(l Lessee, count int) (SeatChange, int, error) {
	c, lease, err := w.seatChange(l)
	if err != nil {
		return c, 0, err
	}
	n := min(count, lease.Granted-w.SeatedCount(l.Node))
	lease.Granted -= n
	c.lease(lease)
	return c, n, nil
}

// Report notes who left l's node and who joined there, in this order. Who joined while
// their seat is elsewhere has two for the moment; see [Webinar.Transfer].
//
// Who left gives the seat free for others, unless it was taken from another node that
// has not said yet that they are gone: then it is there again.
func (w *Webinar) Report(l Lessee, joined, left []string) (SeatChange, error) {
	c, lease, err := w.seatChange(l)
	if err != nil {
		return c, err
	}
	c.lease(lease)
	for _, p := range left {
		c.left(l.Node, p)
	}
	for _, p := range joined {
		lease, _ := c.After.Lease(l.Node)
		if _, taken := c.After.Seat(p); !taken && c.After.SeatedCount(l.Node) < lease.Granted {
			c.seat(Seat{Participant: p, Node: l.Node})
		}
	}
	return c, nil
}

// Transfer moves the seats of participants to l's node, and says how many are there now.
// The node that one came from is its echo until it reports that the participant left.
func (w *Webinar) Transfer(l Lessee, participants []string) (SeatChange, int, error) {
	c, lease, err := w.seatChange(l)
	if err != nil {
		return c, 0, err
	}
	c.lease(lease)
	n := 0
	for _, p := range participants {
		s, ok := c.After.Seat(p)
		if !ok {
			continue
		}
		n++
		if s.Node != l.Node {
			c.move(s, l.Node, append(dropName(s.Echoes, l.Node), s.Node))
		}
	}
	return c, n, nil
}

// Vacate frees everything that a node holds: it is surely gone, or has ended the
// sessions of all guests. Its lease stays with nothing in it if keep is true, so that
// what the incarnation said before still comes too late.
func (w *Webinar) Vacate(node string, keep bool) SeatChange {
	c := SeatChange{After: w}
	lease, ok := w.Lease(node)
	if !ok {
		return c
	}
	for p := range w.Echoed(node) {
		c.left(node, p)
	}
	for p := range w.Seated(node) {
		c.left(node, p)
	}
	lease.Granted = 0
	c.lease(lease)
	if !keep {
		c.After = c.After.WithoutLease(node)
	}
	return c
}

// seatChange begins a change by l. The lease is l's, made if it has none.
func (w *Webinar) seatChange(l Lessee) (SeatChange, SeatLease, error) {
	lease, ok := w.Lease(l.Node)
	if !ok {
		lease = SeatLease{Node: l.Node, Epoch: l.Epoch}
	}
	if lease.Epoch != l.Epoch || l.Seq <= lease.Seq {
		return SeatChange{}, SeatLease{}, ErrStaleLease
	}
	lease.Seq = l.Seq
	after := *w
	return SeatChange{After: &after}, lease, nil
}

func (c *SeatChange) lease(l SeatLease) {
	c.After = c.After.WithLease(l)
	if !slices.Contains(c.Nodes, l.Node) {
		c.Nodes = append(c.Nodes, l.Node)
	}
}

func (c *SeatChange) seat(s Seat) {
	c.After = c.After.WithSeat(s)
	c.Participants = append(c.Participants, s.Participant)
}

// left notes that a participant is not at node any more.
func (c *SeatChange) left(node, participant string) {
	s, ok := c.After.Seat(participant)
	switch {
	case !ok:
	case s.Node != node && slices.Contains(s.Echoes, node):
		s.Echoes = dropName(s.Echoes, node)
		c.seat(s)
	case s.Node != node:
	case len(s.Echoes) > 0:
		last := len(s.Echoes) - 1
		c.move(s, s.Echoes[last], slices.Clone(s.Echoes[:last]))
	default:
		c.After = c.After.WithoutSeat(participant)
		c.Participants = append(c.Participants, participant)
	}
}

// move moves a seat, with what is granted for it, to another node.
func (c *SeatChange) move(s Seat, to string, echoes []string) {
	from, _ := c.After.Lease(s.Node)
	from.Granted--
	c.lease(from)
	l, _ := c.After.Lease(to)
	l.Granted++
	c.lease(l)
	c.seat(Seat{Participant: s.Participant, Node: to, Echoes: echoes})
}

func dropName(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}
