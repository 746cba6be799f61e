package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// printJSON writes v for machines. A machine reads the same text, but what a
// terminal would obey stands there escaped.
func printJSON(w io.Writer, v any) error { return encodeJSON(w, v, "  ") }

// printLine writes v as one line of JSON, as a stream of them has it.
func printLine(w io.Writer, v any) error { return encodeJSON(w, v, "") }

func encodeJSON(w io.Writer, v any, indent string) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", indent)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("cli: %w", err)
	}
	_, err := io.WriteString(w, escaped(b.String()))
	return err
}

// escaped writes what steers a terminal as JSON's \u sequences. It stands inside
// of strings only: between them JSON has no such character but line ends.
func escaped(json string) string {
	var b strings.Builder
	for _, r := range json {
		if r != '\n' && steers(r) {
			fmt.Fprintf(&b, "\\u%04x", r) // none of them is beyond U+FFFF
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// table writes rows below a heading, in columns.
func table(w io.Writer, heading string, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, strings.ReplaceAll(heading, " ", "\t"))
	for _, row := range rows {
		for i, cell := range row {
			row[i] = plain(cell)
			if row[i] == "" {
				row[i] = "-"
			}
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}

// sheet writes what one thing is, a line each, without the lines that have no
// value: pairs of a name and a value.
func sheet(w io.Writer, pairs ...string) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			fmt.Fprintf(t, "%s\t%s\n", pairs[i], plain(pairs[i+1]))
		}
	}
	return t.Flush()
}

// plain replaces what a terminal would obey or hide: control characters, which
// begin its commands, and those that turn the direction of the text around.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if steers(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

func steers(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// size writes n bytes in the units of disks and networks, thousands.
func size(n uint64) string {
	return scaled(float64(n), "B")
}

// rate writes bits a second.
func rate(bps uint64) string {
	return scaled(float64(bps), "bit/s")
}

func scaled(v float64, unit string) string {
	prefixes := []string{"", "k", "M", "G", "T", "P", "E"}
	i := 0
	for v >= 999.95 && i < len(prefixes)-1 {
		v /= 1000
		i++
	}
	if i == 0 {
		return strconv.FormatFloat(v, 'f', 0, 64) + " " + unit
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + " " + prefixes[i] + unit
}

// millis writes a time that the API gives in milliseconds.
func millis(ms float64) string {
	switch {
	case ms <= 0:
		return "0 ms"
	case ms < 10:
		return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
	case ms < 10_000:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	}
	return (time.Duration(ms) * time.Millisecond).Round(time.Second).String()
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// long writes a length of time as a person would: 1h30m, 2d.
func long(d time.Duration) string {
	var b strings.Builder
	for _, u := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if n := d / u.size; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			d -= n * u.size
		}
	}
	return first(b.String(), "0s")
}

// whenIn writes a moment as the clocks of zone show it.
func whenIn(t time.Time, zone string) string {
	z, err := time.LoadLocation(zone)
	if err != nil || zone == "" {
		return when(t)
	}
	return t.In(z).Format("Mon 2006-01-02 15:04 MST")
}

// since writes a moment that may be absent.
func since(t *time.Time) string {
	if t == nil {
		return ""
	}
	return when(*t)
}
