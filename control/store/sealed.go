package store

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"stentor/control"
	"stentor/control/controlpb"
)

// keepEvery is the shortest pause between two writes of the state to disk. What came in
// between is lost only if the machine dies and no voter can be reached when it is back.
const keepEvery = time.Second

// sealed files begin with this; the nonce follows, then the state under AES-256-GCM.
const sealedMagic = "STENTOR sealed state 1\n"

// sealedFile is an edge's last state on disk. It holds the keys of PINs, so the disk
// alone is not enough to read it.
type sealedFile struct {
	path string
	node string
	aead cipher.AEAD
}

func openSealed(dir, node string, key []byte) (*sealedFile, error) {
	if len(key) != 32 {
		return nil, errors.New("store: the key of a follower's state has 32 bytes")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return &sealedFile{filepath.Join(dir, "state.sealed"), node, aead}, nil
}

// write replaces the file, or leaves the old one.
func (s *sealedFile) write(b []byte) (err error) {
	tmp := s.path + ".new"
	out, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = out.Write(s.aead.Seal([]byte(sealedMagic), nil, b, []byte(s.node)))
	err = errors.Join(err, out.Sync(), out.Close())
	if err == nil {
		err = os.Rename(tmp, s.path)
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(s.path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// read returns what was written last; fs.ErrNotExist if nothing was.
func (s *sealedFile) read() ([]byte, error) {
	b, err := os.ReadFile(s.path)
	if err != nil {
		return nil, err
	}
	sealed, ok := bytes.CutPrefix(b, []byte(sealedMagic))
	if !ok {
		return nil, errors.New("not a sealed state")
	}
	return s.aead.Open(nil, nil, sealed, []byte(s.node))
}

// load takes the state from disk, if there is one of the same topics.
func (f *Follower) load() error {
	b, err := f.file.read()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("store: read %s: %w", f.file.path, err)
	}
	var file controlpb.FollowerFile
	if err := proto.Unmarshal(b, &file); err != nil {
		return fmt.Errorf("store: read %s: %w", f.file.path, err)
	}
	if !slices.Equal(file.GetWebinars(), f.cfg.Webinars) {
		return nil
	}
	s, err := control.Restore(bytes.NewReader(file.GetSnapshot()))
	if err != nil {
		return fmt.Errorf("store: read %s: %w", f.file.path, err)
	}
	f.state = s
	if h := file.GetHeartbeat(); h != nil {
		f.beat = h
		var said controlpb.Heartbeat
		if proto.Unmarshal(h.GetSigned(), &said) == nil {
			f.said = order{said.GetTerm(), said.GetLeaderTime()}
		}
		if h.GetLeaderTime() != 0 {
			f.fresh = f.clock.at(time.Unix(0, h.GetLeaderTime()))
		}
	}
	f.metrics.applied(s.Index(), 0)
	return nil
}

// save writes the state to disk if it has changed.
func (f *Follower) save() error {
	f.mu.Lock()
	s, dirty, beat := f.state, f.dirty, proto.CloneOf(f.beat)
	beat.LeaderTime = 0
	if !f.fresh.wall.IsZero() {
		beat.LeaderTime = f.fresh.wall.UnixNano()
	}
	f.dirty = false
	f.mu.Unlock()
	if !dirty {
		return nil
	}
	var snapshot bytes.Buffer
	err := s.Snapshot(&snapshot)
	if err == nil {
		var b []byte
		b, err = proto.Marshal(&controlpb.FollowerFile{Snapshot: snapshot.Bytes(), Heartbeat: beat, Webinars: f.cfg.Webinars})
		if err == nil {
			err = f.file.write(b)
		}
	}
	if err != nil {
		f.mu.Lock()
		f.dirty = true
		f.mu.Unlock()
		return fmt.Errorf("store: keep the state: %w", err)
	}
	f.metrics.snapshotBytes.Set(float64(snapshot.Len()))
	return nil
}

// keep writes the state to disk after changes, until ctx is done, and then once more.
// It spends at most a tenth of the time on it.
func (f *Follower) keep(ctx context.Context) {
	for ctx.Err() == nil {
		changed := f.Changed()
		start := time.Now()
		if err := f.save(); err != nil {
			f.log.Error("state not kept on disk", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(max(keepEvery, 10*time.Since(start))):
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
	f.mu.Lock()
	f.dirty = true // the heartbeat is newer, if nothing else
	f.mu.Unlock()
	if err := f.save(); err != nil {
		f.log.Error("state not kept on disk", "err", err)
	}
}
