// Package vtt writes captions as WebVTT and reads them again (W3C, WebVTT: The Web Video Text Tracks Format, Candidate
// Recommendation of 4 April 2019, sections 4 and 6):
//
//	WEBVTT
//
//	00:00:03.200 --> 00:00:05.700
//	Guten Tag.
//
//	00:00:05.700 --> 00:00:09.100
//	Salt &amp; tides: 3 &lt; 4.
//
// A cue is one caption: from when to when it is read, in milliseconds, and its text on one line, which is never markup.
// [Sheet] lays out cues in a file so that a process that is killed leaves each of them whole, or not at all.
//
// The package does no I/O and reads no clock. It knows nothing of styles, regions, settings and tags: it writes none, and reads
// a tag as the text that it is.
package vtt

import (
	"fmt"
	"html"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Head begins a file.
const Head = "WEBVTT\n\n"

const (
	// MaxText is how many bytes of UTF-8 a cue's text has at most: a caption of 200 characters that take four bytes each.
	MaxText = 800
	// Most is the first time that a cue cannot have, in milliseconds: a hundred hours, so that all times are written in as
	// many characters.
	Most = 100 * 3600 * 1000
)

// A Cue is one caption.
type Cue struct {
	Start, End int64 // milliseconds; 0 <= Start < End < Most
	Text       string
}

// Clean is a text as a cue can have it: on one line, without control characters, cut to [MaxText] bytes. It is empty where nothing
// is left to read.
func Clean(text string) string {
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r // and U+FFFD for what is no character
	}, text))
	if len(text) <= MaxText {
		return text
	}
	end := MaxText
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return strings.TrimSpace(text[:end])
}

// escape has no character left that means something between tags.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

const (
	arrow  = " --> "
	stamp  = len("00:00:00.000")
	endsAt = stamp + len(arrow) // where the end of a cue is written in it
)

// Append appends a cue and the empty line behind it. Its text is written as [Clean] has it; a cue without any is nothing.
func Append(b []byte, c Cue) []byte {
	text := Clean(c.Text)
	if text == "" {
		return b
	}
	b = append(appendTime(b, c.Start), arrow...)
	b = append(appendTime(b, c.End), '\n')
	return append(append(b, escape.Replace(text)...), "\n\n"...)
}

func appendTime(b []byte, ms int64) []byte {
	ms = min(max(ms, 0), Most-1)
	return fmt.Appendf(b, "%02d:%02d:%02d.%03d", ms/3_600_000, ms/60_000%60, ms/1000%60, ms%1000)
}

// Parse returns the cues of a file, or of what there is of one. What is none of this package's is passed over, and so is a
// cue that ends before it begins.
func Parse(b []byte) []Cue {
	text := strings.TrimPrefix(string(b), "\ufeff")
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", "\ufffd").Replace(text)
	rest, ok := strings.CutPrefix(text, "WEBVTT")
	if !ok || rest != "" && !strings.ContainsRune(" \t\n", rune(rest[0])) {
		return nil
	}
	_, rest, _ = strings.Cut(rest, "\n\n") // what the head says beside
	var cues []Cue
	for block := range strings.SplitSeq(rest, "\n\n") {
		if c, ok := parseBlock(strings.Trim(block, "\n")); ok {
			cues = append(cues, c)
		}
	}
	return cues
}

// parseBlock reads a cue: its times, before which an identifier may stand, and its text.
func parseBlock(block string) (c Cue, ok bool) {
	first, text, _ := strings.Cut(block, "\n")
	if !strings.Contains(first, "-->") {
		first, text, _ = strings.Cut(text, "\n")
	}
	from, to, ok := strings.Cut(first, "-->")
	if !ok || strings.Contains(text, "-->") {
		return c, false
	}
	to, _, _ = strings.Cut(strings.TrimLeft(to, " \t"), " ") // settings stand behind it
	if c.Start, ok = parseTime(strings.Trim(from, " \t")); !ok {
		return c, false
	}
	if c.End, ok = parseTime(strings.TrimRight(to, "\t")); !ok || c.End <= c.Start {
		return c, false
	}
	c.Text = html.UnescapeString(text)
	return c, text != ""
}

// parseTime reads a time, with or without hours.
func parseTime(s string) (ms int64, ok bool) {
	if len(s) == stamp-3 {
		s = "00:" + s
	}
	if len(s) != stamp || s[2] != ':' || s[5] != ':' || s[8] != '.' {
		return 0, false
	}
	var parts [4]int64
	for i, digits := range []string{s[0:2], s[3:5], s[6:8], s[9:12]} {
		for _, r := range digits {
			if r < '0' || r > '9' {
				return 0, false
			}
			parts[i] = parts[i]*10 + int64(r-'0')
		}
	}
	if parts[1] > 59 || parts[2] > 59 {
		return 0, false
	}
	return ((parts[0]*60+parts[1])*60+parts[2])*1000 + parts[3], true
}
