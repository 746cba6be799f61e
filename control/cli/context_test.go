package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheContextFileIsKeptPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "stentor", "context.yaml")
	want := Context{Server: "http://127.0.0.1:8080", Token: "sta_x"}
	for range 2 { // the second time it is replaced
		if err := want.Save(path); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	if got, err := LoadContext(path); err != nil || got != want {
		t.Errorf("read %+v, %v", got, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".context-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestContextFilesThatAreWrong(t *testing.T) {
	for name, c := range map[string]struct{ text, want, hint string }{
		"a key that is misspelt": {"server: x\ntokn: y\n", `:2: unknown key "tokn"`, `did you mean "token"?`},
		"a list":                 {"- a\n", ":1: keys and values are expected", ""},
		"no YAML":                {"server: [\n", "context.yaml: ", ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "context.yaml")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			s := newServer(t, nil)
			_, stderr, status := s.run(t, call{args: "status", env: map[string]string{"STENTOR_CONTEXT": path}})
			if status == 0 || !strings.Contains(stderr, c.want) || !strings.Contains(stderr, c.hint) || len(s.asked) > 0 {
				t.Errorf("exit status %d: %s", status, stderr)
			}
		})
	}
	empty := filepath.Join(t.TempDir(), "context.yaml")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := LoadContext(empty); err != nil || c != (Context{}) {
		t.Errorf("an empty file is %+v, %v", c, err)
	}
}

func TestWhereTheContextFileIs(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"STENTOR_CONTEXT": "/a", "HOME": "/h"}, "/a"},
		{map[string]string{"XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/x/stentor/context.yaml"},
		{map[string]string{"XDG_CONFIG_HOME": "relative", "HOME": "/h"}, "/h/.config/stentor/context.yaml"},
		{map[string]string{"HOME": "/h"}, "/h/.config/stentor/context.yaml"},
	} {
		if got, err := ContextPath(func(k string) string { return c.env[k] }); err != nil || got != c.want {
			t.Errorf("%v: %q, %v", c.env, got, err)
		}
	}
	if _, err := ContextPath(func(string) string { return "" }); err == nil {
		t.Error("a place was found without a home")
	}
}

func TestWhichServerAndTokenAreUsed(t *testing.T) {
	s, other := newServer(t, answers()), newServer(t, answers())
	dir := t.TempDir()
	path, file := filepath.Join(dir, "context.yaml"), filepath.Join(dir, "token")
	if err := (Context{Server: s.URL + "/", Token: "sta_saved"}).Save(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(" sta_file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, args, server, token string // of the environment
		want                      *server
		bearer                    string
	}{
		{"the context file alone", "", "", "", s, "Bearer sta_saved"},
		{"another token in the environment", "", "", "sta_env", s, "Bearer sta_env"},
		{"a token file comes first", "--token-file " + file, "", "sta_env", s, "Bearer sta_file"},
		{"the same server in a flag", "--server " + s.URL, "", "", s, "Bearer sta_saved"},
		{"another server does not get the saved token", "--server " + other.URL, "", "", other, ""},
		{"nor one of the environment", "", other.URL, "", other, ""},
		{"a flag comes before the environment", "--server " + s.URL, other.URL, "", s, "Bearer sta_saved"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.asked, other.asked = nil, nil
			_, stderr, status := s.run(t, call{args: "status " + c.args, env: map[string]string{
				"STENTOR_CONTEXT": path, "STENTOR_SERVER": c.server, "STENTOR_TOKEN": c.token,
			}})
			if status != 0 || len(c.want.asked) != 1 || c.want.bearer != c.bearer {
				t.Errorf("exit status %d, asked %v as %q: %s", status, c.want.asked, c.want.bearer, stderr)
			}
		})
	}
	t.Run("no server at all", func(t *testing.T) {
		_, stderr, status := s.run(t, call{args: "status", env: map[string]string{"STENTOR_SERVER": ""}})
		if status != 2 || !strings.Contains(stderr, "no server is given") {
			t.Errorf("exit status %d: %s", status, stderr)
		}
	})
	t.Run("others can read the context file", func(t *testing.T) {
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		_, stderr, _ := s.run(t, call{args: "status", env: map[string]string{"STENTOR_CONTEXT": path}})
		if !strings.Contains(stderr, "others can read the token") {
			t.Errorf("said %s", stderr)
		}
	})
	t.Run("a token file with more than a token", func(t *testing.T) {
		if err := os.WriteFile(file, []byte("sta_a\nsta_b\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, stderr, status := s.run(t, call{args: "status --token-file " + file})
		if status != 2 || !strings.Contains(stderr, "does not hold one token") || strings.Contains(stderr, "sta_a\n") {
			t.Errorf("exit status %d: %s", status, stderr)
		}
	})
}
