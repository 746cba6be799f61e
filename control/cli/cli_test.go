package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stentor/control/client"
)

var update = flag.Bool("update", false, "write the golden files anew")

// server answers what a test says, and notes what it was asked.
type server struct {
	*httptest.Server
	answers map[string]answer // by method and path
	asked   []string
	version string // the If-Match of the last request
	bearer  string

	refuseAfter int // so many requests; 0: none is refused
}

type answer struct {
	status int
	body   any // a csvText is sent as it is
}

// webm is an answer that is a recorded file.
type webm string

// csvText is an answer that is a table.
type csvText string

func newServer(t *testing.T, answers map[string]answer) *server {
	s := &server{answers: answers}
	s.Server = httptest.NewServer(checked(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		key := r.Method + " " + r.URL.RequestURI()
		s.asked = append(s.asked, strings.TrimSpace(key+" "+string(body)))
		s.bearer, s.version = r.Header.Get("Authorization"), r.Header.Get("If-Match")
		a, ok := s.answers[key]
		if !ok {
			a = answer{404, &client.Problem{Code: "route_not_found", Status: 404, Detail: "The test answers nothing to " + key}}
		}
		if s.refuseAfter > 0 && len(s.asked) > s.refuseAfter {
			a = answer{409, &client.Problem{Code: "ended", Status: 409, Detail: "The webinar has ended."}}
		}
		if text, ok := a.body.(csvText); ok {
			w.Header().Set("Content-Type", "text/csv; charset=utf-8")
			_, _ = io.WriteString(w, string(text))
			return
		}
		if film, ok := a.body.(webm); ok {
			w.Header().Set("Content-Type", "video/webm")
			_, _ = io.WriteString(w, string(film))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(a.status)
		if a.body != nil {
			_ = json.NewEncoder(w).Encode(a.body)
		}
	})))
	t.Cleanup(s.Close)
	return s
}

// call is one call of the command line.
type call struct {
	args     string // SERVER is the server's address, _ a blank in an argument, ~ a _
	stdin    string
	env      map[string]string
	prompt   func(string) (string, error)
	terminal bool
	version  string
	stdout   func(io.Writer) io.Writer // stands before it; may be nil
}

// grammar is the command line, with the one command that main puts elsewhere.
type grammar struct {
	Commands
	Node struct {
		Remove    NodeRemove    `cmd:"" help:"Put a node out of the mesh for good."`
		RotateKey NodeRotateKey `cmd:"" help:"Have the nodes seal their gossip with another key."`
	} `cmd:"" help:"Run a node, or remove one."`
}

// run calls the command line and returns what it wrote, with the server's address
// as SERVER.
func (s *server) run(t *testing.T, c call) (stdout, stderr string, status int) {
	t.Helper()
	return s.runIn(context.Background(), t, c)
}

func (s *server) runIn(ctx context.Context, t *testing.T, c call) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	env := map[string]string{"STENTOR_SERVER": s.URL, "STENTOR_TOKEN": "sta_test", "STENTOR_CONTEXT": filepath.Join(t.TempDir(), "context.yaml")}
	for k, v := range c.env {
		env[k] = v
	}
	e := &Env{
		Stdin: strings.NewReader(c.stdin), Stdout: &out, Stderr: &errs, Getenv: func(k string) string { return env[k] },
		Now: func() time.Time { return sunday }, HTTP: s.Client(), Prompt: c.prompt, Terminal: c.terminal, Version: c.version,
	}
	if c.stdout != nil {
		e.Stdout = c.stdout(e.Stdout)
	}
	var args []string
	for _, a := range strings.Fields(strings.ReplaceAll(c.args, "SERVER", s.URL)) {
		args = append(args, strings.NewReplacer("_", " ", "~", "_").Replace(a))
	}
	status = Run(ctx, args, &grammar{}, e)
	hide := func(b bytes.Buffer) string { return strings.ReplaceAll(b.String(), s.URL, "SERVER") }
	return hide(out), hide(errs), status
}

