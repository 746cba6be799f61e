package vtt

import (
	"bytes"
	"unicode/utf8"
)

const (
	// shortest is how long a caption can be read at least, even where the next one follows at once; then both are there.
	shortest = 1000
	// Reading takes a second to find the line, and a second for each 17 characters, as subtitles are commonly timed;
	// longest is for how long the guest page shows a line that no other follows.
	character = 60
	longest   = 8000
	// Page is what a system writes at once, or not at all, whenever the process ends.
	Page = 4096
	// remembered is how many of the newest captions can be written anew or taken away: more than the talk of a webinar keeps.
	remembered = 128
	// MaxBytes bounds a file: captions of a hundred hours, one every second.
	MaxBytes = 32 << 20
)

// A Write is what is to be written where in a file. It is there whole or not at all, when one call writes it.
type Write struct {
	At    int64
	Bytes []byte
}

// A Sheet lays out the captions of one language in a file, in the order in which they begin. It grows at its end; in the
// middle only times and what is taken away change, in their place. It says what is to be written, and writes nothing. [Sheet.Begin] is
// the first of it.
//
// A cue never lies on both sides of a page's border: empty lines, which mean nothing, fill the page before it.
type Sheet struct {
	size   int64
	cues   int
	last   placed
	placed []placed // the newest, the oldest first
}

// placed is a caption in the file.
type placed struct {
	id    string
	at    int64 // where its block is in the file
	size  int
	text  string
	start int64
	end   int64
	floor int64 // before this it does not end, whatever follows
}

// Cues is how many captions there are.
func (s *Sheet) Cues() int { return s.cues }

// Size is the file's, in bytes.
func (s *Sheet) Size() int64 { return s.size }

// Last is when the newest caption ends, in milliseconds.
func (s *Sheet) Last() int64 { return s.last.end }

// Begin says how the file begins.
func (s *Sheet) Begin() []Write {
	s.size = int64(len(Head))
	return []Write{{0, []byte(Head)}}
}

// Put says how a caption comes into the file that was spoken from start to end, in milliseconds; one of the same ID is written
// anew. It stays to be read for a while longer, until the next one begins. There is no place, and ok is false, when the file is as
// large or as long as it may be.
func (s *Sheet) Put(id string, start, end int64, text string) (writes []Write, ok bool) {
	text = Clean(text)
	old := s.find(id)
	if text == "" || old != nil && old.text == text {
		return nil, true
	}
	start = max(start, s.last.start, 0)
	c := placed{id: id, text: text, start: start, floor: max(end, start+shortest)}
	c.end = max(c.floor, end+shortest, start+min(shortest+character*int64(utf8.RuneCountInString(text)), longest))
	if c.end >= Most {
		return nil, false
	}
	block := Append(nil, Cue{Start: c.start, End: c.end, Text: text})
	c.size = len(block)
	before := s.gap(c.size)
	c.at = s.size + int64(len(before))
	if c.at+int64(c.size) > MaxBytes {
		return nil, false
	}
	writes = append(s.until(start), Write{s.size, append(before, block...)})
	s.size, s.last = c.at+int64(c.size), c
	s.cues++
	if old != nil {
		writes = append(writes, s.blank(id)...)
	}
	s.placed = append(s.placed, c)
	if len(s.placed) > remembered {
		s.placed = append(s.placed[:0], s.placed[1:]...)
	}
	return writes, true
}

// gap is what fills a page on which a block of that size has no room.
func (s *Sheet) gap(size int) []byte {
	if room := Page - int(s.size%Page); size > room {
		return bytes.Repeat([]byte("\n"), room)
	}
	return nil
}

// until ends the newest caption where the next one begins.
func (s *Sheet) until(ms int64) []Write {
	to := max(ms, s.last.floor)
	if s.last.size == 0 || to >= s.last.end {
		return nil
	}
	s.last.end = to
	return []Write{{s.last.at + int64(endsAt), appendTime(nil, to)}}
}

// Remove says how a caption is taken away again, if it is there and not too long ago.
func (s *Sheet) Remove(id string) []Write {
	if s.find(id) == nil {
		return nil
	}
	return s.blank(id)
}

// blank takes away the oldest caption of that ID.
func (s *Sheet) blank(id string) []Write {
	for i, p := range s.placed {
		if p.id != id {
			continue
		}
		s.placed = append(s.placed[:i], s.placed[i+1:]...)
		s.cues--
		if s.last.at == p.at {
			s.last.size = 0 // it has no end that could be written
		}
		return []Write{{p.at, bytes.Repeat([]byte("\n"), p.size)}}
	}
	return nil
}

func (s *Sheet) find(id string) *placed {
	for i := range s.placed {
		if s.placed[i].id == id {
			return &s.placed[i]
		}
	}
	return nil
}

// Close says how the newest caption ends with the recording.
func (s *Sheet) Close(ms int64) []Write { return s.until(ms) }
