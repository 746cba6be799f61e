package api

import (
	"encoding/csv"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// csvAnswer is a file of comma-separated values: RFC 4180, UTF-8, the names of the
// columns in the first line.
type csvAnswer struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        func(huma.Context)
}

// answerCSV writes the lines as they come: a hundred thousand registrants are never in
// memory at once.
func answerCSV(name string, head []string, lines iter.Seq[[]string]) *csvAnswer {
	return &csvAnswer{
		ContentType: mediaCSV + "; charset=utf-8; header=present",
		Disposition: `attachment; filename="` + name + `"`,
		Body: func(ctx huma.Context) {
			w := csv.NewWriter(ctx.BodyWriter())
			w.UseCRLF = true
			write := func(line []string) bool {
				safe := make([]string, len(line))
				for i, cell := range line {
					safe[i] = csvText(cell)
				}
				return w.Write(safe) == nil // a client that is gone does not want the rest
			}
			if !write(head) {
				return
			}
			for line := range lines {
				if !write(line) {
					return
				}
			}
			w.Flush()
		},
	}
}

// csvText is a cell that no spreadsheet takes for a formula: what begins like one gets
// an apostrophe, as OWASP advises. What looks like a space before it does not hide it.
func csvText(s string) string {
	begins := strings.TrimLeft(s, " \u00a0\ufeff")
	if strings.HasPrefix(s, "\t") || strings.HasPrefix(s, "\r") || strings.HasPrefix(s, "\n") ||
		begins != "" && strings.ContainsAny(begins[:1], "=+-@\t\r\n") || wideFormula(begins) {
		return "'" + s
	}
	return s
}

// wideFormula reports whether s begins with the full-width form of such a character,
// which some spreadsheets fold.
func wideFormula(s string) bool {
	for _, wide := range []string{"＝", "＋", "－", "＠"} {
		if strings.HasPrefix(s, wide) {
			return true
		}
	}
	return false
}

func csvTime(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// csvList is several answers in one cell.
func csvList(values []string) string { return strings.Join(values, "; ") }

func csvBool(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// sorted returns the keys of a set in order.
func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
