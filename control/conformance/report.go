package conformance

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Report writes CONFORMANCE.md: each row with the tests that prove it, and before them
// all rows that nothing proves yet.
func Report(found map[string][]Test) string {
	var b strings.Builder
	proven, open := 0, []Row{}
	for _, r := range Rows() {
		if len(found[r.ID]) > 0 {
			proven++
		} else {
			open = append(open, r)
		}
	}
	fmt.Fprintf(&b, "# Conformance\n\nThe rows of the specification, and the tests that prove them. Made by `go generate ./control/conformance`;\na test fails when it is not up to date, and when a row that should have a test has none.\n\n"+
		"The suite: `go test ./... -run '%s'`; the rules alone: `go test ./control/... -run '%s'`.\n\n**%d of %d rows have a test; of these %d have one in the suite.**\n", Suite, Suite, proven, len(Rows()), proven-len(unselected(found)))
	if len(open) > 0 {
		b.WriteString("\n## OPEN: rows without a test\n\n| row | promise | waits for |\n|---|---|---|\n")
		for _, r := range open {
			waits := r.Open
			if waits == "" {
				waits = "**nothing: it is missing**"
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", r.ID, r.Says, waits)
		}
	}
	if apart := unselected(found); len(apart) > 0 {
		b.WriteString("\n## NOT IN THE SUITE: rows whose only tests have names without an id\n\n| row | promise | tests |\n|---|---|---|\n")
		for _, r := range apart {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", r.ID, r.Says, cell(found[r.ID]))
		}
	}
	b.WriteString("\n## Rows and their tests\n\n| row | promise | tests |\n|---|---|---|\n")
	for _, r := range Rows() {
		if selected(found[r.ID]) {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", r.ID, r.Says, cell(found[r.ID]))
		}
	}
	return b.String()
}

// unselected are the rows that no test of the suite proves, but others do.
func unselected(found map[string][]Test) []Row {
	var rows []Row
	for _, r := range Rows() {
		if len(found[r.ID]) > 0 && !selected(found[r.ID]) {
			rows = append(rows, r)
		}
	}
	return rows
}

func selected(tests []Test) bool {
	return slices.ContainsFunc(tests, func(t Test) bool { return t.Selected })
}

// cell lists tests by their packages.
func cell(tests []Test) string {
	var b strings.Builder
	at := ""
	for _, t := range tests {
		switch dir := path.Dir(t.File); {
		case dir != at && at != "":
			fmt.Fprintf(&b, "<br>%s: ", dir)
		case dir != at:
			fmt.Fprintf(&b, "%s: ", dir)
		default:
			b.WriteString(", ")
		}
		at = path.Dir(t.File)
		b.WriteString(t.Name)
	}
	return b.String()
}
