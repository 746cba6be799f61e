package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"stentor/control"
	"stentor/control/api/account"
	"stentor/control/api/mail"
	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/personal"
	"stentor/control/webinar"
)

// memory is a Store of one node: each command becomes the next entry of a log
// that nobody else reads, in the bytes that a real log would hold.
type memory struct {
	mu      sync.Mutex // guards the following
	state   *control.State
	changed chan struct{}
	index   uint64
	behind  bool                             // commands commit, and are not seen here
	fail    error                            // of Propose, before anything happens
	spy     func(c *controlpb.Command) error // looks at a command, and may refuse it
}

func newMemory() *memory {
	return &memory{state: control.NewState(), changed: make(chan struct{})}
}

func (m *memory) State() *control.State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

func (m *memory) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

func (m *memory) Propose(ctx context.Context, c *controlpb.Command) (control.Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return control.Result{}, m.fail
	}
	if m.spy != nil {
		if err := m.spy(c); err != nil {
			return control.Result{}, err
		}
	}
	b, err := proto.Marshal(c)
	if err != nil {
		return control.Result{}, err
	}
	entry := &controlpb.Command{}
	if err := proto.Unmarshal(b, entry); err != nil {
		return control.Result{}, err
	}
	m.index++
	next, result := m.state.Apply(m.index, entry)
	if result.Halt != nil {
		return control.Result{}, result.Halt
	}
	if !m.behind {
		m.state = next
		close(m.changed)
		m.changed = make(chan struct{})
	}
	return result, result.Err
}

// crowd is a Roster that a test fills.
type crowd struct {
	inside      map[string][]Present
	unreachable []string
	fail        error
	late        func()
	first       func() // is called when the nodes are asked
}

func (c *crowd) Participants(_ context.Context, webinar string) ([]Present, []string, error) {
	return c.inside[webinar], c.unreachable, c.fail
}

// Ask answers for each node by itself; those after the first only when late returns.
func (c *crowd) Ask(_ context.Context, webinar string, heard func([]Present)) {
	if c.first != nil {
		c.first()
	}
	var order []string
	by := map[string][]Present{}
	for _, p := range c.inside[webinar] {
		if by[p.Node] == nil {
			order = append(order, p.Node)
		}
		by[p.Node] = append(by[p.Node], p)
	}
	for i, node := range order {
		if c.late != nil && i > 0 {
			c.late()
		}
		heard(by[node])
	}
}

// oneMesh is a Mesh that a test fills.
type oneMesh struct {
	status Status
	fail   error
	drawn  byte // gossip keys
}

func (m *oneMesh) Status(context.Context) (Status, error) { return m.status, m.fail }

func (m *oneMesh) DrawKey() *controlpb.BeginKeyRotation {
	m.drawn++
	return &controlpb.BeginKeyRotation{CurrentId: []byte("key0"), NextId: []byte{'k', 'e', 'y', '0' + m.drawn}, Sealed: []byte("sealed")}
}

func (m *oneMesh) Drain(_ context.Context, node string, on bool) error {
	for i := range m.status.Nodes {
		if n := &m.status.Nodes[i]; n.Node == node {
			if !n.Alive {
				return errors.New("it does not answer")
			}
			n.Draining = on
			return nil
		}
	}
	return ErrNoNode
}

// world is an API with all that surrounds it.
type world struct {
	t       testing.TB
	api     *API
	handler http.Handler
	store   *memory
	crowd   *crowd
	mesh    *oneMesh
	now     time.Time
	log     *bytes.Buffer
	spec    *spec // every answer is held against it
	keeper  *personal.Keeper

	done     chan struct{} // closed: streams of events end at once
	accounts *account.Accounts
	sessions map[string]Bearer // session token -> who holds it

	said []Said // in every webinar

	admin, host, other string // API tokens
	hostID             string
	board              board
}

var testCA = [32]byte{1, 2, 3}

