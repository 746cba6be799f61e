package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A segment is one file that grows. What it wrote last is on the disk within a second or so, and in the hands of the
// system at once, where the end of this process does not reach it.
type segment struct {
	name     string
	file     *os.File
	mux      muxer
	duration int64 // where it is in the file
	last     int64 // time of the newest frame, in milliseconds; -1 before the first
	frames   uint64
	bytes    uint64
	dirty    bool
}

// syncEvery is how often a file is put on the disk: what a power cut may take.
const syncEvery = time.Second

// maxFiles bounds the files of a recording; a publisher that reconnects each second for a day fills it.
const maxFiles = 100_000

// errFiles is a recording with too many files.
var errFiles = errors.New("record: too many files in one recording")

// create makes the file of a new segment, and writes its head.
func create(dir, label string, f format) (*segment, error) {
	extension := ".mkv"
	if f.webm {
		extension = ".webm"
	}
	s := &segment{last: -1}
	var err error
	if s.name, s.file, err = newFile(dir, label, extension); err != nil {
		return nil, err
	}
	if s.duration, err = s.mux.head(f); err == nil {
		err = s.flush()
	}
	if err != nil {
		s.file.Close()
		return nil, err
	}
	return s, syncDir(dir)
}

// newFile makes a file with a number that none had before.
func newFile(dir, label, extension string) (name string, f *os.File, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, fmt.Errorf("record: %w", err)
	}
	for n := nextNumber(dir); n < maxFiles; n++ {
		name = fmt.Sprintf("%04d-%s%s", n, label, extension)
		f, err = os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	switch {
	case err != nil:
		return "", nil, fmt.Errorf("record: %w", err)
	case f == nil:
		return "", nil, errFiles
	}
	return name, f, nil
}

// nextNumber is one more than the highest number of a file there is.
func nextNumber(dir string) int {
	next := 1
	entries, _ := os.ReadDir(dir) // what is not seen here, O_EXCL finds
	for _, e := range entries {
		var n int
		if _, err := fmt.Sscanf(e.Name(), "%d-", &n); err == nil && n >= next && n < maxFiles {
			next = n + 1
		}
	}
	return next
}

// write appends a frame. Times that do not grow are made to: two frames at one time are what players stumble over.
func (s *segment) write(ms int64, key bool, data []byte) error {
	ms = max(ms, s.last+1, 0)
	if err := s.mux.block(ms, key, data); err != nil {
		return err
	}
	s.last = ms
	s.frames++
	s.dirty = true
	return s.flush()
}

func (s *segment) flush() error {
	n, err := s.file.Write(s.mux.out.Bytes())
	s.mux.out.Reset()
	s.bytes += uint64(n)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// sync puts the file on the disk, with how long it is by now.
func (s *segment) sync() error {
	if !s.dirty {
		return nil
	}
	s.dirty = false
	if _, err := s.file.WriteAt(duration(s.last), s.duration); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// close ends the file.
func (s *segment) close() error {
	err := s.sync()
	return errors.Join(err, s.file.Close())
}

// syncDir makes the names in a folder last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}
