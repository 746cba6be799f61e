package store

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"stentor/control"
	"stentor/control/controlpb"
)

const (
	heartbeatEvery = time.Second
	// writeWithin is how long an edge may take to read what was written. A slower one
	// loses its stream, and comes back with less to catch up.
	writeWithin = 10 * time.Second
	// writeSlack is how much longer it may have: a deadline is a timer, and setting it anew
	// for each message costs as much as sealing that.
	writeSlack = 2 * time.Second
	// batch is the most changes and bytes in one message.
	batch      = 256
	batchBytes = 256 << 10
	chunk      = 256 << 10 // of a snapshot
	// largestChanges is the most bytes of changes in one message.
	largestChanges = maxMessage - maxMessage/8
)

// ServeWatch feeds one edge's watch stream until it or ctx ends, and closes conn. node
// is who the certificate says is there.
func (v *Voter) ServeWatch(ctx context.Context, conn net.Conn, node string) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer conn.Close()
	defer cancel()
	conn.SetReadDeadline(time.Now().Add(writeWithin))
	var req controlpb.WatchRequest
	if err := readMessage(conn, &req, maxHello); err != nil {
		return fmt.Errorf("store: watch by %s: %w", node, err)
	}
	w := &watch{v: v, conn: conn, topics: req.GetWebinars()}
	if why := v.refusal(&req, node); why != "" {
		w.write(&controlpb.WatchMessage{Kind: &controlpb.WatchMessage_Refused{Refused: why}})
		return fmt.Errorf("store: watch by %s refused: %s", node, why)
	}
	conn.SetReadDeadline(time.Time{})
	wg.Go(func() { // the edge says nothing more: what it sends, or its end, ends the stream
		conn.Read(make([]byte, 1))
		cancel()
	})
	v.metrics.watchers.Inc()
	defer v.metrics.watchers.Dec()
	if req.GetResume() > 0 {
		w.cursor, w.resumed = req.GetResume(), true
	}
	if err := w.run(ctx); err != nil {
		return fmt.Errorf("store: watch by %s: %w", node, err)
	}
	return nil
}

// refusal says why this voter does not feed that edge, or nothing. A voter that has just
// started and heard nothing yet would feed it less than the edge may have.
func (v *Voter) refusal(req *controlpb.WatchRequest, node string) string {
	cluster := v.State().Cluster().ID
	switch {
	case req.GetVersion() != watchVersion:
		return fmt.Sprintf("watch version %d, this voter speaks %d", req.GetVersion(), watchVersion)
	case req.GetNode() != node:
		return "another node's name"
	case cluster == "":
		return "no state yet"
	case req.GetCluster() != "" && req.GetCluster() != cluster:
		return "another cluster"
	}
	return ""
}

// watch is one stream to an edge.
type watch struct {
	v       *Voter
	conn    net.Conn
	topics  control.Topics
	cursor  uint64    // everything up to it is sent
	resumed bool      // there is something that cursor follows
	buffer  []byte    // for what is sent to this edge alone
	until   time.Time // when the edge must have read what was written
}

func (w *watch) run(ctx context.Context) error {
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	turn := w.v.turns.Load()
	pending := w.v.heartbeat() // is sent when the stream has come to what it is about
	for {
		entries, changed, ok := w.v.machine.feed.since(w.cursor, batch)
		if w.v.stopped() {
			return nil
		}
		if now := w.v.turns.Load(); now != turn { // the edge's requests wait for a leader
			turn, pending = now, w.v.heartbeat()
		}
		var err error
		switch {
		case !ok || !w.resumed:
			err = w.snapshot()
		case len(entries) > 0:
			err = w.changes(entries)
		}
		if err == nil && pending != nil && w.resumed && w.cursor >= pending.pb.GetIndex() {
			err = w.beat(pending)
			pending = nil
		}
		if err != nil {
			return err
		}
		if !ok || len(entries) > 0 {
			changed = ready // there may be more
		}
		select { // what all streams wait for is one channel, as they contend for its lock
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if pending == nil {
				pending = w.v.heartbeat()
			}
		case <-changed:
		}
	}
}

// ready is a channel that is always closed.
var ready = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (w *watch) write(m *controlpb.WatchMessage) (err error) {
	if w.buffer, err = frame(w.buffer, m); err != nil {
		return err
	}
	return w.send(w.buffer)
}

// send writes a message, which stays as it is.
func (w *watch) send(message []byte) error {
	if now := time.Now(); w.until.Sub(now) < writeWithin {
		w.until = now.Add(writeWithin + writeSlack)
		w.conn.SetWriteDeadline(w.until)
	}
	_, err := w.conn.Write(message)
	if cap(w.buffer) > keepBuffer {
		w.buffer = nil
	}
	return err
}

