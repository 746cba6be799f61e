package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/prometheus/client_golang/prometheus"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// VoterConfig is what a voter needs. Node, Dir, Streams, Forward and PINKey are
// mandatory.
type VoterConfig struct {
	Node string // also its address in Raft
	Dir  string // its log and snapshots; nobody else's

	// Bootstrap makes a new cluster with this voter alone, unless Dir holds one already.
	// Others are added by AddVoter.
	Bootstrap bool
	// Init are proposed by the one who bootstrapped, until the state has a cluster.
	Init []*controlpb.Command

	Streams raft.StreamLayer
	// Forward hands a request to another voter's HandlePropose.
	Forward func(ctx context.Context, node string, request []byte) ([]byte, error)
	// PINKey is the cluster's; it is never in the log. Edges get keys derived from it.
	PINKey []byte
	// Sign signs 32 bytes as this node: the head of the audit log, and heartbeats. It
	// returns the signature and the node's certificate (DER), or nothing when it cannot.
	// Without Sign this voter leaves both unsigned.
	Sign func(hash []byte) (signature, certificate []byte)
	// Occurrences works out when a recurring webinar takes place, from what is past at now
	// on, and whether the rule has no more. It is asked of a leader, for webinars that run
	// out of known occurrences. Without it nobody extends them.
	Occurrences func(w *webinar.Webinar, now time.Time) (starts []time.Time, complete bool)

	// Rotation is what the leader asks while it has the gossip key changed. Without it
	// nobody begins that, or goes on with it.
	Rotation Rotation

	Timers            Timers
	SnapshotThreshold uint64        // entries of the log between snapshots; 0: 8192
	SnapshotInterval  time.Duration // how often that is looked at; 0: 2 minutes

	// WrapLogs stands between Raft and its log on disk, for tests of failing disks.
	WrapLogs func(raft.LogStore) raft.LogStore
	disk     disk // for tests of power loss

	Logger     *slog.Logger
	Registerer prometheus.Registerer
	// Exit ends the process: the disk failed, or this version cannot apply what the others
	// do. By default it logs and calls os.Exit(1).
	Exit func(error)
	Now  func() time.Time
	Boot func() time.Duration // see [Boottime], which is the default
}

// Voter is one of the nodes that agree on the state.
type Voter struct {
	cfg     VoterConfig
	log     *slog.Logger
	latch   *latch
	machine *machine
	metrics *metrics
	wal     *wal.WAL
	logs    raft.LogStore
	stable  raft.StableStore
	snaps   raft.SnapshotStore

	raft     atomic.Pointer[raft.Raft] // nil until Run
	leading  atomic.Uint64             // the term in which this leader has everything of earlier ones
	herald   atomic.Pointer[herald]    // nil until Run
	gate     *gate
	leaders  news          // this voter has another leader, or none
	turns    atomic.Uint64 // how often that was so
	reads    barriers
	clock    clock
	fresh    freshness
	signed   signedBeat
	beats    beats
	initial  cachedSnapshot
	restored bool // the newest snapshot is in the state already

	stop chan struct{} // closed when Run ends
}

