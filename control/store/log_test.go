package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	walfs "github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
)

// sealEnd seals the last segment of the log in dir, as the write that fills one does: the
// process died before the next one began.
func sealEnd(t *testing.T, dir string) {
	t.Helper()
	var meta metadb.BoltMetaDB
	s, err := meta.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	w, err := segment.NewFiler(dir, walfs.New()).RecoverTail(s.Segments[len(s.Segments)-1])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.ForceSeal(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), meta.Close()); err != nil {
		t.Fatal(err)
	}
}

func entries(from, to uint64) (logs []*raft.Log) {
	for i := from; i <= to; i++ {
		logs = append(logs, &raft.Log{Index: i, Term: 1, Data: fmt.Append(nil, "entry ", i)})
	}
	return logs
}

func TestALogThatACrashSealedGoesOn(t *testing.T) {
	tests := []struct {
		name        string
		write       uint64
		forget      uint64 // up to here
		first, last uint64
	}{
		{"in its first segment", 10, 0, 1, 10},
		{"with many entries", 3 * copyBatch, 0, 1, 3 * copyBatch},
		{"whose first entries are gone", 10, 4, 5, 10},
		{"all but one gone", 10, 9, 10, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, log := t.TempDir(), hclog.NewNullLogger()
			w, err := wal.Open(dir, wal.WithLogger(log))
			if err != nil {
				t.Fatal(err)
			}
			if err := w.StoreLogs(entries(1, tt.write)); err != nil {
				t.Fatal(err)
			}
			if tt.forget > 0 {
				if err := w.DeleteRange(1, tt.forget); err != nil {
					t.Fatal(err)
				}
			}
			w.Close()
			for crash := range 3 {
				sealEnd(t, dir)
				w, err := openLog(dir, disk{}, log)
				if err != nil {
					t.Fatal(err)
				}
				last := tt.last + uint64(crash)
				if err := w.StoreLogs(entries(last+1, last+1)); err != nil {
					t.Fatalf("after crash %d: %v", crash+1, err)
				}
				first, _ := w.FirstIndex()
				if end, _ := w.LastIndex(); first != tt.first || end != last+1 {
					t.Errorf("after crash %d it goes from %d to %d", crash+1, first, end)
				}
				for i := tt.first; i <= last+1; i++ {
					var l raft.Log
					if err := w.GetLog(i, &l); err != nil || string(l.Data) != fmt.Sprint("entry ", i) {
						t.Fatalf("entry %d is %q, %v", i, l.Data, err)
					}
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if found, err := filepath.Glob(filepath.Join(dir, "*.wal")); err != nil || len(found) != 1 {
				t.Errorf("%d segments are left, %v", len(found), err)
			}
		})
	}
}

// If this fails, raft-wal mends it by itself, and openEnd can go.
func TestRaftWALAloneIsStuckAfterThat(t *testing.T) {
	dir, log := t.TempDir(), wal.WithLogger(hclog.NewNullLogger())
	w, err := wal.Open(dir, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.StoreLogs(entries(1, 3)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	sealEnd(t, dir)
	if w, err = wal.Open(dir, log); err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.StoreLogs(entries(4, 4)); !errors.Is(err, wal.ErrSealed) {
		t.Errorf("it writes on: %v", err)
	}
}

func TestABootstrapThatWasCutShortIsFinished(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		w, err := openLog(mkdir(t, filepath.Join(c.dir, "n1", "wal")), disk{}, hclog.NewNullLogger())
		if err != nil {
			t.Fatal(err)
		}
		if err := w.SetUint64([]byte("CurrentTerm"), 1); err != nil { // and no entry
			t.Fatal(err)
		}
		w.Close()
		must(t, c.start("n1"), create("w_1"))
	})
}

func mkdir(t *testing.T, dir string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}
