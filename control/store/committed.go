package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"stentor/control"
)

// Raft itself does not keep how far its log is committed: a voter that starts without
// the others knows no more than its last snapshot, and would let in whoever was banned
// since. So a voter keeps that index on disk, and starts with everything up to it.
//
// (Raft v1.8 can do so too, RestoreCommittedLogs; but it fills a queue that nobody reads
// yet, and stands still for ever after some thousand entries.)
const (
	// keepCommittedEvery is how much of the log a voter that loses power may have to
	// hear of again.
	keepCommittedEvery = 250 * time.Millisecond
	committedKey       = "stentor-committed" // -> index u64 | Unix nanoseconds u64
)

// keepCommitted keeps on disk how far the log is committed, until ctx is done.
func (v *Voter) keepCommitted(ctx context.Context, r *raft.Raft) {
	tick := time.NewTicker(keepCommittedEvery)
	defer tick.Stop()
	kept := uint64(0)
	for {
		select {
		case <-ctx.Done():
			v.writeCommitted(r.AppliedIndex())
			return
		case <-tick.C:
		}
		if now := r.AppliedIndex(); now > kept && v.writeCommitted(now) {
			kept = now
		}
	}
}

func (v *Voter) writeCommitted(index uint64) bool {
	if v.latch.err() != nil {
		return false
	}
	stale := v.staleness()
	b := binary.BigEndian.AppendUint64(nil, index)
	at := int64(0)
	if stale != Never {
		at = v.clock.now().Add(-stale).UnixNano()
	}
	return v.stable.Set([]byte(committedKey), binary.BigEndian.AppendUint64(b, uint64(at))) == nil
}

// recall brings the state to where the log was known to be committed when this voter
// ended. Raft then goes on from its snapshot, and what is there already is passed over.
func (v *Voter) recall() error {
	base, err := v.recallSnapshot()
	if err != nil {
		v.log.Error("the newest snapshot cannot be used", "err", err)
		v.machine.begin(control.NewState())
		return nil // Raft tries the ones before
	}
	b, err := v.stable.Get([]byte(committedKey))
	if err != nil {
		return err
	}
	if len(b) != 16 {
		return nil
	}
	last, err := v.logs.LastIndex()
	if err != nil {
		return err
	}
	committed := min(binary.BigEndian.Uint64(b), last)
	for i := base + 1; i <= committed; i++ {
		var l raft.Log
		if err := v.logs.GetLog(i, &l); err != nil {
			return fmt.Errorf("entry %d, which is committed: %w", i, err)
		}
		if l.Type != raft.LogCommand {
			continue
		}
		if r, ok := v.machine.Apply(&l).(control.Result); ok && r.Halt != nil {
			return r.Halt
		}
	}
	v.machine.known = max(base, committed)
	if at := binary.BigEndian.Uint64(b[8:]); at != 0 {
		v.fresh.last = v.clock.at(time.Unix(0, int64(at)))
	}
	return nil
}

// recallSnapshot restores the newest snapshot and returns its index, or 0 without one.
func (v *Voter) recallSnapshot() (uint64, error) {
	all, err := v.snaps.List()
	if err != nil || len(all) == 0 {
		return 0, err
	}
	meta, r, err := v.snaps.Open(all[0].ID)
	if err != nil {
		return 0, err
	}
	if err := v.machine.Restore(r); err != nil {
		return 0, err
	}
	v.restored = true
	return meta.Index, nil
}
