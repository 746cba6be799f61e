package cluster

import (
	"bytes"
	"fmt"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/coordinate"
)

// delegate is what memberlist calls. Nothing in it blocks: memberlist calls from
// the loops that read packets, and holds a lock of its own while it tells of
// members (so that g.mu is never held while calling memberlist).
type delegate struct{ g *Gossip }

var (
	_ memberlist.Delegate         = delegate{}
	_ memberlist.EventDelegate    = delegate{}
	_ memberlist.AliveDelegate    = delegate{}
	_ memberlist.ConflictDelegate = delegate{}
	_ memberlist.PingDelegate     = delegate{}
)

// NodeMeta is what is said about this node.
func (d delegate) NodeMeta(limit int) []byte {
	g := d.g
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seq++
	b, err := said{Meta: g.meta, seq: g.seq, keys: g.keys.ids()}.seal(g.config.Port.Credentials(), g.at)
	if err != nil || len(b) > limit {
		g.log.Error("metadata too large", "bytes", len(b), "limit", limit, "err", err)
		return nil
	}
	return b
}

// NotifyAlive refuses what the node that it is about did not say.
func (d delegate) NotifyAlive(n *memberlist.Node) error {
	reason, err := d.g.judge(n, time.Now())
	if err == nil {
		return nil
	}
	if reason != "" {
		d.g.metrics.refused.WithLabelValues(reason).Inc()
		d.g.log.Debug("metadata refused", "node", n.Name, "err", err)
	}
	return fmt.Errorf("member %q: %w", n.Name, err)
}

// NotifyConflict hears of two nodes that use one name at once.
func (d delegate) NotifyConflict(existing, other *memberlist.Node) {
	d.g.metrics.refused.WithLabelValues("name").Inc()
	d.g.log.Warn("two nodes use one name: stop one of them", "node", existing.Name, "at", existing.Address(), "and", other.Address())
}

// NotifyJoin hears of a member that is alive, for the first time or again.
func (d delegate) NotifyJoin(n *memberlist.Node) { d.alive(n) }

// NotifyUpdate hears of new metadata.
func (d delegate) NotifyUpdate(n *memberlist.Node) { d.alive(n) }

func (d delegate) alive(n *memberlist.Node) {
	s, err := parseSaid(n.Name, bytes.Clone(n.Meta))
	if err != nil { // refused by NotifyAlive
		return
	}
	g, meta := d.g, s.Meta
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.members[n.Name]
	if m == nil {
		m = &Member{}
		g.members[n.Name] = m
	}
	if !m.Alive {
		m.Alive, m.Left, m.Since = true, false, time.Now()
		g.count.Add(1)
		g.arrived()
		g.log.Info("member is here", "node", n.Name, "role", meta.Role, "mesh", meta.Mesh, "version", meta.Version)
	}
	m.Meta, m.Keys, m.Signed, m.sealed = meta, s.keys, s.signed, s.sealed
	g.addrs[n.Name] = nodeAddr(n)
	g.countOlder()
	for _, w := range g.tracks.started(n.Name, meta.Epoch, func(w record) bool {
		return s.signed && w.by(s.proof.Public) || !s.signed && w.signature == nil
	}) {
		g.pass(w)
	}
	g.notify()
}

// countOlder counts the living members of v0.2. The first one is told in its own
// way what this node carries; g.mu is held.
func (g *Gossip) countOlder() {
	before := g.older
	g.older = 0
	for name, m := range g.members {
		if m.Alive && !m.sealed && name != g.meta.Node {
			g.older++
		}
	}
	if before > 0 || g.older == 0 {
		return
	}
	for _, w := range g.tracks.all(func(node string) bool { return node == g.meta.Node }) {
		g.broadcast(w)
	}
}

