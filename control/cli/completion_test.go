package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func model(t *testing.T) *kong.Node {
	t.Helper()
	k, err := kong.New(&grammar{}, kong.Name("stentor"))
	if err != nil {
		t.Fatal(err)
	}
	return k.Model.Node
}

func script(t *testing.T, shell string) string {
	t.Helper()
	s := newServer(t, nil)
	stdout, stderr, status := s.run(t, call{args: "completion " + shell})
	if status != 0 || stderr != "" {
		t.Fatal(stderr)
	}
	return stdout
}

// TestEveryCommandSaysWhatItIs holds that nothing is without help, and that it is
// a sentence.
func TestEveryCommandSaysWhatItIs(t *testing.T) {
	sentence := func(what, help string) {
		if help == "" || !strings.HasSuffix(help, ".") || strings.ToUpper(help[:1]) != help[:1] {
			t.Errorf("the help of %s is no sentence: %q", what, help)
		}
	}
	leaves := 0
	var walk func(n *kong.Node)
	walk = func(n *kong.Node) {
		if n.Type == kong.CommandNode {
			sentence(n.FullPath(), n.Help)
		}
		for _, f := range n.Flags {
			sentence(n.FullPath()+" --"+f.Name, f.Help)
		}
		for _, p := range n.Positional {
			sentence(n.FullPath()+" "+p.Name, p.Help)
		}
		for _, c := range n.Children {
			walk(c)
		}
		if n.Leaf() {
			leaves++
			stdout, stderr, status := newServer(t, nil).run(t, call{args: n.Path() + " --help"})
			if status != 0 || stderr != "" || !strings.Contains(stdout, "Usage: stentor "+n.Path()) {
				t.Errorf("%s --help: %d, %s%s", n.Path(), status, stdout, stderr)
			}
		}
	}
	walk(model(t))
	if leaves < 60 {
		t.Errorf("only %d commands were looked at", leaves)
	}
}

// TestNoCommandTakesASecretInItsArguments holds the names that secrets have.
func TestNoCommandTakesASecretInItsArguments(t *testing.T) {
	var walk func(n *kong.Node)
	walk = func(n *kong.Node) {
		for _, f := range n.Flags {
			if name := strings.ToLower(f.Name); !f.IsBool() && !strings.HasSuffix(name, "-file") && name != "token-file" {
				for _, secret := range []string{"pin", "password", "secret", "token"} {
					if strings.Contains(name, secret) {
						t.Errorf("%s takes --%s", n.FullPath(), f.Name)
					}
				}
			}
		}
		for _, c := range n.Children {
			walk(c)
		}
	}
	walk(model(t))
}

// TestAFlagTakesAValueEverywhereOrNowhere holds what the scripts rely on.
func TestAFlagTakesAValueEverywhereOrNowhere(t *testing.T) {
	takes := map[string]bool{}
	for _, p := range treeOf(model(t), "") {
		for _, f := range p.flags {
			if before, known := takes[f.text]; known && before != f.takes {
				t.Errorf("%s takes a value in some commands only, as in %s", f.text, p.path)
			}
			takes[f.text] = f.takes
		}
	}
}

// TestBashCompletes runs the script in bash, as bash runs it for a person.
func TestBashCompletes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash here, so that nobody knows whether its script works")
	}
	file := filepath.Join(t.TempDir(), "stentor.bash")
	if err := os.WriteFile(file, []byte(script(t, "bash")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		line string // the last word is being typed
		want []string
		not  []string
	}{
		{"stentor webi", []string{"webinar"}, []string{"watch"}},
		{"stentor ", []string{"webinar", "registration", "completion", "status", "--help"}, []string{"create"}},
		{"stentor webinar ", []string{"create", "list", "show", "edit", "end", "link"}, []string{"status"}},
		{"stentor webinar create --mo", []string{"--mode"}, []string{"--json"}},
		{"stentor webinar create --mode ", []string{"role-based", "all-on-screen"}, []string{"--json"}},
		{"stentor webinar create --mode all", []string{"all-on-screen"}, []string{"role-based"}},
		{"stentor webinar edit w_1 --un", []string{"--unlock"}, nil},
		{"stentor webinar edit w_1 --no-a", []string{"--no-auto-end"}, nil},
		{"stentor webinar create --description end --", []string{"--generate-pin"}, []string{"status"}},
		{"stentor --server pin webinar l", []string{"list", "link"}, []string{"set"}},
		{"stentor webinar create --description ", nil, []string{"--json", "create"}},
		{"stentor completion ", []string{"bash", "zsh", "fish"}, nil},
		{"stentor participant stop-", []string{"stop-audio", "stop-video", "stop-messages"}, []string{"stage"}},
	} {
		t.Run(c.line, func(t *testing.T) {
			words := strings.Split(c.line, " ")
			var quotedWords []string
			for _, w := range words {
				quotedWords = append(quotedWords, quoted(w))
			}
			run := fmt.Sprintf("source %s; COMP_WORDS=(%s); COMP_CWORD=%d; _stentor; printf '%%s\\n' \"${COMPREPLY[@]}\"", file, strings.Join(quotedWords, " "), len(words)-1)
			out, err := exec.Command(bash, "--norc", "-u", "-c", run).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			got := strings.Fields(string(out))
			for _, w := range c.want {
				if !slices.Contains(got, w) {
					t.Errorf("%q is not among %q", w, got)
				}
			}
			for _, w := range c.not {
				if slices.Contains(got, w) {
					t.Errorf("%q is among %q", w, got)
				}
			}
		})
	}
}

// TestScriptsOfOtherShells holds that they name every command and flag, and asks
// the shells themselves where they are installed.
func TestScriptsOfOtherShells(t *testing.T) {
	for _, shell := range []string{"zsh", "fish"} {
		t.Run(shell, func(t *testing.T) {
			text := script(t, shell)
			for _, p := range treeOf(model(t), "") {
				if !strings.Contains(text, "'"+lead(p.path)+"'") && !strings.Contains(text, `"`+lead(p.path)+`"`) {
					t.Errorf("%q is missing", p.path)
				}
				for _, w := range p.flags {
					if !strings.Contains(text, strings.TrimPrefix(w.text, "--")) {
						t.Errorf("%s of %s is missing", w.text, p.path)
					}
				}
			}
			if strings.ContainsAny(text, "\x1b\r") {
				t.Error("there are control characters in it")
			}
			at, err := exec.LookPath(shell)
			if err != nil {
				t.Skipf("there is no %s here; that it parses is not known", shell)
			}
			file := filepath.Join(t.TempDir(), "script")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(at, "-n", file).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}