// changes sends as many of the entries as go into one message. What an edge gets of each
// is encoded once for all edges, and a change that comes alone is the same message for all.
func (w *watch) changes(entries []*entry) error {
	if len(entries) == 1 && len(w.topics) == 0 {
		m, err := entries[0].alone(w.v.cfg.PINKey)
		if err != nil {
			return fmt.Errorf("store: encode change %d: %w", entries[0].Index, err)
		}
		if len(m) <= largestChanges {
			w.cursor = entries[0].Index
			return w.send(m)
		}
	}
	w.buffer = w.buffer[:0]
	for _, e := range entries {
		c, err := e.filtered(w.v.cfg.PINKey, w.topics)
		if err != nil {
			return fmt.Errorf("store: encode change %d: %w", e.Index, err)
		}
		if len(w.buffer) > 0 && len(w.buffer)+len(c) > batchBytes {
			break
		}
		w.buffer = appendChange(w.buffer, c)
		w.cursor = e.Index
	}
	if len(w.buffer) > largestChanges { // one that frees every seat of a large edge, say
		w.buffer = nil
		return w.snapshot()
	}
	return w.send(frameChanges(w.buffer))
}

func (w *watch) snapshot() error {
	w.v.metrics.watchResets.Inc()
	index, b, err := w.v.edgeSnapshot(w.topics)
	if err != nil {
		return err
	}
	for first := true; first || len(b) > 0; first = false {
		n := min(len(b), chunk)
		piece := &controlpb.WatchSnapshot{Data: b[:n], Last: n == len(b)}
		if err := w.write(&controlpb.WatchMessage{Kind: &controlpb.WatchMessage_Snapshot{Snapshot: piece}}); err != nil {
			return err
		}
		b = b[n:]
	}
	w.cursor, w.resumed = index, true
	return nil
}

// beat sends b, as old as it has become. A stream that is further than this voter says
// nothing of how fresh the edge is.
func (w *watch) beat(b *beat) error {
	waited := int64(w.v.clock.since(b.made))
	pb := &controlpb.Heartbeat{Index: b.pb.GetIndex(), Term: b.pb.GetTerm(), Leader: b.pb.GetLeader(), LeaderTime: b.pb.GetLeaderTime(),
		Age: b.pb.GetAge(), Voters: b.pb.GetVoters(), Signed: b.pb.GetSigned(), Signature: b.pb.GetSignature(),
		Certificate: b.pb.GetCertificate(), SignedAge: b.pb.GetSignedAge() + waited}
	if pb.GetAge() >= 0 {
		pb.Age += waited
	}
	if w.cursor > w.v.State().Index() {
		pb.Age = -1
	}
	return w.write(&controlpb.WatchMessage{Kind: &controlpb.WatchMessage_Heartbeat{Heartbeat: pb}})
}

// beat is a heartbeat and when it was made.
type beat struct {
	pb   *controlpb.Heartbeat
	made instant
}

// beatFor is how long one heartbeat is given to every stream whose turn it is: of 500
// edges, 25 share one. It says how old it is, so it stays true.
const beatFor = 50 * time.Millisecond

// beats is the newest heartbeat. Its message does not change.
type beats struct {
	mu     sync.Mutex // guards the following
	newest *beat
}

// heartbeat says where this voter stands, or stood a moment ago under the same leader.
func (v *Voter) heartbeat() *beat {
	v.beats.mu.Lock()
	defer v.beats.mu.Unlock()
	b := v.beats.newest
	if b == nil || v.clock.since(b.made) >= beatFor || b.pb.GetLeader() != v.Leader() {
		b = v.makeBeat()
		v.beats.newest = b
	}
	return b
}

// makeBeat says where this voter stands. Its age is taken before the index, so that an
// edge with that index is at least as fresh.
func (v *Voter) makeBeat() *beat {
	made := v.clock.instant()
	age := v.staleness()
	pb := &controlpb.Heartbeat{Leader: v.Leader(), Voters: v.voters(), Index: v.State().Index(), Age: int64(age)}
	if age == Never {
		pb.Age = -1
	} else {
		pb.LeaderTime = v.cfg.Now().Add(-age).UnixNano()
	}
	if r := v.raft.Load(); r != nil {
		pb.Term = r.CurrentTerm()
	}
	v.addSigned(pb)
	return &beat{pb, made}
}

// cachedSnapshot is the last snapshot for edges that want everything. When a voter
// comes back, all its edges ask for one at once.
type cachedSnapshot struct {
	mu    sync.Mutex // guards the following, and is held while a snapshot is made
	index uint64
	bytes []byte
}

// edgeSnapshot returns a filtered snapshot and its index, from which the feed goes on.
func (v *Voter) edgeSnapshot(topics control.Topics) (uint64, []byte, error) {
	if len(topics) > 0 {
		return v.makeSnapshot(topics)
	}
	c := &v.initial
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, _, ok := v.machine.feed.since(c.index, 0); ok && c.bytes != nil {
		return c.index, c.bytes, nil
	}
	index, b, err := v.makeSnapshot(nil)
	if err == nil {
		c.index, c.bytes = index, b
	}
	return index, b, err
}

func (v *Voter) makeSnapshot(topics control.Topics) (uint64, []byte, error) {
	s := v.State().Edge(v.cfg.PINKey, topics)
	var b bytes.Buffer
	if err := s.Snapshot(&b); err != nil {
		return 0, nil, err
	}
	return s.Index(), b.Bytes(), nil
}