// golden holds got against a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant:\n%s", name, got, want)
	}
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	refuse := func(status int, code, detail string, fields ...client.FieldError) map[string]answer {
		return map[string]answer{"GET /api/v1/webinars/w-1": {status, &client.Problem{Code: code, Status: status, Detail: detail, Fields: fields}}}
	}
	for _, c := range []struct {
		name    string
		answers map[string]answer
		call    call
		want    string
		status  int
	}{
		{"a token is missing", refuse(401, "token_required", "The request carries no API token."), call{args: "webinar show w-1"},
			"stentor: The request carries no API token.\nstentor: hint: give an API token: --token-file FILE, STENTOR_TOKEN, or the context file that `stentor demo` writes\n", 1},
		{"fields are wrong", refuse(422, "invalid_request", "A part is wrong.", client.FieldError{Location: "body.title", Message: "too\x1blong"}), call{args: "webinar show w-1"},
			"stentor: A part is wrong (title: too\uFFFDlong)\n", 1},
		{"another server", map[string]answer{"GET /api/v1/webinars/w-1": {502, "<html>"}}, call{args: "webinar show w-1"},
			"stentor: The server answered 502 Bad Gateway, which is no answer of the control API.\nstentor: hint: is that the address of a Stentor node, and not of something in front of it?\n", 1},
		{"a flag that is misspelt", nil, call{args: "webinar show w-1 --servr x"}, "stentor: unknown flag --servr\nstentor: hint: did you mean \"--server\"?\n", 2},
		{"a command that is misspelt", nil, call{args: "webinra show w-1"}, "stentor: unexpected argument webinra\nstentor: hint: did you mean \"webinar\"?\n", 2},
		{"an argument is missing", nil, call{args: "webinar show"}, "stentor: expected \"<webinar>\"\nstentor: hint: stentor --help shows the commands, and --help after one its flags\n", 2},
		{"two flags that exclude each other", nil, call{args: "webinar create x --generate-pin --ask-pin"}, "stentor: --generate-pin and --ask-pin exclude each other\n", 2},
		{"no PIN came in", nil, call{args: "pin set w-1"}, "stentor: nothing came in on standard input\nstentor: hint: the secret is read from there, so that it shows up in no list of processes\n", 2},
		{"a PIN among the arguments", nil, call{args: "pin set w-1 12345678"}, "stentor: unexpected argument 12345678\nstentor: hint: stentor --help shows the commands, and --help after one its flags\n", 2},
		{"a list of nothing", nil, call{args: "webinar list --limit 0"}, "stentor: --limit has to be at least 1\n", 2},
		{"no address", nil, call{args: "webinar show w-1 --server localhost:8080"}, "stentor: \"localhost:8080\" is not the address of a server, such as http://127.0.0.1:8080\n", 2},
		{"a token file that is not there", nil, call{args: "webinar show w-1 --token-file /nowhere"}, "stentor: --token-file: open /nowhere: no such file or directory\n", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t, c.answers)
			stdout, stderr, status := s.run(t, c.call)
			if stderr != c.want || stdout != "" || status != c.status {
				t.Errorf("exit status %d, %q, %q, want %d, %q", status, stdout, stderr, c.status, c.want)
			}
		})
	}
}

func TestAServerThatIsNotThere(t *testing.T) {
	s := newServer(t, nil)
	s.Close()
	_, stderr, status := s.run(t, call{args: "status"})
	if status != 1 || !strings.HasPrefix(stderr, "stentor: no answer from SERVER: ") || !strings.Contains(stderr, "\nstentor: hint: is a node running there?") {
		t.Errorf("exit status %d: %s", status, stderr)
	}
}

func TestHelpIsNoError(t *testing.T) {
	s := newServer(t, nil)
	stdout, stderr, status := s.run(t, call{args: "webinar create --help"})
	if status != 0 || stderr != "" || !strings.Contains(stdout, "--generate-pin") {
		t.Errorf("exit status %d: %s%s", status, stdout, stderr)
	}
}

func TestASecretIsPromptedForAtATerminal(t *testing.T) {
	s := newServer(t, answers())
	questions := []string{}
	prompt := func(question string) (string, error) {
		questions = append(questions, question)
		return "open sesame", nil
	}
	if _, stderr, status := s.run(t, call{args: "pin set w-1", stdin: "from a pipe\n", prompt: prompt}); status != 0 {
		t.Fatal(stderr)
	}
	if want := `PUT /api/v1/webinars/w-1/pin {"value":"open sesame"}`; s.asked[0] != want || len(questions) != 2 {
		t.Errorf("asked %q, want %q, after %q", s.asked[0], want, questions)
	}
	n := 0
	prompt = func(string) (string, error) { n++; return fmt.Sprint("sesame ", n), nil }
	if _, stderr, status := s.run(t, call{args: "account password a-1", prompt: prompt}); status != 2 || !strings.Contains(stderr, "two different ones") || len(s.asked) != 1 {
		t.Errorf("exit status %d, asked %q: %s", status, s.asked, stderr)
	}
	prompt = func(string) (string, error) { return "", fmt.Errorf("no more input: %w", context.Canceled) }
	if _, stderr, status := s.run(t, call{args: "pin set w-1", prompt: prompt}); status != 130 || stderr != "stentor: interrupted\n" {
		t.Errorf("exit status %d: %s", status, stderr)
	}
}

func TestListsAreReadPageByPage(t *testing.T) {
	page := func(n int, next string) answer {
		items := make([]client.Webinar, n)
		return answer{200, client.Webinars{Items: items, Next: next}}
	}
	s := newServer(t, map[string]answer{
		"GET /api/v1/webinars?limit=200":          page(200, "a"),
		"GET /api/v1/webinars?cursor=a&limit=200": page(200, "b"),
		"GET /api/v1/webinars?cursor=b&limit=50":  page(50, ""),
	})
	stdout, stderr, status := s.run(t, call{args: "webinar list --limit 450"})
	if lines := strings.Count(stdout, "\n"); status != 0 || lines != 451 || stderr != "" {
		t.Errorf("exit status %d, %d lines, %s", status, lines, stderr)
	}
}
