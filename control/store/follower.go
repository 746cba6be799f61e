package store

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	mrand "math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stentor/control"
	"stentor/control/controlpb"
)

const (
	// silentFor ends a stream without heartbeats. Two may be lost; at the third another
	// voter is asked.
	silentFor = 3*heartbeatEvery + heartbeatEvery/2
	// staleFor ends a stream from a voter that is itself cut off from the leader.
	staleFor = 5 * time.Second
	// The pause before the next stream, with jitter: when a voter dies, all its edges
	// come to the others. It stays short also after hours, since an edge has to know of
	// bans within a second of the heal (M2), and an attempt that fails costs a packet.
	minPause = 100 * time.Millisecond
	maxPause = 400 * time.Millisecond
	// maxSnapshot bounds what an edge takes from a voter.
	maxSnapshot = 1 << 30
)

// FollowerConfig is what an edge's replica needs. Node, Dir, Key, Dial and Forward are
// mandatory.
type FollowerConfig struct {
	Node string
	Dir  string // its last state, sealed
	Key  []byte // seals it; 32 bytes that are not in Dir
	// Dial opens a watch stream to a voter of its choice, and names it.
	Dial func(ctx context.Context) (conn net.Conn, voter string, err error)
	// Forward hands a request to a voter's HandlePropose.
	Forward func(ctx context.Context, node string, request []byte) ([]byte, error)
	// Webinars are the topics that this edge follows; none: all.
	Webinars []string
	// Verify checks a voter's signature under 32 bytes, by its certificate (DER): the other
	// end of [VoterConfig].Sign. With it, only what the leader has signed counts as fresh,
	// and a bad signature ends the stream.
	Verify func(certificate, hash, signature []byte) error

	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time     // nil: time.Now
	Boot       func() time.Duration // see [Boottime], which is the default
}

// Follower is an edge's replica of the state. It answers from what it has, however old
// that is, and says how old.
type Follower struct {
	cfg     FollowerConfig
	log     *slog.Logger
	metrics *metrics
	file    *sealedFile
	clock   clock
	leaders news // a voter says that there is another leader, or none

	mu      sync.Mutex // guards the following
	state   *control.State
	changed chan struct{} // closed at the next change
	beat    *controlpb.Heartbeat
	fresh   instant              // when the state was surely the newest; zero: never
	heard   word                 // what makes it fresh, once it is at its index
	said    order                // of the last signed heartbeat that counted
	hint    string               // whom a voter called the leader, when it was asked last
	mute    map[string]time.Time // voters that did not answer, and when
	dirty   bool                 // the file is older than state
	astray  bool                 // a change did not fit
}

// NewFollower makes a replica from what Dir holds; without that, or if it cannot be
// read, an empty one. It follows nobody before Run.
func NewFollower(cfg FollowerConfig) (*Follower, error) {
	if cfg.Node == "" || cfg.Dir == "" || cfg.Dial == nil || cfg.Forward == nil {
		return nil, errors.New("store: a follower needs Node, Dir, Key, Dial and Forward")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	file, err := openSealed(cfg.Dir, cfg.Node, cfg.Key)
	if err != nil {
		return nil, err
	}
	f := &Follower{cfg: cfg, log: cfg.Logger, file: file, clock: newClock(cfg.Now, cfg.Boot), state: control.NewState(),
		changed: make(chan struct{}), beat: &controlpb.Heartbeat{}, mute: map[string]time.Time{}}
	f.metrics = newMetrics(cfg.Registerer, f.Staleness)
	if err := f.load(); err != nil {
		f.log.Error("the last state on disk cannot be used, starting without", "err", err)
	}
	return f, nil
}

// State returns the replica as it is now.
func (f *Follower) State() *control.State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

// Changed returns a channel that is closed at the next change of the state. Take it
// before the State that it is about.
func (f *Follower) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// PINKey returns the key of a webinar's PIN; nil for one without.
func (f *Follower) PINKey(id string) []byte { return f.State().EdgeKey(id) }

// Staleness is how long ago the replica was surely the newest state, or [Never].
func (f *Follower) Staleness() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.clock.since(f.fresh)
}

// Status returns where the replica stands.
func (f *Follower) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Status{
		Node: f.cfg.Node, Role: "edge", Leader: f.beat.GetLeader(), Term: f.beat.GetTerm(),
		Index: f.state.Index(), Applied: f.state.Index(), Voters: f.beat.GetVoters(),
		Staleness: f.clock.since(f.fresh), Hash: f.state.Hash(),
	}
}

