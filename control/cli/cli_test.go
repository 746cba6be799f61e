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
	bearer  string
}

type answer struct {
	status int
	body   any
}

func newServer(t *testing.T, answers map[string]answer) *server {
	s := &server{answers: answers}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		key := r.Method + " " + r.URL.RequestURI()
		s.asked = append(s.asked, strings.TrimSpace(key+" "+string(body)))
		s.bearer = r.Header.Get("Authorization")
		a, ok := s.answers[key]
		if !ok {
			a = answer{404, &client.Problem{Code: "route_not_found", Status: 404, Detail: "The test answers nothing to " + key}}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(a.status)
		if a.body != nil {
			_ = json.NewEncoder(w).Encode(a.body)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// call is one call of the command line.
type call struct {
	args   string // SERVER is the server's address
	stdin  string
	env    map[string]string
	prompt func(string) (string, error)
}

// run calls the command line and returns what it wrote, with the server's address
// as SERVER.
func (s *server) run(t *testing.T, c call) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	env := map[string]string{"STENTOR_SERVER": s.URL, "STENTOR_TOKEN": "sta_test", "STENTOR_CONTEXT": filepath.Join(t.TempDir(), "context.yaml")}
	for k, v := range c.env {
		env[k] = v
	}
	e := &Env{
		Stdin: strings.NewReader(c.stdin), Stdout: &out, Stderr: &errs, Getenv: func(k string) string { return env[k] },
		Now: time.Now, HTTP: s.Client(), Prompt: c.prompt,
	}
	var grammar struct{ Commands }
	var args []string
	for _, a := range strings.Fields(strings.ReplaceAll(c.args, "SERVER", s.URL)) {
		args = append(args, strings.ReplaceAll(a, "_", " "))
	}
	status = Run(context.Background(), args, &grammar, e)
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

var (
	march = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

	allHands = client.Webinar{
		ID: "w-1", Title: "All hands \x1b[2J\u202e", Mode: "role-based", Link: "4k3", JoinPath: "/w/4k3", State: "planned", CreatedAt: march, Version: 1,
	}
)

func with(w client.Webinar, change func(*client.Webinar)) client.Webinar {
	change(&w)
	return w
}

// mesh has what a drawing has to cope with: branches, a node that is gone, one
// whose parent did not answer, and names that steer terminals.
func mesh() client.Status {
	hop := func(node, parent string, readers int, bytes, bps uint64, rtt float64) client.Hop {
		role := "relay"
		if parent == "" {
			role = "origin"
		}
		return client.Hop{Node: node, Role: role, Parent: parent, Readers: readers, Bytes: bytes, Packets: bytes / 1200, Bitrate: bps, RTT: rtt}
	}
	return client.Status{
		Node: "n1", Version: "0.2.0", Commit: "abc", Cluster: "demo", Leader: "n2", Term: 3, Index: 42,
		Nodes: []client.NodeStatus{
			{Node: "n1", Role: "voter", Region: "eu", Version: "0.2.0", URL: "http://127.0.0.1:8081", Alive: true, Load: .034, Index: 42, Sessions: 3},
			{Node: "n2", Role: "voter", Region: "eu", Version: "0.2.0", URL: "http://127.0.0.1:8082", Alive: true, RTT: .31, Index: 42, Staleness: 4},
			{Node: "n3", Role: "edge", Region: "us", Version: "0.1.0", URL: "http://127.0.0.1:8083", Alive: true, Draining: true, Load: 1, RTT: 98.6, Index: 40, Staleness: 12_345, Outdated: true, Sessions: 1200},
			{Node: "n4", Role: "edge", URL: "", Alive: false},
		},
		Tracks: []client.Track{
			{Webinar: "w-1", Stream: "main", Track: "video", Epoch: 17, Hops: []client.Hop{
				hop("n1", "", 3, 123_456_789, 20_150_000, 0),
				hop("n5", "n3", 1, 999, 0, 12),
				hop("n3", "n1", 1, 98_000_000, 19_990_000, 98.6),
				hop("n2", "n1", 2, 1_000, 950, .3),
				hop("n6", "n2", 0, 0, 0, 0),
				hop("n8", "n4", 9, 5, 5, 5),
			}},
			{Webinar: "w-1", Stream: "slides\x1b", Track: "audio", Epoch: 18, Hops: []client.Hop{hop("n1", "n2", 0, 0, 0, 1), hop("n2", "n1", 0, 0, 0, 1)}},
		},
		Unreachable: []string{"n4"},
	}
}

func answers() map[string]answer {
	invite := client.Invite{ID: "i-1", Name: "Ada", Role: "presenter", Secret: "sti_x", LinkPath: "/w/4k3#invite=sti_x", WHIPPath: "/whip/4k3/main"}
	listed := invite
	listed.Secret, listed.LinkPath = "", ""
	return map[string]answer{
		"POST /api/v1/webinars":                      {201, with(allHands, func(w *client.Webinar) { w.HasPIN, w.PIN = true, "49275018" })},
		"GET /api/v1/webinars?limit=100":             {200, client.Webinars{Items: []client.Webinar{allHands, with(allHands, func(w *client.Webinar) { w.ID, w.State, w.Title = "w-2", "live", "Next" })}}},
		"GET /api/v1/webinars?limit=1":               {200, client.Webinars{Items: []client.Webinar{allHands}, Next: "more"}},
		"GET /api/v1/webinars/w-1":                   {200, allHands},
		"POST /api/v1/webinars/w-1/end":              {200, with(allHands, func(w *client.Webinar) { w.State = "ended" })},
		"PUT /api/v1/webinars/w-1/pin":               {200, client.PIN{PIN: "1234", Weak: true, Version: 2}},
		"DELETE /api/v1/webinars/w-1/pin":            {204, nil},
		"POST /api/v1/webinars/w-1/invites":          {201, invite},
		"GET /api/v1/webinars/w-1/invites?limit=100": {200, client.Invites{Items: []client.Invite{listed}}},
		"GET /api/v1/webinars/w-1/participants": {200, client.Participants{Unreachable: []string{"n4"}, Items: []client.Participant{
			{ID: "p-1", Name: "Ada\r\nroot", Role: "presenter", Node: "n1", Since: march, Uses: []string{"publish", "events"}},
			{ID: "p-2", Name: "Bob", Role: "attendee", Node: "n3", Since: march.Add(time.Minute), Uses: []string{"watch"}},
		}}},
		"GET /api/v1/webinars/w-2/participants":                 {200, client.Participants{}},
		"POST /api/v1/webinars/w-1/participants/p-1/disconnect": {200, client.Disconnected{Ban: &client.BanMade{ID: "b-1", Strength: "weak"}, Present: true, Index: 43}},
		"POST /api/v1/webinars/w-1/participants/p-9/disconnect": {200, client.Disconnected{Index: 44}},
		"GET /api/v1/webinars/w-1/bans?limit=100": {200, client.Bans{Items: []client.Ban{
			{ID: "b-1", Participant: "p-1", Name: "Ada", Strength: "weak", Keys: []string{"device", "participant"}, By: "t-1", At: march},
		}}},
		"DELETE /api/v1/webinars/w-1/bans/b-1": {204, nil},
		"POST /api/v1/tokens":                  {201, client.Token{ID: "t-1", Token: "sta_new", Name: "CI", Scopes: []string{"host", "admin"}}},
		"POST /api/v1/join-tokens":             {201, client.JoinToken{Token: "stj1.a.b", Role: "edge", ExpiresAt: march}},
		"GET /api/v1/status":                   {200, mesh()},
	}
}

func TestCommands(t *testing.T) {
	for _, c := range []struct{ name, args, stdin, asked string }{
		{"webinar-create", "webinar create All_hands --generate-pin", "", `POST /api/v1/webinars {"title":"All hands","mode":"role-based","generate_pin":true}`},
		{"webinar-create-asked", "webinar create All_hands --ask-pin --mode all-on-screen", "open sesame\n", `POST /api/v1/webinars {"title":"All hands","mode":"all-on-screen","pin":"open sesame"}`},
		{"webinar-list", "webinar list", "", "GET /api/v1/webinars?limit=100"},
		{"webinar-list-cut", "webinar list --limit 1", "", "GET /api/v1/webinars?limit=1"},
		{"webinar-show", "webinar show w-1", "", "GET /api/v1/webinars/w-1"},
		{"webinar-end", "webinar end w-1", "", "POST /api/v1/webinars/w-1/end"},
		{"pin-set", "pin set w-1", "1234\r\n", `PUT /api/v1/webinars/w-1/pin {"value":"1234"}`},
		{"pin-generate", "pin generate w-1", "", `PUT /api/v1/webinars/w-1/pin {"generate":true}`},
		{"pin-clear", "pin clear w-1", "", "DELETE /api/v1/webinars/w-1/pin"},
		{"invite-create", "invite create w-1 Ada --role presenter", "", `POST /api/v1/webinars/w-1/invites {"name":"Ada","role":"presenter"}`},
		{"invite-list", "invite list w-1", "", "GET /api/v1/webinars/w-1/invites?limit=100"},
		{"participant-list", "participant list w-1", "", "GET /api/v1/webinars/w-1/participants"},
		{"participant-list-empty", "participant list w-2", "", "GET /api/v1/webinars/w-2/participants"},
		{"participant-disconnect-ban", "participant disconnect w-1 p-1 --ban", "", `POST /api/v1/webinars/w-1/participants/p-1/disconnect {"ban":true}`},
		{"participant-disconnect-absent", "participant disconnect w-1 p-9", "", "POST /api/v1/webinars/w-1/participants/p-9/disconnect {}"},
		{"ban-list", "ban list w-1", "", "GET /api/v1/webinars/w-1/bans?limit=100"},
		{"ban-lift", "ban lift w-1 b-1", "", "DELETE /api/v1/webinars/w-1/bans/b-1"},
		{"token-create", "token create CI --scope host --scope admin", "", `POST /api/v1/tokens {"name":"CI","scopes":["host","admin"]}`},
		{"join-token-create", "join-token create --role edge --ttl 10m", "", `POST /api/v1/join-tokens {"role":"edge","ttl_seconds":600}`},
		{"status", "status", "", "GET /api/v1/status"},
	} {
		for _, form := range []string{"", "-json"} {
			t.Run(c.name+form, func(t *testing.T) {
				s := newServer(t, answers())
				args := c.args
				if form != "" {
					args += " --json"
				}
				stdout, stderr, status := s.run(t, call{args: args, stdin: c.stdin})
				if status != 0 {
					t.Errorf("exit status %d", status)
				}
				if len(s.asked) != 1 || s.asked[0] != c.asked || s.bearer != "Bearer sta_test" {
					t.Errorf("asked %q as %q, want %q", s.asked, s.bearer, c.asked)
				}
				if form != "" && stdout != "" && !json.Valid([]byte(stdout)) {
					t.Errorf("not JSON: %s", stdout)
				}
				if strings.ContainsAny(stdout+stderr, "\x1b\r\u202e") && form == "" {
					t.Errorf("the terminal is steered by %q", stdout)
				}
				golden(t, c.name+form, "$ stentor "+args+"\n"+stdout+prefixed("! ", stderr))
			})
		}
	}
}

// prefixed marks the lines of standard error in a golden file.
func prefixed(mark, s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(mark + line)
	}
	return b.String()
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
	prompt := func(question string) (string, error) { return "typed " + question, nil }
	if _, stderr, status := s.run(t, call{args: "pin set w-1", stdin: "from a pipe\n", prompt: prompt}); status != 0 {
		t.Fatal(stderr)
	}
	if want := `PUT /api/v1/webinars/w-1/pin {"value":"typed PIN: "}`; s.asked[0] != want {
		t.Errorf("asked %q, want %q", s.asked[0], want)
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
