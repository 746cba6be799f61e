package store

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	walfs "github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// disk is what the log is written to. The zero one is the folder itself.
type disk struct {
	files   types.VFS
	meta    types.MetaStore
	segment int                                         // bytes; 0: raft-wal's 64 MiB
	snaps   func(raft.SnapshotStore) raft.SnapshotStore // stands before the snapshots; nil: nothing does
}

// openLog opens the log in dir, and repairs what a crash may have left of its end.
func openLog(dir string, d disk, log hclog.Logger) (*wal.WAL, error) {
	if d.files == nil {
		d.files = walfs.New()
	}
	if d.meta == nil {
		d.meta = &metadb.BoltMetaDB{}
	}
	if d.segment == 0 {
		d.segment = wal.DefaultSegmentSize
	}
	filer := segment.NewFiler(dir, d.files)
	return wal.Open(dir, wal.WithLogger(log), wal.WithSegmentSize(d.segment), wal.WithSegmentFiler(filer),
		wal.WithMetaStore(openEnd{d.meta, filer, log}))
}

// openEnd makes sure that the log's last segment can be written.
//
// The write that fills a segment also seals it, and only then does raft-wal (v0.4.1)
// begin the next one. If the process dies between, or the power while that write is on
// its way, the segment is found sealed and still the last: every write from then on fails
// with ErrSealed, after each restart again. What is valid in it is copied to a new
// segment then, which takes its place in one step.
type openEnd struct {
	types.MetaStore
	filer types.SegmentFiler
	log   hclog.Logger
}

func (m openEnd) Load(dir string) (types.PersistentState, error) {
	s, err := m.MetaStore.Load(dir)
	if err != nil || len(s.Segments) == 0 {
		return s, err
	}
	tail := &s.Segments[len(s.Segments)-1]
	if !tail.SealTime.IsZero() {
		return s, nil
	}
	w, err := m.filer.RecoverTail(*tail)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil // raft-wal makes it
	}
	if err != nil {
		return s, err
	}
	defer w.Close()
	if sealed, _, err := w.Sealed(); err != nil || !sealed {
		return s, err
	}
	m.log.Error("the log's last segment was sealed by a crash", "segment", segment.FileName(*tail), "last", w.LastIndex())
	next := *tail
	next.ID = s.NextSegmentID
	// Room for as much again: the copy alone must not fill it.
	next.SizeLimit *= 2
	if err := m.copy(w, *tail, &next); err != nil {
		return s, fmt.Errorf("store: repair the log's end: %w", err)
	}
	*tail = next
	s.NextSegmentID++
	return s, m.CommitState(s)
}

// copyBatch is how many entries are copied and synced at once.
const copyBatch = 1024

func (m openEnd) copy(from types.SegmentWriter, old types.SegmentInfo, info *types.SegmentInfo) error {
	if from.LastIndex() >= old.MinIndex {
		info.BaseIndex = old.MinIndex // what is before it is not in the log any more
	}
	// A crash in the last attempt may have left it.
	if err := m.filer.Delete(info.BaseIndex, info.ID); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	to, err := m.filer.Create(*info)
	if err != nil {
		return err
	}
	defer to.Close()
	var batch []types.LogEntry
	for i := info.BaseIndex; i <= from.LastIndex(); i++ {
		b, err := from.GetLog(i)
		if err != nil {
			return err
		}
		batch = append(batch, types.LogEntry{Index: i, Data: append([]byte(nil), b.Bs...)})
		b.Close()
		if len(batch) == copyBatch || i == from.LastIndex() {
			if err := to.Append(batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return nil
}