// OpenVoter opens the voter's files, and knows the state up to where it was known to be
// committed: bans hold also while there is no majority. It takes part in nothing before
// Run, which also closes the files.
func OpenVoter(cfg VoterConfig) (*Voter, error) {
	if cfg.Node == "" || cfg.Dir == "" || cfg.Streams == nil || cfg.Forward == nil || len(cfg.PINKey) == 0 {
		return nil, errors.New("store: a voter needs Node, Dir, Streams, Forward and PINKey")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Exit == nil {
		cfg.Exit = func(err error) {
			cfg.Logger.Error("this voter cannot go on", "err", err)
			os.Exit(1)
		}
	}
	cfg.Timers = cfg.Timers.orDefault()
	v := &Voter{cfg: cfg, log: cfg.Logger, latch: newLatch(cfg.Exit), gate: newGate(), stop: make(chan struct{})}
	v.clock = newClock(time.Now, cfg.Boot) // Now may be off; it stamps commands
	v.metrics = newMetrics(cfg.Registerer, v.staleness)
	v.machine = newMachine(v.latch, v.metrics)
	v.machine.passed = v.announce
	if err := v.openFiles(); err != nil {
		return nil, fmt.Errorf("store: open %s: %w", cfg.Dir, err)
	}
	if err := v.recall(); err != nil {
		return nil, errors.Join(fmt.Errorf("store: open %s: %w", cfg.Dir, err), v.wal.Close())
	}
	return v, nil
}

func (v *Voter) openFiles() error {
	dir := filepath.Join(v.cfg.Dir, "wal")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	log := newRaftLog(v.log)
	// raft.FileSnapshotStore syncs the state, its metadata and the folder.
	snaps, err := raft.NewFileSnapshotStoreWithLogger(v.cfg.Dir, 2, log)
	if err != nil {
		return err
	}
	w, err := openLog(dir, v.cfg.disk, log)
	if err != nil {
		return err
	}
	v.wal, v.snaps = w, snaps
	if v.cfg.disk.snaps != nil {
		v.snaps = v.cfg.disk.snaps(snaps)
	}
	var logs raft.LogStore = w
	if v.cfg.WrapLogs != nil {
		logs = v.cfg.WrapLogs(logs)
	}
	v.stable = latchedStable{w, v.latch}
	v.logs, err = raft.NewLogCache(512, latchedLogs{logs, v.latch})
	if err != nil {
		w.Close()
	}
	return err
}

func (v *Voter) raftConfig(leading chan bool) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(v.cfg.Node)
	c.HeartbeatTimeout, c.ElectionTimeout = v.cfg.Timers.Heartbeat, v.cfg.Timers.Election
	c.LeaderLeaseTimeout, c.CommitTimeout = min(v.cfg.Timers.Lease, c.HeartbeatTimeout-nudge), v.cfg.Timers.Commit
	if v.cfg.SnapshotThreshold != 0 {
		c.SnapshotThreshold = v.cfg.SnapshotThreshold
		c.TrailingLogs = v.cfg.SnapshotThreshold
	}
	if v.cfg.SnapshotInterval != 0 {
		c.SnapshotInterval = v.cfg.SnapshotInterval
	}
	c.Logger = newRaftLog(v.log)
	c.NotifyCh = leading
	c.NoLegacyTelemetry = true
	c.NoSnapshotRestoreOnStart = v.restored
	return c
}

// Run takes part in Raft until ctx is done, or until the disk fails. It hands
// leadership over before it goes, and closes the files.
func (v *Voter) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, v.wal.Close()) }()
	defer v.machine.feed.stir() // the streams end
	defer close(v.stop)
	leading := make(chan bool, 1)
	cfg := v.raftConfig(leading)
	trans := raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: newNamed(v.cfg.Streams, v.cfg.Node), MaxPool: 3, Timeout: 10 * time.Second,
		Logger: cfg.Logger, MsgpackUseNewTimeFormat: true,
	})
	h := &herald{node: v.cfg.Node, trans: trans}
	defer h.wg.Wait()
	defer trans.Close()
	v.herald.Store(h)
	r, err := v.startRaft(cfg, trans)
	if err != nil {
		return fmt.Errorf("store: start raft: %w", err)
	}
	v.raft.Store(r)
	var wg sync.WaitGroup
	inner, cancel := context.WithCancel(ctx)
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { v.lead(inner, leading) })
	wg.Go(func() { v.askBeats(inner) })
	wg.Go(func() { v.keepCommitted(inner, r) })
	wg.Go(func() { v.watchLeader(inner, r) })
	wg.Go(func() { v.hearLeaders(inner, r) })
	select {
	case <-ctx.Done():
		v.handOver(r)
	case <-v.latch.tripped:
		err = v.latch.err()
	}
	v.gate.drain()
	defer close(v.gate.down)
	if e := r.Shutdown().Error(); e != nil {
		err = errors.Join(err, fmt.Errorf("store: shut raft down: %w", e))
	}
	return err
}

