package record

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"bytes"
)

// A Recording is what one node has of a webinar's recording.
type Recording struct {
	ID      string `json:"id"`
	Node    string `json:"node"`
	Running bool   `json:"running"` // at this node: something enters the mesh here and is being recorded
	Failed  Reason `json:"failed,omitempty"`
	Files   []File `json:"files"` // oldest first
}

// A File is one recorded file.
type File struct {
	Name        string        `json:"name"`
	Stream      string        `json:"stream"`
	Track       string        `json:"track"`
	Participant string        `json:"participant"`
	Codec       string        `json:"codec"`
	Language    string        `json:"language,omitempty"` // of captions
	Width       int           `json:"width,omitempty"`
	Height      int           `json:"height,omitempty"`
	Zero        time.Time     `json:"zero"`  // from which the times in it count
	First       time.Duration `json:"first"` // of the first frame
	Last        time.Duration `json:"last"`  // of the newest one
	Bytes       int64         `json:"bytes"`
	Dropped     uint64        `json:"dropped"` // frames that are missing; of a file that has ended
	State       string        `json:"state"`
}

// The states of a file.
const (
	FileGrows  = "growing"
	FileWhole  = "whole"
	FileCutOff = "cut_off" // the process ended first; it plays up to then
)

// dir is the folder of a recording.
func (r *Recorder) dir(p place) string { return filepath.Join(r.cfg.Dir, p.webinar, p.recording) }

// note adds a line to the index of a recording.
func (r *Recorder) note(p place, l Line) error {
	r.mu.Lock()
	x := r.index(p)
	r.mu.Unlock()
	return x.add(l)
}

// List returns what this node has of a webinar's recordings, the oldest first.
func (r *Recorder) List(webinar string) ([]Recording, error) {
	if !safe(webinar) {
		return nil, nil
	}
	entries, err := os.ReadDir(filepath.Join(r.cfg.Dir, webinar))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	var out []Recording
	for _, e := range entries {
		if !e.IsDir() || !safe(e.Name()) {
			continue
		}
		one, err := r.one(place{webinar, e.Name()})
		if errors.Is(err, fs.ErrNotExist) {
			continue // its index is not written yet, or it was forgotten just now
		} else if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b Recording) int { return cmp.Or(a.since().Compare(b.since()), cmp.Compare(a.ID, b.ID)) })
	return out, nil
}

func (r Recording) since() time.Time {
	if len(r.Files) == 0 {
		return time.Time{}
	}
	return r.Files[0].Zero
}

func (r *Recorder) one(p place) (Recording, error) {
	out := Recording{ID: p.recording, Node: r.cfg.Node, Files: []File{}}
	r.mu.Lock()
	epochs := map[uint64]bool{}
	for s := range r.running {
		if s.Webinar == p.webinar && s.Recording == p.recording {
			out.Running, epochs[s.Epoch] = true, true
		}
	}
	r.mu.Unlock()
	lines, err := readIndex(r.dir(p))
	if err != nil {
		return out, err
	}
	known := map[string]int{} // file -> its place in Files
	for _, l := range lines {
		switch at, ok := known[l.File]; {
		case l.Event == EventFailed:
			out.Failed = Reason(l.Reason)
		case l.Event == EventBegin && !ok:
			known[l.File], out.Failed = len(out.Files), "" // it went on
			f := File{
				Name: l.File, Stream: l.Stream, Track: l.Track, Participant: l.Participant, Codec: l.Codec, Language: l.Language, Width: l.Width, Height: l.Height,
				First: time.Duration(l.First) * time.Millisecond, State: FileCutOff,
			}
			if l.Zero != nil {
				f.Zero = *l.Zero
			}
			if epochs[l.Epoch] {
				f.State = FileGrows
			}
			out.Files = append(out.Files, f)
		case l.Event == EventEnd && ok:
			f := &out.Files[at]
			f.State, f.Last, f.Dropped = FileWhole, time.Duration(l.Last)*time.Millisecond, l.Dropped
		}
	}
	for i := range out.Files {
		measure(r.dir(p), &out.Files[i])
	}
	return out, nil
}

// measure asks the file itself what the index does not say.
func measure(dir string, f *File) {
	info, err := os.Stat(filepath.Join(dir, f.Name))
	if err != nil {
		return
	}
	f.Bytes = info.Size()
	if f.State == FileWhole {
		return
	}
	read := readDuration
	if f.Track == trackCaptions {
		read = readLast
	}
	if ms, ok := read(filepath.Join(dir, f.Name)); ok {
		f.Last = time.Duration(ms) * time.Millisecond
	}
}

// readDuration returns what the head of a file says, in milliseconds.
func readDuration(path string) (ms int64, ok bool) {
	f, err := os.Open(path)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	head := make([]byte, 512)
	n, _ := f.ReadAt(head, 0) // a short file has less
	_, rest, ok := bytes.Cut(head[:n], durationMark)
	if !ok || len(rest) < 8 {
		return 0, false
	}
	v := math.Float64frombits(binary.BigEndian.Uint64(rest))
	if !(v >= 0 && v < 1e12) { // NaN too
		return 0, false
	}
	return int64(v), true
}

// ErrNoFile is Open's answer when there is no such file.
var ErrNoFile = errors.New("record: there is no such file")

// Open opens a recorded file for reading. Its caller closes it.
func (r *Recorder) Open(webinar, recording, name string) (*os.File, error) {
	if !safe(webinar) || !safe(recording) || !fileName(name) && name != indexName {
		return nil, ErrNoFile
	}
	root, err := os.OpenRoot(r.dir(place{webinar, recording}))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoFile
	} else if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	defer root.Close()
	f, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoFile
	} else if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	return f, nil
}

// tidy forgets the recordings of webinars that expired.
func (r *Recorder) tidy() {
	entries, _ := os.ReadDir(r.cfg.Dir) // not there: nothing was recorded yet
	for _, e := range entries {
		if !e.IsDir() || !safe(e.Name()) || !r.cfg.Expired(e.Name()) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(r.cfg.Dir, e.Name())); err != nil {
			r.log.Error("the recordings of a webinar that expired are still there; once more soon", "webinar", e.Name(), "err", err)
			continue
		}
		r.mu.Lock()
		for p := range r.indexes {
			if p.webinar == e.Name() {
				delete(r.indexes, p)
			}
		}
		r.mu.Unlock()
		r.log.Info("the recordings of a webinar that expired are deleted", "webinar", e.Name())
	}
}
