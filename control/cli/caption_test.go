package cli

import (
	"fmt"
	"strings"
	"testing"
)

func TestCaptionsComeFromStandardInput(t *testing.T) {
	at := fmt.Sprintf("%x", sunday.UnixNano())
	caption := func(n int, text string, draft bool) string {
		more := ""
		if draft {
			more = `"draft":true,`
		}
		return fmt.Sprintf(`POST /api/v1/webinars/w-1/captions {"language":"de","text":%q,%s"key":"%s-%d"}`, text, more, at, n)
	}
	long := strings.TrimSpace(strings.Repeat("Gezeiten ", 30)) // 269 characters
	tests := []struct {
		name  string
		stdin string
		want  []string
	}{
		{"each line is a caption", "Guten Tag.\nWillkommen.\n", []string{caption(0, "Guten Tag.", false), caption(1, "Willkommen.", false)}},
		{"a draft comes again under its key", "~ Guten\n~Guten Tag\nGuten Tag.\nUnd", []string{caption(0, "Guten", true), caption(0, "Guten Tag", true), caption(0, "Guten Tag.", false), caption(1, "Und", false)}},
		{"empty lines are none", "\n  \r\n~\n", nil},
		{"a long line is several, cut between words", long + "\n", []string{caption(0, strings.TrimSpace(long[:198]), false), caption(1, strings.TrimSpace(long[198:]), false)}},
		{"of a long draft the end is shown", "~" + long + "\n", []string{caption(0, strings.TrimSpace(long[198:]), true)}},
		{"a word without end is cut", strings.Repeat("ä", 201), []string{caption(0, strings.Repeat("ä", 200), false), caption(1, "ä", false)}},
		{"what is no text is left out", "a\xffb\n", []string{caption(0, "ab", false)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, answers())
			_, stderr, status := s.run(t, call{args: "caption w-1 --language de", stdin: test.stdin})
			if got := s.asked; status != 0 || fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("%d %s\n%q, want\n%q", status, stderr, got, test.want)
			}
		})
	}
}
