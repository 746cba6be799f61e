package store

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/raft"
)

// lossySnapshots is Raft's snapshot files on a lossyDisk. They are real files, of which it
// takes away what a loss of power may: Raft writes into a folder of another name, syncs what
// is in it, renames it, syncs the folder above, and deletes what is too old.
type lossySnapshots struct {
	raft.SnapshotStore
	disk *lossyDisk
	dir  string
}

// step is a step of the disk, by somebody who does not hold its lock: whether it lives, and
// whether the power goes now.
func (s *lossySnapshots) step() (alive, now bool) {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	alive, err := s.disk.step()
	if now = !alive && err == nil; now {
		s.disk.inSnapshots++
	}
	return alive, now
}

func (s *lossySnapshots) chance(n int) int {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	return s.disk.rng.IntN(n)
}

func (s *lossySnapshots) Create(version raft.SnapshotVersion, index, term uint64, c raft.Configuration, at uint64, trans raft.Transport) (raft.SnapshotSink, error) {
	alive, now := s.step()
	if !alive && !now {
		return nil, errPower
	}
	sink, failed := s.SnapshotStore.Create(version, index, term, c, at, trans)
	if failed != nil || !now {
		return &lossySink{sink, s}, failed
	}
	return nil, s.tear(filepath.Join(s.path(sink.ID()+".tmp"), "meta.json"))
}

func (s *lossySnapshots) path(name string) string { return filepath.Join(s.dir, "snapshots", name) }

// tear leaves some of a file, and returns that the power is gone.
func (s *lossySnapshots) tear(file string) error {
	if i, err := os.Stat(file); err == nil {
		if err := os.Truncate(file, int64(s.chance(int(i.Size())+1))); err != nil {
			return err
		}
	}
	return errPower
}

// lossySink is one snapshot on its way to the disk.
type lossySink struct {
	raft.SnapshotSink
	all *lossySnapshots
}

func (k *lossySink) Write(b []byte) (int, error) {
	if alive, _ := k.all.step(); !alive {
		return 0, errPower
	}
	return k.SnapshotSink.Write(b)
}

// Cancel deletes what was written, if the disk still does anything.
func (k *lossySink) Cancel() error {
	if k.all.disk.off() {
		return errPower
	}
	return k.SnapshotSink.Cancel()
}

// Close finishes the snapshot. The power goes before its first sync, before the new name is
// safe, or while the oldest one is deleted.
func (k *lossySink) Close() error {
	switch alive, now := k.all.step(); {
	case alive:
		return k.SnapshotSink.Close()
	case !now:
		return errPower
	}
	old, err := k.all.oldest()
	if err != nil {
		return err
	}
	if err := k.SnapshotSink.Close(); err != nil {
		return err
	}
	whole := k.all.path(k.ID())
	switch k.all.chance(4) {
	case 0: // the new name is there, and all that was synced before
	case 1:
		if err := os.Rename(whole, whole+".tmp"); err != nil {
			return err
		}
	case 2:
		if err := os.Rename(whole, whole+".tmp"); err != nil {
			return err
		}
		return k.all.tear(filepath.Join(whole+".tmp", "state.bin"))
	case 3: // it was deleted in part
		if old.meta == nil {
			break
		}
		if err := os.MkdirAll(k.all.path(old.name), 0o700); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(k.all.path(old.name), "meta.json"), old.meta, 0o600)
	}
	return errPower
}

// oldSnapshot is the name of one and what says that it is there.
type oldSnapshot struct {
	name string
	meta []byte
}

func (s *lossySnapshots) oldest() (oldSnapshot, error) {
	found, err := os.ReadDir(s.path(""))
	for _, e := range found {
		if !strings.HasSuffix(e.Name(), ".tmp") {
			meta, err := os.ReadFile(filepath.Join(s.path(e.Name()), "meta.json"))
			return oldSnapshot{e.Name(), meta}, err
		}
	}
	return oldSnapshot{}, err
}
