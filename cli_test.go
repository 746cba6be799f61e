package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stentor/control/cli"
)

// run runs the command line and returns its exit status and what it printed.
func run(t *testing.T, args ...string) (status int, out string) {
	t.Helper()
	var b bytes.Buffer
	e := cli.OS()
	e.Stdout, e.Stderr, e.Stdin, e.Prompt = &b, &b, strings.NewReader(""), nil
	e.Getenv = func(string) string { return "" }
	status = cli.Run(context.Background(), args, &grammar{}, e)
	return status, b.String()
}

// TestBadInputSaysWhatToDo holds the exit status and the hint of what people get
// wrong most.
func TestBadInputSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	joined := filepath.Join(dir, "joined")
	if status, out := run(t, "init", "--data", joined, "--name", "n1"); status != 0 {
		t.Fatal(out)
	}
	node := []string{"node", "--mesh", "127.0.0.1:0", "--rtc", "127.0.0.1:0", "--watch", "127.0.0.1:0", "--http", "127.0.0.1:0"}
	with := func(args ...string) []string { return append(append([]string{}, node...), args...) }
	for _, c := range []struct {
		name   string
		args   []string
		status int
		want   []string
	}{
		{"an unknown flag", []string{"node", "--mehs", "x"}, 2, []string{"--mehs", `did you mean "--mesh"`}},
		{"an unknown command", []string{"statsu"}, 2, []string{"statsu", "status"}},
		{"an unknown key of the file", []string{"node", "--config", file("a.yaml", "name: n1\nmseh: x\n")}, 2, []string{"line 2", "mseh", `did you mean "mesh"`}},
		{"no such file", []string{"node", "--config", filepath.Join(dir, "none.yaml")}, 2, []string{"none.yaml"}},
		{"a node without a name", []string{"node"}, 2, []string{"--name"}},
		{"a node without keys", with("--name", "n9", "--data", filepath.Join(dir, "empty")), 1, []string{"node.crt", "--join", "--token-file"}},
		{"a folder of another node", with("--name", "n2", "--data", joined), 2, []string{"holds the keys of n1"}},
		{"a folder that holds a node already", []string{"init", "--data", joined, "--name", "n1"}, 1, []string{"holds a node already", "hint"}},
		{"a port in use", with("--name", "n1", "--data", joined, "--http", taken.Addr().String()), 1, []string{"http", taken.Addr().String(), "another program has it", "--http"}},
		{"plain HTTP on the network", with("--name", "n1", "--data", joined, "--http", "0.0.0.0:0"), 2, []string{"without TLS", "behind_proxy"}},
		{"a join token that is none", with("--name", "n5", "--data", filepath.Join(dir, "n5"), "--join", "127.0.0.1:1", "--token-file", file("t", "nonsense")), 2, []string{"no join token", "join-token create"}},
		{"a join token that is not there", with("--name", "n5", "--data", filepath.Join(dir, "n5"), "--join", "127.0.0.1:1", "--token-file", filepath.Join(dir, "none")), 2, []string{"none", "join-token create"}},
		{"a good configuration", []string{"config", "check", "--config", file("b.yaml", "name: n1\n")}, 0, []string{"good"}},
		{"the version", []string{"version"}, 0, []string{version, "go1."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, out := run(t, c.args...)
			if status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
			for _, want := range c.want {
				if !strings.Contains(out, want) {
					t.Errorf("the output lacks %q:\n%s", want, out)
				}
			}
		})
	}
}

// TestANodeRefusesKeysThatOthersCanRead is about files, not bytes.
func TestANodeRefusesKeysThatOthersCanRead(t *testing.T) {
	for _, name := range []string{"node.key", "gossip.key", "pin.key", "ca.key"} {
		dir := filepath.Join(t.TempDir(), "n1")
		if status, out := run(t, "init", "--data", dir, "--name", "n1"); status != 0 {
			t.Fatal(out)
		}
		if err := os.Chmod(filepath.Join(dir, name), 0o644); err != nil {
			t.Fatal(err)
		}
		status, out := run(t, "node", "--data", dir, "--name", "n1", "--mesh", "127.0.0.1:0", "--rtc", "127.0.0.1:0", "--watch", "127.0.0.1:0", "--http", "127.0.0.1:0")
		if status != 1 || !strings.Contains(out, "chmod 600") || !strings.Contains(out, name) {
			t.Errorf("%s readable by all: status %d\n%s", name, status, out)
		}
	}
}
