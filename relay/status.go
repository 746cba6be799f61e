package relay

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
	"time"

	"stentor/relay/wire"
)

// sampleEvery is the time over which bit rates are measured.
const sampleEvery = time.Second

// A Role says how a node came to have a track.
type Role string

const (
	RoleOrigin Role = "origin" // it is published here
	RoleRelay  Role = "relay"  // it is pulled from a parent
)

// A TrackStatus is what a node tells about one track that it has.
type TrackStatus struct {
	ID       wire.TrackID
	Role     Role
	Epoch    uint64
	Parent   string   // "" at the origin
	Path     []string // origin first, this node last
	Readers  int      // readers in this node, and one for each child, however many layers it has
	Children []string // nodes that pull from here
	Packets  uint64   // that came into the ring
	Bytes    uint64
	RTT      time.Duration // smoothed, to the parent
	Delay    time.Duration // estimated, from the origin
	Told     time.Duration // the least Delay that a child was told since this node last had none, 0 when it has none
	Bitrate  uint64        // bits per second over the last second
	Standby  string        // the node that stands by for the parent, "" none
	Whole    uint64        // frames that came from parents to their end
	Late     uint64        // frames that were given up on the way here, by a parent or further up
	Buffer   time.Duration // how far back the base layer's ring reaches
	Shed     int           // layers that the parent leaves out, since the link is too small
}

// Status tells what this node carries, sorted by id.
func (r *Relay) Status() []TrackStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []TrackStatus
	for id, e := range r.entries {
		t := e.track
		if t == nil {
			continue
		}
		w := t.way.Load()
		s := TrackStatus{
			ID: id, Role: RoleOrigin, Epoch: t.epoch, Parent: w.parent(), Path: slices.Clone(w.path), Delay: w.delay, Told: e.told,
			Readers: max(0, t.readers()-int(t.senders.Load())) + len(e.children), Children: slices.Sorted(maps.Keys(e.children)), Bitrate: t.bitrate.Load(),
		}
		if !e.origin {
			s.Role, s.RTT = RoleRelay, w.rtt
			if l := r.links[s.Parent]; l != nil {
				s.RTT, s.Shed = l.conn.ConnectionStats().SmoothedRTT, l.shedOf(t)
			}
			if e.pull != nil {
				s.Standby = e.pull.spare
			}
		}
		s.Packets, s.Bytes = t.filled()
		s.Whole, s.Late = t.fared()
		s.Buffer = t.layers[0].ring.reach()
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b TrackStatus) int { return cmp.Compare(a.ID.String(), b.ID.String()) })
	return all
}

// filled returns how much came into the rings.
func (t *Track) filled() (packets, bytes uint64) {
	for _, l := range t.layers {
		packets += l.packets.Load()
		bytes += l.bytes.Load()
	}
	return packets, bytes
}

// fared returns how many frames came whole, and how many died on their way here.
func (t *Track) fared() (whole, late uint64) {
	for _, l := range t.layers {
		whole += l.whole.Load()
		late += l.late.Load()
	}
	return whole, late
}

// reach returns the time between the arrivals of the oldest and the newest packet of a ring.
func (r *ring) reach() time.Duration {
	for range 3 { // the writer may overtake the look at the oldest
		head := r.head.Load()
		if head == 0 {
			return 0
		}
		if oldest, newest := r.at(r.tail()), r.at(head-1); oldest != nil && newest != nil {
			return max(0, time.Duration(newest.Arrived-oldest.Arrived))
		}
	}
	return 0
}

// shedOf returns how many layers of a track the neighbour leaves out.
func (l *link) shedOf(t *Track) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, up := range l.upstreams {
		if up.track.Load() == t {
			n = max(n, bits.OnesCount32(up.shed.Load()))
		}
	}
	return n
}

// sample measures the bit rates.
func (r *Relay) sample() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.entries {
		if t := e.track; t != nil {
			_, bytes := t.filled()
			t.bitrate.Store((bytes - t.sampled) * 8 * uint64(time.Second) / uint64(sampleEvery))
			t.sampled = bytes
		}
	}
}
