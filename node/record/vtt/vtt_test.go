package vtt

import (
	"slices"
	"strings"
	"testing"
)

func TestAFileOfWebVTT(t *testing.T) {
	for _, test := range []struct {
		name string
		file string
		want []Cue
	}{
		{"what this package writes", string(Append(Append([]byte(Head), Cue{3200, 5700, "Guten Tag."}), Cue{5700, 3_600_000 + 59_999, "a"})),
			[]Cue{{3200, 5700, "Guten Tag."}, {5700, 3_659_999, "a"}}},
		{"as the package comment shows it", "WEBVTT\n\n00:00:03.200 --> 00:00:05.700\nGuten Tag.\n\n00:00:05.700 --> 00:00:09.100\nSalt &amp; tides: 3 &lt; 4.\n\n",
			[]Cue{{3200, 5700, "Guten Tag."}, {5700, 9100, "Salt & tides: 3 < 4."}}},
		{"by others: a mark, a title, notes, styles, identifiers, settings, minutes alone, several lines",
			"\ufeffWEBVTT - Tides\r\nKind: captions\r\n\r\nNOTE\r\nby hand\r\n\r\nSTYLE\r\n::cue{}\r\n\r\none\r\n00:01.000 --> 00:02.500 align:start line:0\r\nfirst\r\nsecond\r\n\r\n\r\n00:03.000\t-->\t00:04.000\r\nthird",
			[]Cue{{1000, 2500, "first\nsecond"}, {3000, 4000, "third"}}},
		{"no text, no time, an end before the beginning, letters, minutes that are none", "WEBVTT\n\n00:01.000 --> 00:02.000\n\n00:01.000 -->\na\n\n00:02.000 --> 00:02.000\na\n\n0a:01.000 --> 00:02.000\na\n\n00:61.000 --> 09:02.000\na\n\n", nil},
		{"an arrow in the text", "WEBVTT\n\n00:01.000 --> 00:02.000\na --> b\n\n", nil},
		{"nothing but the head", Head, nil},
		{"the head cut off", "WEBV", nil},
		{"another word", "WEBVTTS\n\n00:01.000 --> 00:02.000\na\n\n", nil},
		{"nothing", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Parse([]byte(test.file)); !slices.Equal(got, test.want) {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}

func TestATextIsNeverMarkupNorTheEndOfACue(t *testing.T) {
	for text, want := range map[string]string{
		"<b>bold</b> & <img src=x onerror=alert(1)>": "<b>bold</b> & <img src=x onerror=alert(1)>",
		"a --> b":                       "a --> b",
		"00:00:01.000 --> 00:00:02.000": "00:00:01.000 --> 00:00:02.000",
		"one\n\ntwo\r\nthree\rfour":     "one  two  three four",
		"&amp;lt; &nbsp;":               "&amp;lt; &nbsp;",
		"\x00\x1b[2K bell\a\u2028":      "[2K bell",
		"\xff broken":                   "\ufffd broken",
		" \t ":                          "",
		"\n":                            "",
		"NOTE this is none":             "NOTE this is none",
		"مرحبا بكم":                     "مرحبا بكم",
		"WEBVTT":                        "WEBVTT",
		strings.Repeat("é", MaxText):    strings.Repeat("é", MaxText/2),
		"x" + strings.Repeat("\U0001F30A", MaxText/4): "x" + strings.Repeat("\U0001F30A", MaxText/4-1),
	} {
		file := Append([]byte(Head), Cue{1, 2, text})
		var got string
		for _, c := range Parse(file) {
			got += c.Text
		}
		if got != want {
			t.Errorf("%q is read as %q, want %q: %q", text, got, want, file)
		}
		if n := strings.Count(string(file), "-->"); n > 1 || strings.Count(strings.TrimSpace(string(file)), "\n\n") > 1 {
			t.Errorf("%q is written as %q", text, file)
		}
	}
}

// FuzzParse holds that what is read from any bytes is what is read when it is written again.
func FuzzParse(f *testing.F) {
	f.Add([]byte("WEBVTT\n\n00:00:03.200 --> 00:00:05.700\nGuten Tag.\n\n\n\n00:01.000 --> 00:02.000 align:start\n&lt;b&gt;\nx\n\n"))
	f.Add([]byte("\ufeffWEBVTT\tx\r\rid\r99:59:58.000 --> 99:59:59.999\r&amp;amp;\x00\r\r"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var clean []Cue
		file := []byte(Head)
		for _, c := range Parse(b) {
			if c.Start < 0 || c.End <= c.Start || c.End >= Most || c.Text == "" {
				t.Fatalf("%+v is no cue", c)
			}
			file = Append(file, c)
			if c.Text = Clean(c.Text); c.Text != "" {
				clean = append(clean, c)
			}
		}
		if got := Parse(file); !slices.Equal(got, clean) {
			t.Errorf("%q was read as %+v, and is read as %+v", file, clean, got)
		}
	})
}