// Run follows a voter until ctx is done, and another when that one falls silent. It
// keeps the state on disk.
func (f *Follower) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { f.keep(ctx) })
	pause := minPause
	for ctx.Err() == nil {
		heard, err := f.follow(ctx)
		if heard {
			pause = minPause
		}
		if ctx.Err() != nil {
			break
		}
		f.log.Info("watch stream ended", "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(pause/2 + mrand.N(pause)):
		}
		pause = min(2*pause, maxPause)
	}
	return nil
}

// follow follows one voter until its stream ends, and reports whether anything came.
func (f *Follower) follow(ctx context.Context) (heard bool, err error) {
	conn, voter, err := f.cfg.Dial(ctx)
	if err != nil {
		return false, fmt.Errorf("store: dial a voter: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	s := f.State()
	hello := &controlpb.WatchRequest{Version: watchVersion, Node: f.cfg.Node,
		Cluster: s.Cluster().ID, Resume: s.Index(), Webinars: f.cfg.Webinars}
	if f.isAstray() {
		hello.Resume = 0
	}
	conn.SetDeadline(time.Now().Add(writeWithin))
	if err := writeMessage(conn, hello); err != nil {
		return false, fmt.Errorf("store: follow %s: %w", voter, err)
	}
	conn.SetWriteDeadline(time.Time{})
	f.mu.Lock()
	f.heard = word{} // the last voter's
	f.mu.Unlock()
	in := &stream{f: f, since: time.Now()}
	read := &messages{r: bufio.NewReader(conn)}
	for {
		conn.SetReadDeadline(time.Now().Add(silentFor))
		var m controlpb.WatchMessage
		if err := read.next(&m, maxMessage); err != nil {
			return heard, fmt.Errorf("store: follow %s: %w", voter, err)
		}
		if err := in.take(&m); err != nil {
			return heard, fmt.Errorf("store: follow %s: %w", voter, err)
		}
		heard = true
	}
}

// stream is one watch stream at the edge's end.
type stream struct {
	f        *Follower
	since    time.Time
	snapshot bytes.Buffer // until its last piece
}

func (s *stream) take(m *controlpb.WatchMessage) error {
	switch k := m.GetKind().(type) {
	case *controlpb.WatchMessage_Snapshot:
		return s.piece(k.Snapshot)
	case *controlpb.WatchMessage_Changes:
		return s.f.apply(k.Changes.GetChanges())
	case *controlpb.WatchMessage_Heartbeat:
		if err := s.f.heartbeat(k.Heartbeat); err != nil {
			return err
		}
		if time.Since(s.since) > staleFor && s.f.Staleness() > staleFor {
			return errors.New("it is cut off itself")
		}
		return nil
	case *controlpb.WatchMessage_Refused:
		return fmt.Errorf("refused: %s", k.Refused)
	}
	return errors.New("a message of an unknown kind")
}

func (s *stream) piece(p *controlpb.WatchSnapshot) error {
	if s.snapshot.Len()+len(p.GetData()) > maxSnapshot {
		return errors.New("a snapshot that is too large")
	}
	s.snapshot.Write(p.GetData())
	if !p.GetLast() {
		return nil
	}
	state, err := control.Restore(&s.snapshot)
	s.snapshot = bytes.Buffer{}
	if err != nil {
		return err
	}
	switch now := s.f.State(); {
	case now.Cluster().ID != "" && state.Cluster().ID != now.Cluster().ID:
		return fmt.Errorf("it is of cluster %q, I am of %q", state.Cluster().ID, now.Cluster().ID)
	case state.Index() < now.Index(): // an edge never forgets a ban
		return errors.New("its state is older than mine")
	}
	s.f.replace(state)
	return nil
}

func (f *Follower) apply(changes []*controlpb.Change) error {
	s := f.State()
	for _, c := range changes {
		next, err := s.ApplyChange(control.DecodeChange(c))
		if err != nil {
			f.mu.Lock()
			f.astray = true
			f.mu.Unlock()
			return err
		}
		s = next
	}
	f.replace(s)
	return nil
}

// isAstray reports whether the last change did not fit this replica. It goes on from a
// snapshot then: the same change would not fit the next time either.
func (f *Follower) isAstray() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.astray
}

func (f *Follower) replace(s *control.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.astray = false
	f.state, f.dirty = s, true
	f.settle()
	close(f.changed)
	f.changed = make(chan struct{})
	f.metrics.applied(s.Index(), 0)
}
