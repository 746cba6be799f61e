package relay

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

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
	Readers  int      // readers in this node, those that feed children counted too
	Children []string // nodes that pull from here
	Packets  uint64   // that came into the ring
	Bytes    uint64
	RTT      time.Duration // smoothed, to the parent
	Delay    time.Duration // estimated, from the origin
	Bitrate  uint64        // bits per second over the last second
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
			ID: id, Role: RoleOrigin, Epoch: t.epoch, Parent: w.parent(), Path: slices.Clone(w.path), Delay: w.delay,
			Readers: t.readers(), Children: slices.Sorted(maps.Keys(e.children)), Bitrate: t.bitrate.Load(),
		}
		if !e.origin {
			s.Role, s.RTT = RoleRelay, w.rtt
			if l := r.links[s.Parent]; l != nil {
				s.RTT = l.conn.ConnectionStats().SmoothedRTT
			}
		}
		s.Packets, s.Bytes = t.filled()
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

// A collector shows the status as metrics when they are asked for.
type collector struct{ relay *Relay }

var (
	trackLabels  = []string{"webinar", "stream", "track", "role", "parent"}
	descBytes    = prometheus.NewDesc("stentor_relay_track_bytes_total", "Bytes of packets that came into a track's rings.", trackLabels, nil)
	descReaders  = prometheus.NewDesc("stentor_relay_track_readers", "Readers of a track, those that feed children counted too.", trackLabels, nil)
	descChildren = prometheus.NewDesc("stentor_relay_track_children", "Nodes that pull a track from here.", trackLabels, nil)
	descHops     = prometheus.NewDesc("stentor_relay_track_hops", "Links between a track's origin and this node.", trackLabels, nil)
	descRTT      = prometheus.NewDesc("stentor_relay_link_rtt_seconds", "Smoothed round-trip time to a neighbour.", []string{"peer"}, nil)
)

func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descBytes, descReaders, descChildren, descHops, descRTT} {
		out <- d
	}
}

func (c *collector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, s := range c.relay.Status() {
		labels := []string{s.ID.Webinar, s.ID.Stream, s.ID.Name, string(s.Role), s.Parent}
		out <- prometheus.MustNewConstMetric(descBytes, prometheus.CounterValue, float64(s.Bytes), labels...)
		gauge(descReaders, float64(s.Readers), labels...)
		gauge(descChildren, float64(len(s.Children)), labels...)
		gauge(descHops, float64(len(s.Path)-1), labels...)
	}
	c.relay.mu.Lock()
	defer c.relay.mu.Unlock()
	for peer, l := range c.relay.links {
		gauge(descRTT, l.conn.ConnectionStats().SmoothedRTT.Seconds(), peer)
	}
}