var testKey = bytes.Repeat([]byte{7}, 32)

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		t: t, store: newMemory(), crowd: &crowd{inside: map[string][]Present{}}, mesh: &oneMesh{},
		now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), log: &bytes.Buffer{}, sessions: map[string]Bearer{}, done: make(chan struct{}),
	}
	close(w.done)
	w.command(&controlpb.Command{Kind: &controlpb.Command_SetFeatureLevel{SetFeatureLevel: &controlpb.SetFeatureLevel{Level: control.FeatureLevel}}})
	var err error
	if w.keeper, err = personal.New(testKey); err != nil {
		t.Fatal(err)
	}
	w.accounts, err = account.New(account.Config{
		Directory: func() account.Directory { return w.store.State() },
		Propose:   func(ctx context.Context, c *controlpb.Command) error { _, err := w.store.Propose(ctx, c); return err },
		Key:       w.keeper.CookieKey(), Base: "https://webinars.example", Now: func() time.Time { return w.now }, Rand: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.serve(Limits{Public: Limit{1 << 20, time.Millisecond}, Principal: Limit{1 << 20, time.Millisecond}})
	_, w.admin = w.token("operator", Admin)
	w.hostID, w.host = w.token("host", Host)
	_, w.other = w.token("another host", Host)
	return w
}

// serve makes the API anew, with those limits.
func (w *world) serve(l Limits) {
	w.t.Helper()
	api, err := New(Config{
		Store: w.store, Roster: w.crowd, Mesh: w.mesh, Recordings: shelf{}, Captions: &w.board, Talks: w, PINKey: testKey, CA: testCA, Keeper: w.keeper, Accounts: w.accounts,
		Participant: w.participant, Mail: true, Limits: l,
		Pass: func(account, name string) (string, error) { return "stp1." + account + "." + name, nil },
		ICS:  mailICS, Done: w.done,
		Now: func() time.Time { return w.now }, Rand: rand.Reader, Version: "1.2.3",
		Logger: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.api, w.handler, w.spec = api, api.Handler(), newSpec(w.t, api)
}

func mailICS(w *webinar.Webinar, uid string) []byte {
	return mail.ICS(w, "https://webinars.example", uid)
}

// participant is the door's part: it knows whom a session token names.
func (w *world) participant(_ context.Context, token string, _ netip.Addr) (Bearer, error) {
	b, ok := w.sessions[token]
	if !ok {
		return Bearer{}, webinar.ErrNotAllowed
	}
	return b, nil
}

// session lets somebody in, and returns their session token.
func (w *world) session(id string, v webinar.Visitor) string {
	w.t.Helper()
	one := w.store.State().Webinar(id)
	if v.Name == "" {
		v.Name = "Name of " + v.Participant
	}
	a, err := one.Admit(v, webinar.DeriveKey(testKey, id), w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	if a.Participant == "" {
		a.Participant = v.Participant
	}
	token := "sts1." + id + "." + a.Participant
	w.sessions[token] = Bearer{Webinar: id, Standing: a.Standing(a.Participant), Name: v.Name, Trusted: true}
	return token
}

// account puts an account into the state, and returns its id and the cookie of its
// sign-in.
func (w *world) account(login, role string) (id string, cookie *http.Cookie) {
	w.t.Helper()
	id = "a_" + login
	w.command(&controlpb.Command{Kind: &controlpb.Command_CreateAccount{CreateAccount: &controlpb.CreateAccount{
		Id: id, Login: login, Name: "Name of " + login, Role: role, Password: "$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHQ$aGFzaA",
	}}})
	return id, w.accounts.Cookie(w.store.State().Account(id))
}

// token puts an API token into the state.
func (w *world) token(name string, scopes ...Scope) (id, token string) {
	w.t.Helper()
	id, token, hash, err := NewToken(rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	texts := make([]string, len(scopes))
	for i, s := range scopes {
		texts[i] = string(s)
	}
	w.command(&controlpb.Command{Kind: &controlpb.Command_CreateApiToken{CreateApiToken: &controlpb.CreateAPIToken{
		Id: id, Name: name, Hash: hash[:], Scopes: texts,
	}}})
	return id, token
}

// command changes the state, past the API.
func (w *world) command(c *controlpb.Command) control.Result {
	w.t.Helper()
	c.ProposedAt = w.now.UnixNano()
	r, err := w.store.Propose(context.Background(), c)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// ask is one request, and its answer.
type ask struct {
	method, path, token string
	cookie              *http.Cookie
	from                string // address, if that matters
	body                string // of a request; "" for none
	reader              io.Reader
	header              http.Header
}

type reply struct {
	t      testing.TB
	status int
	header http.Header
	body   []byte
}

// do sends a request and holds its answer against the OpenAPI document and the
// table of refusals.
func (w *world) do(a ask) reply {
	w.t.Helper()
	body := a.reader
	if body == nil && a.body != "" {
		body = strings.NewReader(a.body)
	}
	r := httptest.NewRequest(a.method, a.path, body)
	if a.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for k, v := range a.header {
		r.Header[k] = v
	}
	if a.token != "" {
		r.Header.Set("Authorization", "Bearer "+a.token)
	}
	if a.cookie != nil {
		r.AddCookie(a.cookie)
	}
	if a.from != "" {
		r.RemoteAddr = a.from
	}
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	out := reply{w.t, recorder.Code, recorder.Header(), recorder.Body.Bytes()}
	w.spec.check(w.t, r, out)
	return out
}

// must fails the test unless the answer has that status.
func (r reply) must(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("answered %d, want %d: %s", r.status, status, r.body)
	}
	return r
}

// refused fails the test unless the answer is a refusal with that code.
func (r reply) refused(code string) *client.Problem {
	r.t.Helper()
	var p client.Problem
	if err := json.Unmarshal(r.body, &p); err != nil || p.Code != code {
		r.t.Fatalf("answered %d %s, want the code %s", r.status, r.body, code)
	}
	return &p
}

// decode reads the answer.
func decode[T any](r reply) T {
	r.t.Helper()
	var v T
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		r.t.Fatalf("answered %s: %v", r.body, err)
	}
	return v
}

// webinar makes a webinar with the host's token.
func (w *world) webinar(body string) client.Webinar {
	w.t.Helper()
	return decode[client.Webinar](w.do(ask{method: "POST", path: "/api/v1/webinars", token: w.host, body: body}).must(201))
}

// admit knocks at the door of a webinar, as an edge does.
func (w *world) admit(id string, v webinar.Visitor) error {
	w.t.Helper()
	one := w.store.State().Webinar(id)
	if one == nil {
		w.t.Fatal("no such webinar in the state: ", id)
	}
	_, err := one.Admit(v, webinar.DeriveKey(testKey, id), w.now)
	return err
}

// rawRequest is a request whose answer is not held against the document, for many at
// once.
type rawRequest struct{ method, path, body string }

func newRequestTo(method, path, body string) rawRequest { return rawRequest{method, path, body} }

// serve sends it, and returns the status, or the code of the refusal.
func (r rawRequest) serve(h http.Handler) string {
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, r.request())
	var p client.Problem
	if json.Unmarshal(recorder.Body.Bytes(), &p) == nil && p.Code != "" {
		return p.Code
	}
	return strconv.Itoa(recorder.Code)
}

func (r rawRequest) request() *http.Request {
	request := httptest.NewRequest(r.method, r.path, strings.NewReader(r.body))
	request.Header.Set("Content-Type", "application/json")
	return request
}
