// Package conformance holds the specification's rows against the tests: which test
// proves which promise, and which promise has none.
//
// A test proves a row if its name begins with the row's ID, as in
// TestS51OneMoreThanTheMaximum, or if it has a subtest or a complaint that does, as in
// "S51 the last place is given once". The conformance suite (M13) is what
// `go test -run 'S[0-9]+|M[0-9]+'` runs: tests whose own name has an ID. A row that only
// others prove is reported as such. The package reads the sources, and runs nothing.
package conformance

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

//go:generate go run generate.go

// Test is a test function that proves a row, by its name or by that of a subtest.
type Test struct {
	File     string // slash-separated, from the root of the repository
	Name     string
	Selected bool // by [Suite]
}

// here is this package, whose tests are full of sentences about no row.
const here = "control/conformance"

// Suite is what selects the conformance suite, for -run.
const Suite = `S[0-9]+|M[0-9]+`

var (
	inSuite    = regexp.MustCompile(Suite)
	inName     = regexp.MustCompile(`^Test((?:[SM][0-9]+)+)`)
	inSentence = regexp.MustCompile(`^([SM])([0-9]+)(?:([-/])([SM]?)([0-9]+))*(?:[ :,]|$)`)
	oneID      = regexp.MustCompile(`[SM][0-9]+`)
)

// Scan finds the tests of each row in the Go files below root, sorted.
func Scan(root fs.FS) (map[string][]Test, error) {
	found := map[string][]Test{}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || name != "." && strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		return scanFile(root, name, found)
	})
	if err != nil {
		return nil, fmt.Errorf("conformance: %w", err)
	}
	for id := range found {
		slices.SortFunc(found[id], func(a, b Test) int {
			return strings.Compare(a.File+" "+a.Name, b.File+" "+b.Name)
		})
		found[id] = slices.Compact(found[id])
	}
	return found, nil
}

func scanFile(root fs.FS, name string, found map[string][]Test) error {
	b, err := fs.ReadFile(root, name)
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, b, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") {
			continue
		}
		test := Test{path.Clean(name), f.Name.Name, inSuite.MatchString(f.Name.Name)}
		for _, id := range rowsOf(f, path.Dir(name) != here) {
			found[id] = append(found[id], test)
		}
	}
	return nil
}

// rowsOf returns the IDs that a test's name begins with, and its sentences if they count.
func rowsOf(f *ast.FuncDecl, sentences bool) []string {
	var ids []string
	if m := inName.FindStringSubmatch(f.Name.Name); m != nil {
		ids = oneID.FindAllString(m[1], -1)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && sentences {
			if s, err := strconv.Unquote(lit.Value); err == nil {
				ids = append(ids, sentence(s)...)
			}
		}
		return true
	})
	return ids
}

// sentence returns the rows that s begins with: one, a range like S36-S40, or a list
// like S62/S63.
func sentence(s string) []string {
	whole := inSentence.FindString(s)
	if whole == "" {
		return nil
	}
	var ids []string
	kind, last, separator := "", 0, byte(0)
	for _, part := range regexp.MustCompile(`[-/]?[SM]?[0-9]+`).FindAllString(whole, -1) {
		if part[0] == '-' || part[0] == '/' {
			separator, part = part[0], part[1:]
		}
		if part[0] == 'S' || part[0] == 'M' {
			kind, part = part[:1], part[1:]
		}
		n, err := strconv.Atoi(part)
		if err != nil || n > 999 {
			return nil
		}
		first := n
		if separator == '-' && last > 0 {
			first = last + 1
		}
		for i := first; i <= n; i++ {
			ids = append(ids, kind+strconv.Itoa(i))
		}
		last = n
	}
	return ids
}

// Missing are the rows that must have a test, and have none.
func Missing(found map[string][]Test) []Row {
	var missing []Row
	for _, r := range Rows() {
		if r.Open == "" && len(found[r.ID]) == 0 {
			missing = append(missing, r)
		}
	}
	return missing
}
