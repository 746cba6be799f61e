package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// The events of an index.
const (
	EventBegin  = "begin"  // a file
	EventEnd    = "end"    // of a file; one without was cut off
	EventFailed = "failed" // the recording ended at this node although it was wanted
)

// A Line is one line of an index.
type Line struct {
	Event string    `json:"event"`
	At    time.Time `json:"at"`
	File  string    `json:"file,omitempty"`

	// Of a begin: what the file holds. Zero is the moment from which the times in it count; it is the same for all files of
	// one publisher's connection.
	Stream      string     `json:"stream,omitempty"`
	Track       string     `json:"track,omitempty"`
	Participant string     `json:"participant,omitempty"`
	Epoch       uint64     `json:"epoch,omitempty"`
	Node        string     `json:"node,omitempty"`
	Codec       string     `json:"codec,omitempty"`
	Language    string     `json:"language,omitempty"` // of captions
	Width       int        `json:"width,omitempty"`
	Height      int        `json:"height,omitempty"`
	Zero        *time.Time `json:"zero,omitempty"`
	First       int64      `json:"first_ms,omitempty"` // time of the first frame

	// Of an end.
	Reason  string `json:"reason,omitempty"` // stopped, left, failed or error; of a failed: the Reason
	Last    int64  `json:"last_ms,omitempty"`
	Frames  uint64 `json:"frames,omitempty"`
	Dropped uint64 `json:"dropped,omitempty"`
	Bytes   uint64 `json:"bytes,omitempty"`
}

// indexName is the file of an index.
const indexName = "index.jsonl"

// An index is the file that says what a recording's other files are.
type index struct {
	dir string
	mu  sync.Mutex // held for one line
}

// add appends a line, and puts it on the disk.
func (x *index) add(l Line) error {
	b, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := os.MkdirAll(x.dir, 0o700); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(x.dir, indexName), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	defer f.Close()
	if _, err := f.Write(append(ended(f), append(b, '\n')...)); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// ended returns what ends the last line, where a crash has left a part of one.
func ended(f *os.File) []byte {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return nil
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
		return []byte{'\n'}
	}
	return nil
}

const (
	// maxIndex bounds what is read of an index: two lines of 400 bytes for each of a hundred thousand files.
	maxIndex = 80 << 20
	maxLine  = 8 << 10
)

// readIndex returns the lines of an index. What is no line, such as the part of one that a crash has left, is passed over.
func readIndex(dir string) ([]Line, error) {
	f, err := os.Open(filepath.Join(dir, indexName))
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxIndex))
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	return ParseIndex(b), nil
}

// ParseIndex reads the lines of an index.
func ParseIndex(b []byte) []Line {
	var lines []Line
	for raw := range bytes.Lines(b) {
		var l Line
		if len(raw) > maxLine || json.Unmarshal(raw, &l) != nil {
			continue
		}
		switch {
		case l.Event == EventFailed:
		case l.Event != EventBegin && l.Event != EventEnd, !fileName(l.File):
			continue
		}
		lines = append(lines, l)
	}
	return lines
}

// safe reports whether an ID can be the name of a folder.
func safe(id string) bool {
	return id != "" && len(id) <= 128 && strings.Trim(id, ".") != "" && !strings.ContainsFunc(id, func(r rune) bool { return !plain(r) && r != '.' && r != ':' })
}

// plain are the characters that no system and no shell does anything with.
func plain(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}

// label is the part of a file's name that tells the stream, which its publisher has named.
func label(stream, track string) string {
	clean := strings.Map(func(r rune) rune {
		if plain(r) {
			return r
		}
		return '_'
	}, stream)
	return clean[:min(len(clean), 40)] + "-" + track
}

// fileName reports whether name can be that of a recorded file.
func fileName(name string) bool {
	stem, extension, _ := strings.Cut(name, ".")
	return (extension == "webm" || extension == "mkv" || extension == "vtt") && len(name) <= 128 && stem != "" && !strings.ContainsFunc(stem, func(r rune) bool { return !plain(r) })
}
