package lease

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"stentor/control/controlpb"
)

const (
	// ClosedAfter is how old an edge's replica may be for it to let people into a strict
	// webinar, and EndedAfter how old for what goes on there to go on.
	ClosedAfter = 10 * time.Second
	EndedAfter  = 30 * time.Second
	// renewEvery leaves room for three lost renewals before the door closes.
	renewEvery = 3 * time.Second
)

// Fence is what an edge has promised about strict webinars: that it ends the sessions of
// their guests EndedAfter it sent its last renewal, so that the voters may give their
// seats to others a while later. Times are of a clock that goes on while the machine is
// suspended. It is not safe for concurrent use.
type Fence struct {
	node  string
	epoch uint64

	promised map[string]struct{} // in a renewal that counts, or may count
	seq      uint64              // of the newest renewal
	last     time.Time           // when the newest renewal that surely counts was sent
	sent     time.Time
	busy     bool
	// lapsed is the renewal that came too late for the one before: the voters may have
	// taken the seats back in between, which a snapshot has to show first. 0: none.
	lapsed uint64
}

// NewFence returns the fence of an incarnation of a node, which has promised nothing.
func NewFence(node string, epoch uint64) *Fence {
	return &Fence{node: node, epoch: epoch, promised: make(map[string]struct{})}
}

// Observe takes the node's own record as the replica has it.
func (f *Fence) Observe(n *controlpb.NodeRecord) {
	if n.GetEpoch() != f.epoch || n.GetRenewal() < f.seq {
		return // there may be a newer one
	}
	f.lapsed = 0
	clear(f.promised)
	for _, id := range n.GetFenced() {
		f.promised[id] = struct{}{}
	}
}

// mostPromises is how many strict webinars one promise covers.
const mostPromises = 1_000

// Next returns a renewal to propose now, or nil, and how long there is none; 0: for ever.
// strict are the strict webinars that the edge has seats in.
func (f *Fence) Next(strict []string, now time.Time) (*controlpb.Command, time.Duration) {
	if f.busy {
		return nil, 0
	}
	if len(strict) > mostPromises { // the rest is not promised, and so not kept
		strict = slices.Sorted(slices.Values(strict))[:mostPromises]
	}
	known := len(strict) == len(f.promised)
	for _, id := range strict {
		_, ok := f.promised[id]
		known = known && ok
	}
	if known && len(strict) == 0 {
		return nil, 0
	}
	every := renewEvery
	if !known {
		every = renewEvery / 10
	}
	if wait := f.sent.Add(every).Sub(now); wait > 0 && !f.sent.IsZero() {
		return nil, wait
	}
	if len(f.promised) == 0 {
		f.last = now // before this there was no promise to keep
	}
	f.seq++
	f.sent, f.busy = now, true
	for _, id := range strict {
		f.promised[id] = struct{}{}
	}
	return &controlpb.Command{
		Principal: "node:" + f.node, RequestId: fmt.Sprintf("renew/%d/%d", f.epoch, f.seq),
		Kind: &controlpb.Command_RenewLease{RenewLease: &controlpb.RenewLease{
			Node: f.node, Epoch: f.epoch, Seq: f.seq, Webinars: slices.Sorted(slices.Values(strict))}},
	}, 0
}

// Answered says whether the renewal was surely committed. It counts from when it was sent.
func (f *Fence) Answered(ok bool) {
	if ok && f.sent.After(f.last) {
		if f.sent.Sub(f.last) >= EndedAfter {
			f.lapsed = f.seq
		}
		f.last = f.sent
	}
	f.busy = false
}

// Closed reports whether the promise keeps everybody out of a webinar.
func (f *Fence) Closed(id string, now time.Time) bool {
	_, ok := f.promised[id]
	return ok && (f.lapsed > 0 || now.Sub(f.last) >= EndedAfter)
}

// Broken returns the webinars whose guests' sessions must end, now.
func (f *Fence) Broken(now time.Time) []string {
	if len(f.promised) == 0 || now.Sub(f.last) < EndedAfter {
		return nil
	}
	return slices.Sorted(maps.Keys(f.promised))
}

// Left is how long until the promise is due; 0: there is none, or it is.
func (f *Fence) Left(now time.Time) time.Duration {
	if len(f.promised) == 0 {
		return 0
	}
	return max(f.last.Add(EndedAfter).Sub(now), 0)
}
