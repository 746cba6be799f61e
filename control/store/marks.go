package store

import (
	"bytes"
	"fmt"
	"sync"

	"stentor/control"
	"stentor/control/controlpb"
)

const (
	// markEvery is how many entries of the log lie between two marks.
	markEvery = 1000
	// maxMarks is how many a voter remembers: a checkpoint comes soon after its mark.
	maxMarks = 64
)

// marks are the hashes that this voter's state had at certain indexes, the same ones on
// every voter: those of the last command before each multiple of markEvery. A leader
// puts its own into the log, and whoever had another one has gone astray.
type marks struct {
	mu      sync.Mutex // guards the following
	all     []*controlpb.Checkpoint
	checked uint64 // index of the last one that is in the log
}

// pass is told of each step from one state to the next.
func (m *marks) pass(before, after *control.State) {
	if before.Index() == 0 || before.Index()/markEvery == after.Index()/markEvery {
		return
	}
	hash := before.Hash()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = append(m.all, &controlpb.Checkpoint{Index: before.Index(), Hash: hash[:]})
	if len(m.all) > maxMarks {
		m.all = m.all[1:]
	}
}

// compare compares a leader's mark with this voter's own. One that it does not have, since
// it began with a later snapshot, says nothing.
func (m *marks) compare(c *controlpb.Checkpoint) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checked = max(m.checked, c.GetIndex())
	for _, mine := range m.all {
		if mine.GetIndex() == c.GetIndex() && !bytes.Equal(mine.GetHash(), c.GetHash()) {
			return fmt.Errorf("store: at %d this voter's state is %x, the leader's was %x", c.GetIndex(), mine.GetHash(), c.GetHash())
		}
	}
	return nil
}

// unchecked returns the newest mark if it is not in the log yet, or nil.
func (m *marks) unchecked() *controlpb.Checkpoint {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.all); n > 0 && m.all[n-1].GetIndex() > m.checked {
		return m.all[n-1]
	}
	return nil
}
