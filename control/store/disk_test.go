package store

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/hashicorp/raft"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/types"
)

var errPower = errors.New("the power is gone")

// sector is what a disk writes whole or not at all.
const sector = 512

// lossyDisk is a disk below a log that loses power at its dieAt-th operation: what was
// not synced then is there sector by sector, or not, as chance has it. Its segments are
// in memory; the log's small database is a real file, whose pages it mixes by the rules
// by which bbolt writes them.
type lossyDisk struct {
	mu      sync.Mutex // guards the following
	rng     *rand.Rand
	ops     int
	dieAt   int
	dead    bool
	lies    bool // Sync returns before anything is safe: the test of this test
	files   map[string]*lossyFile
	dbPath  string
	last    *lossyDB
	db      []byte // what of it is safe
	dbMixed []byte // what is found of it after a loss in the middle of a commit

	inSnapshots int // how often the power went while one was written
}

type lossyFile struct {
	data    []byte // as whoever runs sees it
	safe    []byte // as it was synced
	pending []span // written since
	linked  bool   // its name is safe
}

type span struct{ from, to int64 }

func newLossyDisk(rng *rand.Rand) *lossyDisk {
	return &lossyDisk{rng: rng, files: map[string]*lossyFile{}, dieAt: -1}
}

// disk returns what a voter's log is written to, in small segments.
func (d *lossyDisk) disk(dir string) disk {
	d.dbPath = filepath.Join(dir, "wal", metadb.FileName)
	d.last = &lossyDB{disk: d}
	return disk{files: d, meta: d.last, segment: 16 << 10, snaps: func(s raft.SnapshotStore) raft.SnapshotStore {
		return &lossySnapshots{s, d, dir}
	}}
}

// off reports whether the power is gone.
func (d *lossyDisk) off() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}

// step is one operation. It reports false for the one in which the power goes.
func (d *lossyDisk) step() (alive bool, err error) {
	if d.dead {
		return false, errPower
	}
	d.ops++
	d.dead = d.ops == d.dieAt
	return !d.dead, nil
}

// powerOn brings back what survived, and lets the disk live for another n operations.
func (d *lossyDisk) powerOn(n int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last != nil { // a log that did not open has left its lock, which goes with the process
		if err := d.last.Close(); err != nil {
			return err
		}
	}
	names := slices.Sorted(maps.Keys(d.files)) // the same chance, the same loss
	for _, name := range names {
		f := d.files[name]
		if !f.linked && d.rng.IntN(2) == 0 {
			delete(d.files, name)
			continue
		}
		f.lose(d.rng)
	}
	if d.dbMixed == nil {
		d.dbMixed = d.db
	}
	d.db, d.dead, d.ops, d.dieAt = d.dbMixed, false, 0, n
	d.dbMixed = nil
	if d.db == nil {
		return nil
	}
	return os.WriteFile(d.dbPath, d.db, 0o600)
}

func (f *lossyFile) lose(rng *rand.Rand) {
	found := make([]byte, len(f.safe), len(f.data))
	copy(found, f.safe)
	if len(f.data) > len(found) && rng.IntN(2) == 0 { // the new length, without what is in it
		found = append(found, make([]byte, len(f.data)-len(found))...)
	}
	for _, s := range f.pending {
		for at := s.from; at < s.to; {
			end := min((at/sector+1)*sector, s.to)
			if int(end) <= len(found) && rng.IntN(2) == 0 {
				copy(found[at:end], f.data[at:end])
			}
			at = end
		}
	}
	f.data, f.safe, f.pending, f.linked = found, bytes.Clone(found), nil, true
}

func (d *lossyDisk) ListDir(string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.files)), nil
}

func (d *lossyDisk) Create(_, name string, size uint64) (types.WritableFile, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	alive, err := d.step()
	if err != nil {
		return nil, err
	}
	if d.files[name] != nil {
		return nil, fs.ErrExist
	}
	d.files[name] = &lossyFile{data: make([]byte, size)}
	if !alive {
		return nil, errPower
	}
	return &lossyHandle{d, d.files[name]}, nil
}

