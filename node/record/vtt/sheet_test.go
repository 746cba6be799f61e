package vtt

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// file is a file that a sheet is written into.
type file []byte

func (f *file) write(all []Write) {
	for _, w := range all {
		if grow := int(w.At) + len(w.Bytes) - len(*f); grow > 0 {
			*f = append(*f, make([]byte, grow)...)
		}
		copy((*f)[w.At:], w.Bytes)
	}
}

func begun() (*Sheet, file) {
	var s Sheet
	var f file
	f.write(s.Begin())
	return &s, f
}

// reads is what is read from a file, as one line for each cue.
func (f file) reads() (out []string) {
	for _, c := range Parse(f) {
		out = append(out, fmt.Sprint(c.Start, "-", c.End, " ", c.Text))
	}
	return out
}

func TestHowLongCaptionsCanBeRead(t *testing.T) {
	type spoken struct {
		id         string
		start, end int64
		text       string
	}
	thirty := strings.Repeat("x", 30)
	for _, test := range []struct {
		name string
		said []spoken
		ends int64 // of the recording; 0: it goes on
		want []string
	}{
		{"a line is there a second and some for its length", []spoken{{"1", 500, 500, thirty}}, 0, []string{"500-3300 " + thirty}},
		{"and never longer than eight", []spoken{{"1", 0, 0, strings.Repeat(thirty, 6)}}, 0, []string{"0-8000 " + strings.Repeat(thirty, 6)}},
		{"while it is spoken, and a second longer", []spoken{{"1", 1000, 12_000, "slow"}}, 0, []string{"1000-13000 slow"}},
		{"until the next one begins", []spoken{{"1", 0, 1500, thirty}, {"2", 2000, 2000, "next"}}, 0, []string{"0-2000 " + thirty, "2000-3240 next"}},
		{"but a second, and as long as it is spoken", []spoken{{"1", 0, 0, thirty}, {"2", 300, 5000, "two at once"}, {"3", 4000, 4000, "x"}}, 0,
			[]string{"0-1000 " + thirty, "300-5000 two at once", "4000-5060 x"}},
		{"one that begins before and ends later comes behind", []spoken{{"2", 3000, 4000, "second"}, {"1", 1000, 6000, "first"}}, 0, []string{"3000-4000 second", "3000-7000 first"}},
		{"the last ends with the recording", []spoken{{"1", 0, 0, thirty}}, 2100, []string{"0-2100 " + thirty}},
		{"if it was there for a second", []spoken{{"1", 0, 0, thirty}}, 200, []string{"0-1000 " + thirty}},
		{"one that is written anew is there once", []spoken{{"1", 0, 900, "Guten"}, {"1", 0, 2000, "Guten Tag."}}, 0, []string{"0-3000 Guten Tag."}},
		{"also when another came in between", []spoken{{"1", 0, 900, "Guten"}, {"2", 500, 1000, "b"}, {"1", 0, 7000, "Guten Tag."}}, 0, []string{"500-1500 b", "500-8000 Guten Tag."}},
		{"the same again is nothing new", []spoken{{"1", 0, 900, "Guten"}, {"1", 0, 2000, "Guten"}}, 0, []string{"0-1900 Guten"}},
		{"what began before the recording begins with it", []spoken{{"1", -900, 500, "Guten"}}, 0, []string{"0-1500 Guten"}},
		{"nothing is nothing", []spoken{{"1", 0, 900, " "}}, 0, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, f := begun()
			for _, c := range test.said {
				writes, ok := s.Put(c.id, c.start, c.end, c.text)
				if !ok {
					t.Fatalf("no place for %+v", c)
				}
				f.write(writes)
			}
			if test.ends > 0 {
				f.write(s.Close(test.ends))
			}
			if got := f.reads(); !slices.Equal(got, test.want) {
				t.Errorf("it reads\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestWhatIsTakenAwayIsNotThere(t *testing.T) {
	s, f := begun()
	for n := range int64(3) {
		writes, _ := s.Put(fmt.Sprint(n), n*2000, n*2000, fmt.Sprint("line ", n))
		f.write(writes)
	}
	f.write(s.Remove("2"))
	f.write(s.Close(4100))
	f.write(s.Remove("0"))
	f.write(s.Remove("0"))
	f.write(s.Remove("another"))
	if got := f.reads(); !slices.Equal(got, []string{"2000-3360 line 1"}) || s.Cues() != 1 {
		t.Errorf("it reads %q, and says that there are %d", got, s.Cues())
	}
	if bytes.Contains(f, []byte("line 0")) || bytes.Contains(f, []byte("line 2")) {
		t.Errorf("it is still in the file: %q", f)
	}
}

func TestASheetHasBounds(t *testing.T) {
	s := &Sheet{}
	if _, ok := s.Put("1", Most-2, Most-1, "x"); ok {
		t.Error("a caption behind the longest time was taken")
	}
	s = &Sheet{size: MaxBytes - 200*Page - 1}
	full := strings.Repeat("&", MaxText) // which are five bytes each
	n := 0
	for ok := true; ok && n < 1000; n++ {
		_, ok = s.Put(fmt.Sprint(n), int64(n), int64(n), full)
	}
	if s.Size() > MaxBytes || n != 200+1 {
		t.Errorf("the %dth caption of the largest size had no place, at %d bytes", n, s.Size())
	}
	if len(s.placed) != remembered {
		t.Errorf("%d are remembered", len(s.placed))
	}
}

// TestAFileIsWholeAfterEachWrite has captions come, change and go in any way: whenever the process ends, the file has whole
// cues alone, in the order of time, and at last those that were not taken away.
func TestAFileIsWholeAfterEachWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, f := begun()
		said := map[string]bool{"": true} // all texts so far
		now := map[string]string{}        // by ID
		at := int64(0)
		apply := func(all []Write) {
			for _, w := range all {
				if block := bytes.TrimLeft(w.Bytes, "\n"); len(block) > 0 {
					begins := w.At + int64(len(w.Bytes)-len(block))
					if begins/Page != (w.At+int64(len(w.Bytes))-1)/Page {
						t.Fatalf("a write from %d of %d bytes crosses a page's border", begins, len(block))
					}
				}
				f.write([]Write{w})
				last := int64(0)
				for _, c := range Parse(f) {
					if !said[c.Text] || c.Start < last {
						t.Fatalf("after a write at %d there is %+v behind %d in %q", w.At, c, last, f)
					}
					last = c.Start
				}
			}
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			id := fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "id"))
			if rapid.IntRange(0, 5).Draw(t, "what") == 0 {
				delete(now, id)
				apply(s.Remove(id))
				continue
			}
			at += rapid.Int64Range(0, 5000).Draw(t, "later")
			start := at - rapid.Int64Range(0, 9000).Draw(t, "spoken for")
			text := strings.Repeat(rapid.StringOf(rapid.RuneFrom([]rune("a&<>-\n ü\U0001F30A\x00"))).Draw(t, "text"), rapid.SampledFrom([]int{1, 1, 30}).Draw(t, "times"))
			if said[Clean(text)] = true; Clean(text) != "" {
				now[id] = Clean(text)
			}
			writes, ok := s.Put(id, start, at, text)
			if !ok {
				t.Fatal("there is no place")
			}
			apply(writes)
		}
		apply(s.Close(at))
		var want, got []string
		for _, text := range now {
			want = append(want, text)
		}
		for _, c := range Parse(f) {
			got = append(got, c.Text)
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) || s.Cues() != len(want) || s.Size() != int64(len(f)) {
			t.Fatalf("%d captions in %d bytes are\n%q\nwant\n%q", s.Cues(), s.Size(), got, want)
		}
	})
}
