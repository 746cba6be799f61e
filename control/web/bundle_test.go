package web

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
	"github.com/evanw/esbuild/pkg/cli"
)

// generateLine is what go generate runs, in assets.go.
const generateLine = "//go:generate go tool esbuild "

// TestBundle makes the bundle again, by the arguments of the go:generate line,
// and compares it with the committed one byte for byte.
func TestBundle(t *testing.T) {
	source, err := os.ReadFile("assets.go")
	if err != nil {
		t.Fatal(err)
	}
	_, line, ok := strings.Cut(string(source), generateLine)
	if !ok {
		t.Fatal("assets.go has no line that makes the bundle")
	}
	line, _, _ = strings.Cut(line, "\n")
	options, err := cli.ParseBuildOptions(strings.Fields(line))
	if err != nil {
		t.Fatal(err)
	}
	options.Write = false
	result := api.Build(options)
	for _, m := range append(result.Errors, result.Warnings...) {
		t.Errorf("%v: %s", m.Location, m.Text)
	}
	names := map[string]bool{}
	for _, f := range result.OutputFiles {
		name := filepath.Base(f.Path)
		names[name] = true
		committed, err := files.ReadFile("dist/" + name)
		if err != nil || !bytes.Equal(committed, f.Contents) {
			t.Errorf("dist/%s is not what src gives (%v): go generate ./control/web", name, err)
		}
	}
	entries, err := files.ReadDir("dist")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !names[e.Name()] {
			t.Errorf("dist/%s comes from nowhere", e.Name())
		}
	}
}

// TestNothingTurnsStringsIntoMarkup keeps out what Trusted Types would stop only
// in the browser.
func TestNothingTurnsStringsIntoMarkup(t *testing.T) {
	sinks := []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser", "createContextualFragment"}
	for _, name := range []string{"guest.js", "host.js", "operator.js"} {
		script, err := files.ReadFile("dist/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, sink := range sinks {
			if bytes.Contains(script, []byte(sink)) {
				t.Errorf("%s uses %s", name, sink)
			}
		}
	}
}
