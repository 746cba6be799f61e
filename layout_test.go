package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// listed is what `go list -json` tells of a package.
type listed struct {
	ImportPath  string
	Dir         string
	GoFiles     []string
	TestGoFiles []string
	Imports     []string
	Deps        []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,TestGoFiles,Imports,Deps", "./...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 15 {
		t.Fatalf("go list found %d packages; the table below would hold nothing", len(all))
	}
	return all
}

// under reports whether path is the package root or below it.
func under(path, root string) bool {
	return path == "stentor/"+root || strings.HasPrefix(path, "stentor/"+root+"/")
}

// TestForbiddenImports holds the layout of ARCHITECTURE.md: who may not know whom.
func TestForbiddenImports(t *testing.T) {
	forbidden := []struct{ from, to, why string }{
		{"control", "cluster", "the rules must hold whatever the mesh looks like"},
		{"control", "relay", "no decision depends on a packet"},
		{"control", "node", "the control plane is a part of a node, not the other way round"},
		{"cluster", "control", "gossip is never authority"},
		{"cluster", "relay", "who is there does not depend on what is carried"},
		{"cluster", "node", "a node is made of parts, which do not know it"},
		{"relay", "control", "a relay carries; who may watch was decided at the door"},
		{"relay", "cluster", "a relay asks for a parent by an interface, so that it can be simulated"},
		{"relay", "node", "a node is made of parts, which do not know it"},
		{"node/sfu", "control", "media obeys the session, which asks the rules"},
		{"node/sfu", "cluster", "media does not know where tracks come from"},
		{"node/session", "relay", "the door handles people, not packets"},
		{"node/session", "node/sfu", "the door handles people, not packets"},
		{"node/session", "node/signal", "protocols call the door, so that there is one door"},
		{"demo/rtcclient", "node", "a client knows a node by its protocols only"},
		{"demo", "node", "the demo does what a person could do by hand"},
	}
	for _, p := range packages(t) {
		for _, f := range forbidden {
			if !under(p.ImportPath, f.from) {
				continue
			}
			for _, dep := range p.Imports {
				if under(dep, f.to) && !under(dep, f.from) {
					t.Errorf("%s imports %s, which is forbidden: %s", p.ImportPath, dep, f.why)
				}
			}
		}
	}
}

// TestPurePackages holds that rules, state, formats and routing have no way to
// the network, the disk, the log or the clock.
func TestPurePackages(t *testing.T) {
	pure := []string{"stentor/control", "stentor/control/webinar", "stentor/relay/wire", "stentor/relay/rtp", "stentor/relay/rtp/dependency", "stentor/relay/rtp/svc", "stentor/node/sfu/layers", "stentor/node/record/vtt", "stentor/cluster/route"}
	effects := []string{"net", "net/http", "os", "log", "log/slog", "os/exec", "math/rand"}
	found := 0
	for _, p := range packages(t) {
		if !slices.Contains(pure, p.ImportPath) {
			continue
		}
		found++
		for _, e := range effects {
			if slices.Contains(p.Imports, e) {
				t.Errorf("%s imports %s; what has an effect comes in from outside", p.ImportPath, e)
			}
		}
		for _, file := range p.GoFiles {
			b, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			for _, call := range []string{"time.Now(", "time.Since(", "time.Sleep(", "time.After("} {
				if bytes.Contains(b, []byte(call)) {
					t.Errorf("%s/%s calls %s); time comes in from outside", p.ImportPath, file, call)
				}
			}
		}
	}
	if found != len(pure) {
		t.Errorf("found %d of the %d pure packages", found, len(pure))
	}
}

// TestPackageComments holds that every package opens by saying what it is.
func TestPackageComments(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath == "stentor/control/controlpb" { // generated; its .proto has the comment
			continue
		}
		documented := len(p.GoFiles) == 0
		for _, file := range p.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			documented = documented || f.Doc != nil && len(f.Doc.Text()) > 60
		}
		if !documented {
			t.Errorf("%s has no package comment: say what it is, and what it will not do", p.ImportPath)
		}
	}
}

// TestImportChains holds that no chain of our own packages is longer than six.
func TestImportChains(t *testing.T) {
	imports := make(map[string][]string)
	for _, p := range packages(t) {
		for _, dep := range p.Imports {
			if strings.HasPrefix(dep, "stentor/") {
				imports[p.ImportPath] = append(imports[p.ImportPath], dep)
			}
		}
	}
	memo := make(map[string][]string)
	var longest func(string) []string
	longest = func(p string) []string {
		if c, ok := memo[p]; ok {
			return c
		}
		var tail []string
		for _, dep := range imports[p] {
			if c := longest(dep); len(c) > len(tail) {
				tail = c
			}
		}
		memo[p] = append([]string{p}, tail...)
		return memo[p]
	}
	if c := longest("stentor"); len(c) > 6 {
		t.Errorf("the chain %s has %d packages; six are as many as one can hold in the head", strings.Join(c, " -> "), len(c))
	}
}

// TestFilesAreSmall holds that no file written by hand has more than 900 lines.
func TestFilesAreSmall(t *testing.T) {
	for _, p := range packages(t) {
		for _, file := range append(p.GoFiles, p.TestGoFiles...) {
			if strings.HasSuffix(file, ".pb.go") {
				continue
			}
			b, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(b, []byte("\n")); n > 900 {
				t.Errorf("%s/%s has %d lines", p.ImportPath, file, n)
			}
		}
	}
}

// TestNoRealSleeps holds that tests wait by events or in virtual time. A
// time.Sleep is allowed only in a file whose tests run in a synctest bubble, and
// in benchmarks, which measure what a while costs.
func TestNoRealSleeps(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "bench_test.go") || path == "layout_test.go" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if bytes.Contains(b, []byte("time.Sleep(")) && !bytes.Contains(b, []byte("synctest")) {
			t.Errorf("%s sleeps for real", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