// stopped reports whether Run has ended.
func (v *Voter) stopped() bool {
	select {
	case <-v.stop:
		return true
	default:
		return false
	}
}

func (v *Voter) startRaft(cfg *raft.Config, trans raft.Transport) (*raft.Raft, error) {
	if v.cfg.Bootstrap {
		alone := raft.Configuration{Servers: []raft.Server{{
			Suffrage: raft.Voter, ID: cfg.LocalID, Address: raft.ServerAddress(v.cfg.Node)}}}
		err := raft.BootstrapCluster(cfg, v.logs, v.stable, v.snaps, trans, alone)
		if errors.Is(err, raft.ErrCantBootstrap) {
			err = v.finishBootstrap(alone)
		}
		if err != nil {
			return nil, err
		}
	}
	return raft.NewRaft(cfg, v.machine, v.logs, v.stable, v.snaps, trans)
}

// finishBootstrap writes the first entry of the log if that was cut short: Raft keeps the
// first term, then the entry, and takes a voter that has but the term for one of a cluster
// that it never finds.
func (v *Voter) finishBootstrap(alone raft.Configuration) error {
	term, err := v.stable.GetUint64([]byte("CurrentTerm"))
	if err != nil {
		return err
	}
	last, err := v.logs.LastIndex()
	if err != nil {
		return err
	}
	snaps, err := v.snaps.List()
	if err != nil || term != 1 || last > 0 || len(snaps) > 0 {
		return err
	}
	return v.logs.StoreLog(&raft.Log{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(alone)})
}

// handOver gives leadership to another voter, so that nobody waits for an election. With
// nobody to give it to it just goes.
func (v *Voter) handOver(r *raft.Raft) {
	if r.State() != raft.Leader {
		return
	}
	if err := r.LeadershipTransfer().Error(); err != nil {
		v.log.Info("leadership not handed over", "err", err)
	}
}

// State returns the state as this voter has applied it.
func (v *Voter) State() *control.State { return v.machine.state.Load() }

// Changed returns a channel that is closed at the next change of the state. Take it
// before the State that it is about.
func (v *Voter) Changed() <-chan struct{} { return v.machine.feed.wait() }

// PINKey returns the key of a webinar's PIN.
func (v *Voter) PINKey(id string) []byte { return webinar.DeriveKey(v.cfg.PINKey, id) }

// Leader returns the leader's node ID, as far as this voter knows, or "".
func (v *Voter) Leader() string {
	r := v.raft.Load()
	if r == nil {
		return ""
	}
	_, id := r.LeaderWithID()
	return string(id)
}

// Staleness is how long ago this voter's state was surely the newest, or [Never].
func (v *Voter) Staleness() time.Duration { return v.staleness() }

// Status returns where this voter stands.
func (v *Voter) Status() Status {
	s := v.State()
	st := Status{Node: v.cfg.Node, Role: "voter", Index: s.Index(), Hash: s.Hash(), Staleness: v.staleness()}
	r := v.raft.Load()
	if r == nil {
		return st
	}
	if r.State() == raft.Leader {
		st.Role = "leader"
	}
	st.Leader, st.Term, st.Applied, st.Voters = v.Leader(), r.CurrentTerm(), r.AppliedIndex(), v.voters()
	return st
}

func (v *Voter) voters() []string {
	r := v.raft.Load()
	if r == nil {
		return nil
	}
	f := r.GetConfiguration()
	if f.Error() != nil {
		return nil
	}
	var ids []string
	for _, s := range f.Configuration().Servers {
		if s.Suffrage == raft.Voter {
			ids = append(ids, string(s.ID))
		}
	}
	return ids
}
