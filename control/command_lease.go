package control

import (
	"math"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// Bounds of what one command about leases may ask for and name.
const (
	maxWant     = 100_000 // seats
	maxReported = 1_000   // participants
	maxGuesses  = 1_000
	maxFenced   = 1_000 // strict webinars of one node
)

// leased is the fields that the commands of an incarnation about a webinar have in common.
type leased interface {
	GetWebinar() string
	GetNode() string
	GetEpoch() uint64
	GetSeq() uint64
}

// lessee returns the webinar that c is about, and who proposes. A command is refused
// that comes from an incarnation which is not the node's newest; whether it is in order,
// the rules say.
func (d *draft) lessee(c leased) (*webinar.Webinar, webinar.Lessee, error) {
	w, err := d.open(c.GetWebinar())
	if err != nil {
		return nil, webinar.Lessee{}, err
	}
	if _, err := d.incarnation(c.GetNode(), c.GetEpoch()); err != nil {
		return nil, webinar.Lessee{}, err
	}
	return w, webinar.Lessee{Node: c.GetNode(), Epoch: c.GetEpoch(), Seq: c.GetSeq()}, nil
}

// incarnation returns a node's record if epoch is of its newest incarnation.
func (d *draft) incarnation(node string, epoch uint64) (*controlpb.NodeRecord, error) {
	n := d.next.Node(node)
	if n == nil || n.GetRemoved() || n.GetEpoch() != epoch {
		return nil, webinar.ErrStaleLease
	}
	return n, nil
}

// reseat stores what a command did to leases and seats.
func (d *draft) reseat(c webinar.SeatChange) error {
	w := c.After
	for _, node := range c.Nodes {
		put := &controlpb.Record{}
		if l, ok := w.Lease(node); ok {
			put = leaseRecord(w.ID, l)
		}
		if err := d.replace(Key{KindLease, w.ID, node}, put); err != nil {
			return err
		}
	}
	for _, p := range c.Participants {
		put := &controlpb.Record{}
		if s, ok := w.Seat(p); ok {
			put = seatRecord(w.ID, s)
		}
		if err := d.replace(Key{KindSeat, w.ID, p}, put); err != nil {
			return err
		}
	}
	return nil
}

// replace stores r under k, or removes what is there if r is of no kind.
func (d *draft) replace(k Key, r *controlpb.Record) error {
	if r.GetKind() == nil {
		return d.remove(k)
	}
	return d.put(r)
}

// registerNode makes an incarnation the node's only one. What an older one held is free:
// whoever was there is gone.
func (d *draft) registerNode(c *controlpb.RegisterNode) (string, error) {
	if err := first(checkID("node", c.GetNode()), checkID("role", c.GetRole())); err != nil {
		return "", err
	}
	old := d.next.Node(c.GetNode())
	switch {
	case old.GetRemoved(), c.GetEpoch() < old.GetEpoch(), c.GetEpoch() == 0:
		return "", webinar.ErrStaleLease
	case old != nil && c.GetEpoch() == old.GetEpoch():
		return c.GetNode(), nil
	case old == nil && d.next.plain[KindNode-KindAttendance].Len() >= maxNodes:
		return "", tooMany("nodes", maxNodes)
	}
	if err := first(d.vacate(c.GetNode(), c.GetEpoch()), d.closeStays(c.GetNode(), d.at)); err != nil {
		return "", err
	}
	return c.GetNode(), d.putNode(&controlpb.NodeRecord{
		Node: c.GetNode(), Epoch: c.GetEpoch(), Role: c.GetRole(), Started: nanos(d.at),
	})
}

func (d *draft) putNode(n *controlpb.NodeRecord) error {
	return d.put(&controlpb.Record{Kind: &controlpb.Record_Node{Node: n}})
}

// vacateAll frees the streams and seats of every incarnation of a node.
func (d *draft) vacateAll(node string) error { return d.vacate(node, math.MaxUint64) }

// vacate frees the streams and seats of a node's incarnations before an epoch.
func (d *draft) vacate(node string, before uint64) error {
	for w := range d.next.Webinars() {
		if w.StreamCount()+w.LeaseCount() == 0 { // most of them, however many there are
			continue
		}
		for _, s := range slices.Collect(w.Streams()) {
			if s.Origin != node || s.NodeEpoch >= before {
				continue
			}
			if err := d.remove(Key{KindStream, w.ID, s.Name}); err != nil {
				return err
			}
		}
		if l, ok := w.Lease(node); ok && l.Epoch < before {
			if err := d.reseat(w.Vacate(node, false)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *draft) acquireSeats(c *controlpb.AcquireSeats) (string, error) {
	w, l, err := d.lessee(c)
	if err != nil {
		return "", err
	}
	if c.GetWant() > maxWant {
		return "", invalid("want", "A node asks for up to 100000 seats at once.")
	}
	change, n, err := w.Acquire(l, int(c.GetWant()), d.change.Index)
	if err != nil {
		return "", err
	}
	if change.After.Recall != w.Recall {
		r := webinarRecord(w)
		r.GetWebinar().Recall = change.After.Recall
		if err := d.put(r); err != nil {
			return "", err
		}
	}
	return strconv.Itoa(n), d.reseat(change)
}

func (d *draft) returnSeats(c *controlpb.ReturnSeats) (string, error) {
	w, l, err := d.lessee(c)
	if err != nil {
		return "", err
	}
	change, n, err := w.Return(l, int(min(c.GetCount(), math.MaxInt32)))
	if err != nil {
		return "", err
	}
	return strconv.Itoa(n), d.reseat(change)
}

func (d *draft) reportSeats(c *controlpb.ReportSeats) (string, error) {
	w, l, err := d.lessee(c)
	if err = first(err, checkReported(c.GetJoined()), checkReported(c.GetLeft())); err != nil {
		return "", err
	}
	change, err := w.Report(l, c.GetJoined(), c.GetLeft())
	if err != nil {
		return "", err
	}
	return "", d.reseat(change)
}

func (d *draft) transferSeat(c *controlpb.TransferSeat) (string, error) {
	w, l, err := d.lessee(c)
	all := append([]string{c.GetParticipant()}, c.GetOthers()...)
	if err = first(err, checkReported(all)); err != nil {
		return "", err
	}
	change, n, err := w.Transfer(l, all)
	if err != nil {
		return "", err
	}
	return strconv.Itoa(n), d.reseat(change)
}

func checkReported(participants []string) error {
	if len(participants) > maxReported {
		return invalid("participants", "A node names up to 1000 participants at once.")
	}
	for _, p := range participants {
		if err := checkID("participant", p); err != nil {
			return err
		}
	}
	return nil
}

func (d *draft) acquireGuesses(c *controlpb.AcquireGuesses) (string, error) {
	w, l, err := d.lessee(c)
	if err != nil {
		return "", err
	}
	if c.GetWant() > maxGuesses || c.GetRight() > maxWant {
		return "", invalid("want", "A node asks for up to 1000 guesses at once.")
	}
	change, _, err := w.Acquire(l, 0, d.change.Index) // puts it in order with the others
	if err != nil {
		return "", err
	}
	b, n := w.Guess(int(c.GetWant()), int(c.GetRight()), d.at)
	if err := d.put(budgetRecord(w.ID, b)); err != nil {
		return "", err
	}
	return strconv.Itoa(n), d.reseat(change)
}

// renewLease notes that an incarnation is there, and which strict webinars may take
// their seats back when it falls silent.
func (d *draft) renewLease(c *controlpb.RenewLease) (string, error) {
	n, err := d.incarnation(c.GetNode(), c.GetEpoch())
	switch {
	case err != nil:
		return "", err
	case c.GetSeq() <= n.GetRenewal():
		return "", webinar.ErrStaleLease
	case len(c.GetWebinars()) > maxFenced:
		return "", invalid("webinars", "A node has guests in up to 1000 strict webinars.")
	}
	for _, id := range c.GetWebinars() {
		if err := checkID("webinar", id); err != nil {
			return "", err
		}
	}
	n = proto.CloneOf(n)
	n.Renewed, n.Watched, n.Silent = nanos(d.at), nanos(d.at), 0
	n.Renewal, n.Fenced = c.GetSeq(), c.GetWebinars()
	return c.GetNode(), d.putNode(n)
}

// How strict webinars get the seats of a silent node back. The node ends its sessions
// 30 s after it sent its last renewal; the voters wait longer, by the time that ticks
// have counted. A tick counts tickStep at most, however far the leader's clock has
// come: each of four changes of leader may bring a clock that is tickStep ahead, and the
// rest is for clocks that run fast.
const (
	silentFor = 45 * time.Second
	tickStep  = 2500 * time.Millisecond
	tickEvery = 2 * time.Second // never longer than tickStep: time is counted late, not early
)

// watched yields the nodes whose silence a tick at now would count.
func (s *State) watched(now time.Time) []*controlpb.NodeRecord {
	var found []*controlpb.NodeRecord
	for n := range s.Nodes() {
		if len(n.GetFenced()) > 0 && now.Sub(moment(n.GetWatched())) >= tickEvery {
			found = append(found, n)
		}
	}
	return found
}

// leasesDue reports whether a Tick at now would count somebody's silence.
func (s *State) leasesDue(now time.Time) bool { return len(s.watched(now)) > 0 }

// tickLeases counts the silence of nodes with guests in strict webinars, and takes their
// seats there back when it was long enough. It is part of Tick.
func (d *draft) tickLeases() error {
	for _, n := range d.next.watched(d.at) {
		n = proto.CloneOf(n)
		n.Silent += int64(min(d.at.Sub(moment(n.GetWatched())), tickStep))
		n.Watched = nanos(d.at)
		if n.GetSilent() >= int64(silentFor) {
			for _, id := range n.GetFenced() {
				if err := d.reclaim(id, n); err != nil {
					return err
				}
			}
			n.Fenced, n.Silent = nil, 0
		}
		if err := d.putNode(n); err != nil {
			return err
		}
	}
	return nil
}

// reclaim takes the seats of a silent node back, if the webinar is still strict.
func (d *draft) reclaim(id string, n *controlpb.NodeRecord) error {
	w := d.next.Webinar(id)
	if w == nil || w.Partition != webinar.Strict {
		return nil
	}
	if l, ok := w.Lease(n.GetNode()); !ok || l.Epoch != n.GetEpoch() {
		return nil
	}
	return d.reseat(w.Vacate(n.GetNode(), true))
}