// NotifyLeave hears of a member that died or said goodbye.
func (d delegate) NotifyLeave(n *memberlist.Node) {
	g := d.g
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.members[n.Name]
	if m == nil || !m.Alive {
		return
	}
	m.Alive, m.Since = false, time.Now()
	g.count.Add(-1)
	delete(g.coords, n.Name)
	g.vivaldi.ForgetNode(n.Name)
	g.countOlder()
	g.log.Info("member is gone", "node", n.Name, "left", m.leaving)
	if m.leaving {
		g.left(m)
	} else {
		select {
		case g.doubt <- struct{}{}:
		default:
		}
	}
	g.notify()
}

// left is for a member that said goodbye; g.mu is held.
func (g *Gossip) left(m *Member) {
	m.Left = true
	g.tracks.forget(m.Node)
	g.notify()
}

// NotifyMsg hears one broadcast: a record.
func (d delegate) NotifyMsg(b []byte) {
	w, ok := parseRecord(b)
	if !ok {
		d.g.metrics.refused.WithLabelValues("announcement").Inc()
		return
	}
	d.g.hear([]record{w}, "")
}

// GetBroadcasts gives what is to be passed on.
func (d delegate) GetBroadcasts(overhead, limit int) [][]byte {
	return d.g.queue.GetBroadcasts(overhead, limit)
}

// LocalState is what this node knows of tracks, signed.
func (d delegate) LocalState(bool) []byte {
	g := d.g
	g.mu.Lock()
	s := state{
		version: 2, sender: g.meta.Node, incarnation: g.tracks.incarnation, seq: g.tracks.seq,
		list: g.tracks.all(g.current),
	}
	if g.older > 0 || len(s.list) == 0 { // who joins does not know yet whether an older one hears it
		s.version = 1
	}
	g.mu.Unlock()
	s.shuffle()
	b, left := s.append(nil, g.config.Port.Credentials())
	if left > 0 {
		g.log.Warn("not all announcements fit one exchange", "left", left, "limit", maxState)
	}
	g.metrics.exchanged.WithLabelValues("out").Add(float64(len(b)))
	return b
}

// MergeRemoteState is the other's.
func (d delegate) MergeRemoteState(b []byte, _ bool) {
	g := d.g
	g.metrics.exchanged.WithLabelValues("in").Add(float64(len(b)))
	s, err := parseState(b, g.config.Port.Credentials(), time.Now())
	if err == nil && g.config.Removed != nil && g.config.Removed(s.sender) {
		err = fmt.Errorf("cluster: state of %s: %w", s.sender, errRemoved)
	}
	if err != nil {
		g.metrics.refused.WithLabelValues("state").Inc()
		g.log.Warn("state refused", "err", err)
		return
	}
	g.brought.Add(int64(g.hear(s.list, s.sender)))
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.tracks.whole(s.sender, s.incarnation, s.seq, s.list) {
		g.notify()
	}
}

// AckPayload is this node's coordinate, sent with every answer to a ping.
func (d delegate) AckPayload() []byte { return appendCoordinate(nil, d.g.vivaldi.GetCoordinate()) }

// NotifyPingComplete learns from a ping.
func (d delegate) NotifyPingComplete(n *memberlist.Node, rtt time.Duration, payload []byte) {
	c, ok := parseCoordinate(payload)
	if !ok {
		d.g.metrics.refused.WithLabelValues("coordinate").Inc()
		return
	}
	if _, err := d.g.vivaldi.Update(n.Name, c, rtt); err != nil {
		return
	}
	d.g.mu.Lock()
	defer d.g.mu.Unlock()
	d.g.coords[n.Name] = c
}

// epoch is the latest start of a node, if it is a member; g.mu is held.
func (g *Gossip) epoch(node string) (uint64, bool) {
	if m := g.members[node]; m != nil {
		return m.Epoch, true
	}
	return 0, false
}

// current is whether a node is alive; g.mu is held.
func (g *Gossip) current(node string) bool {
	m := g.members[node]
	return m != nil && m.Alive || node == g.meta.Node
}

var dimensions = int(coordinate.DefaultConfig().Dimensionality)
