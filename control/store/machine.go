package store

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"google.golang.org/protobuf/proto"

	"stentor/control"
	"stentor/control/controlpb"
)

// machine is Raft's state machine: it applies commands to the state, one after the
// other, and feeds what they changed to the watch streams. Readers take the state
// without a lock.
type machine struct {
	state   atomic.Pointer[control.State]
	feed    *feed
	marks   marks
	latch   *latch
	metrics *metrics

	passed func(mark) // hears of each entry that was applied; does not change

	known uint64 // Raft goes through the log again up to here, which is applied
}

func newMachine(latch *latch, m *metrics) *machine {
	f := &machine{feed: newFeed(), latch: latch, metrics: m, passed: func(mark) {}}
	f.state.Store(control.NewState())
	return f
}

// Apply applies a committed command and returns its control.Result.
func (m *machine) Apply(l *raft.Log) any {
	if err := m.latch.err(); err != nil { // the state may not be the others' any more
		return control.Result{Halt: err}
	}
	if l.Index <= m.known {
		return control.Result{Index: l.Index}
	}
	start := time.Now()
	var c controlpb.Command
	if err := proto.Unmarshal(l.Data, &c); err != nil {
		return control.Result{Halt: m.latch.trip(fmt.Errorf("store: command %d: %w", l.Index, err))}
	}
	if k := c.GetCheckpoint(); k != nil {
		if err := m.marks.compare(k); err != nil {
			return control.Result{Halt: m.latch.trip(err)}
		}
	}
	now := m.state.Load()
	next, r := now.Apply(l.Index, &c)
	if r.Halt != nil {
		m.latch.trip(fmt.Errorf("store: %w", r.Halt))
		return r
	}
	m.marks.pass(now, next)
	m.state.Store(next)
	m.feed.append(r.Change)
	m.metrics.applied(l.Index, time.Since(start))
	m.passed(mark{l.Index, l.Term})
	return r
}

// Snapshot takes the state as it is; writing it needs no lock.
func (m *machine) Snapshot() (raft.FSMSnapshot, error) {
	return snapshot{m.state.Load(), m.metrics}, nil
}

// Restore replaces the state by a snapshot's.
func (m *machine) Restore(r io.ReadCloser) error {
	defer r.Close()
	s, err := control.Restore(r)
	if err != nil {
		return fmt.Errorf("store: restore: %w", err)
	}
	m.begin(s)
	return nil
}

// begin goes on from s.
func (m *machine) begin(s *control.State) {
	m.known = 0
	m.state.Store(s)
	m.feed.reset(s.Index())
	m.metrics.applied(s.Index(), 0)
}

type snapshot struct {
	state   *control.State
	metrics *metrics
}

func (s snapshot) Persist(sink raft.SnapshotSink) error {
	w := &counter{w: sink}
	if err := s.state.Snapshot(w); err != nil {
		sink.Cancel()
		return fmt.Errorf("store: %w", err)
	}
	s.metrics.snapshotBytes.Set(float64(w.n))
	return sink.Close()
}

func (snapshot) Release() {}

// counter counts the bytes written to w.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}