func (d *lossyDisk) Delete(_, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	alive, err := d.step()
	if err != nil {
		return err
	}
	if alive || d.rng.IntN(2) == 0 {
		delete(d.files, name)
	}
	if !alive {
		return errPower
	}
	return nil
}

func (d *lossyDisk) OpenReader(_, name string) (types.ReadableFile, error) {
	return d.OpenWriter("", name)
}

func (d *lossyDisk) OpenWriter(_, name string) (types.WritableFile, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.files[name]; f != nil {
		return &lossyHandle{d, f}, nil
	}
	return nil, fs.ErrNotExist
}

type lossyHandle struct {
	disk *lossyDisk
	file *lossyFile
}

func (h *lossyHandle) ReadAt(b []byte, off int64) (int, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if off >= int64(len(h.file.data)) {
		return 0, io.EOF
	}
	n := copy(b, h.file.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h *lossyHandle) WriteAt(b []byte, off int64) (int, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	alive, err := h.disk.step()
	if err != nil {
		return 0, err
	}
	f := h.file
	end := off + int64(len(b))
	if end > int64(len(f.data)) {
		f.data = append(f.data, make([]byte, end-int64(len(f.data)))...)
	}
	copy(f.data[off:], b)
	f.pending = append(f.pending, span{off, end})
	if !alive {
		return 0, errPower
	}
	return len(b), nil
}

// Sync makes the file safe, and the first time its name: raft-wal's own files sync the
// folder then.
func (h *lossyHandle) Sync() error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	alive, err := h.disk.step()
	if err != nil {
		return err
	}
	if !alive {
		return errPower
	}
	if !h.disk.lies {
		h.file.safe, h.file.pending, h.file.linked = bytes.Clone(h.file.data), nil, true
	}
	return nil
}

func (h *lossyHandle) Close() error { return nil }

// lossyDB is the log's database on a lossyDisk.
type lossyDB struct {
	metadb.BoltMetaDB
	disk *lossyDisk
}

func (b *lossyDB) Load(dir string) (types.PersistentState, error) {
	s, err := b.BoltMetaDB.Load(dir)
	if err == nil && b.disk.db == nil { // made as a whole under another name
		b.disk.db, err = os.ReadFile(b.disk.dbPath)
	}
	return s, err
}

func (b *lossyDB) CommitState(s types.PersistentState) error {
	return b.commit(func() error { return b.BoltMetaDB.CommitState(s) })
}

func (b *lossyDB) SetStable(key, value []byte) error {
	return b.commit(func() error { return b.BoltMetaDB.SetStable(key, value) })
}

func (b *lossyDB) commit(write func() error) error {
	d := b.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	alive, err := d.step()
	if err != nil {
		return err
	}
	if err := write(); err != nil {
		return err
	}
	now, err := os.ReadFile(d.dbPath)
	if err != nil {
		return err
	}
	if !alive {
		d.dbMixed = mixPages(d.rng, d.db, now)
		return errPower
	}
	d.db = now
	return nil
}

// mixPages returns what may be found of a bbolt file when the power goes in a commit:
// bbolt writes the data, syncs, writes one of the first two pages, and syncs.
func mixPages(rng *rand.Rand, old, now []byte) []byte {
	page := os.Getpagesize()
	found := bytes.Clone(now)
	if rng.IntN(2) == 0 { // before the first sync
		for at := 0; at < len(found); at += page {
			if at+page <= len(old) && (at < 2*page || rng.IntN(2) == 0) {
				copy(found[at:at+page], old[at:])
			}
		}
		return found
	}
	for at := 0; at < 2*page; at += sector { // the second one, torn
		if rng.IntN(2) == 0 {
			copy(found[at:at+sector], old[at:at+sector])
		}
	}
	return found
}
