package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"google.golang.org/protobuf/proto"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/personal"
)

// memory is a log of one node, in the bytes that a real one would hold.
type memory struct {
	mu       sync.Mutex // guards the following
	state    *control.State
	fail     error
	advances []time.Time // of the only webhook there is
}

func (m *memory) State() *control.State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

func (m *memory) Propose(_ context.Context, c *controlpb.Command) (control.Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return control.Result{}, m.fail
	}
	b, err := proto.Marshal(c)
	if err != nil {
		return control.Result{}, err
	}
	entry := &controlpb.Command{}
	if err := proto.Unmarshal(b, entry); err != nil {
		return control.Result{}, err
	}
	next, r := m.state.Apply(m.state.Index()+1, entry)
	if r.Halt != nil {
		return r, r.Halt
	}
	if c.GetAdvanceWebhook() != nil {
		m.advances = append(m.advances, time.Now())
	}
	m.state = next
	return r, r.Err
}

func (m *memory) failing(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// endpoint is what a host has at a webhook's address, and the way to it.
type endpoint struct {
	mu     sync.Mutex // guards the following
	heard  []message
	ids    []string
	times  []time.Time
	tried  []time.Time
	status int // 0: as it should be
	header http.Header
	fail   error         // of the way
	slow   time.Duration // before an answer
	verify *standardwebhooks.Webhook
	broken []string // what was wrong with requests
	urls   []string
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	e.mu.Lock()
	fail, slow := e.fail, e.slow
	e.tried = append(e.tried, time.Now())
	e.urls = append(e.urls, r.URL.String())
	e.mu.Unlock()
	if fail != nil {
		return nil, fail
	}
	select {
	case <-time.After(slow):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	w := httptest.NewRecorder()
	e.serve(w, r)
	return w.Result(), nil
}

func (e *endpoint) serve(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		e.broken = append(e.broken, err.Error())
	}
	h := r.Header.Clone()
	if e.verify != nil {
		// The library holds the timestamp against the clock of the computer.
		if err := e.verify.VerifyIgnoringTimestamp(body, h); err != nil {
			e.broken = append(e.broken, err.Error())
		}
	}
	if h.Get("Content-Type") != "application/json" || r.Method != "POST" || h.Get("User-Agent") != "Stentor" {
		e.broken = append(e.broken, fmt.Sprint(r.Method, h))
	}
	for k, v := range e.header {
		w.Header()[k] = v
	}
	if e.status != 0 {
		w.WriteHeader(e.status)
		return
	}
	var m message
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		e.broken = append(e.broken, err.Error())
	}
	e.heard = append(e.heard, m)
	e.ids = append(e.ids, h.Get("Webhook-Id"))
	e.times = append(e.times, time.Now())
}

// set changes how it answers.
func (e *endpoint) set(f func(e *endpoint)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f(e)
}

// types are the actions that it heard.
func (e *endpoint) types() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := []string{}
	for _, m := range e.heard {
		all = append(all, m.Type)
	}
	return all
}

func (e *endpoint) attempts() []time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.tried)
}

// world is Webhooks with all that surrounds them.
type world struct {
	t      testing.TB
	hooks  *Webhooks
	store  *memory
	keeper *personal.Keeper
	end    *endpoint
	log    *lockedBuffer

	mu     sync.Mutex // guards the following
	leader bool
}

type lockedBuffer struct {
	mu sync.Mutex // guards the following
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (w *world) leads() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.leader
}

func (w *world) lead(yes bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leader = yes
}

var clusterKey = bytes.Repeat([]byte{7}, 32)

const (
	secret  = "whsec_c2VjcmV0LW9mLXRoZS13ZWJob29rLW9mLWEtaG9zdA=="
	address = "https://hooks.example/in?token=part-of-the-address"
)

func newWorld(t testing.TB, change func(*Config)) *world {
	t.Helper()
	keeper, err := personal.New(clusterKey)
	if err != nil {
		t.Fatal(err)
	}
	verify, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: &memory{state: control.NewState()}, keeper: keeper, end: &endpoint{verify: verify}, log: &lockedBuffer{}, leader: true}
	w.do(&controlpb.Command{Kind: &controlpb.Command_SetFeatureLevel{SetFeatureLevel: &controlpb.SetFeatureLevel{Level: 2}}})
	c := Config{
		Store: w.store, Keeper: keeper, Leader: w.leads, Now: time.Now, Transport: w.end, Registerer: prometheus.NewRegistry(),
		Logger: slog.New(slog.NewTextHandler(w.log, nil)),
	}
	if change != nil {
		change(&c)
	}
	if w.hooks, err = New(c); err != nil {
		t.Fatal(err)
	}
	return w
}

// run runs Webhooks in a bubble while f looks on.
func run(t *testing.T, f func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		ctx, stop := context.WithCancel(t.Context())
		var parts sync.WaitGroup
		parts.Go(func() {
			if err := w.hooks.Run(ctx); err != nil {
				t.Errorf("Run ended with %v", err)
			}
		})
		defer func() { // also after t.Fatal
			stop()
			parts.Wait()
			for _, s := range w.end.broken {
				t.Error(s)
			}
			for _, s := range []string{"whsec_", "part-of-the-address", "c2VjcmV0"} {
				if strings.Contains(w.log.String(), s) {
					t.Errorf("logged %s", w.log)
				}
			}
		}()
		f(w)
	})
}

func (w *world) do(c *controlpb.Command) string {
	w.t.Helper()
	c.ProposedAt = time.Now().UnixNano()
	r, err := w.store.Propose(context.Background(), c)
	if err != nil {
		w.t.Fatalf("%v: %v", c, err)
	}
	return r.Subject
}

// token makes an API token, which can own webinars and webhooks.
func (w *world) token(id string, expires time.Time, scopes ...string) {
	w.t.Helper()
	hash := sha256.Sum256([]byte(id))
	c := &controlpb.CreateAPIToken{Id: id, Name: id, Hash: hash[:], Scopes: scopes}
	if !expires.IsZero() {
		c.Expires = expires.UnixNano()
	}
	w.do(&controlpb.Command{Kind: &controlpb.Command_CreateApiToken{CreateApiToken: c}})
}

func (w *world) webinar(id, owner string) {
	w.t.Helper()
	w.do(&controlpb.Command{Principal: owner, Kind: &controlpb.Command_CreateWebinar{CreateWebinar: &controlpb.CreateWebinar{
		Id: id, Link: "link-" + id, Owner: owner, Title: "All hands",
	}}})
}

// pin sets a webinar's PIN: one entry of the audit log, "pin.changed".
func (w *world) pin(webinar string) {
	w.t.Helper()
	w.do(&controlpb.Command{Principal: "t_1", Kind: &controlpb.Command_SetPin{SetPin: &controlpb.SetPIN{Webinar: webinar, Verifier: bytes.Repeat([]byte{9}, 32)}}})
}

func (w *world) hook(id, owner, webinar string, events ...string) {
	w.t.Helper()
	sealed, err := w.keeper.Seal("", id, personal.Webhook{Secret: secret})
	if err != nil {
		w.t.Fatal(err)
	}
	w.do(&controlpb.Command{Principal: owner, Kind: &controlpb.Command_CreateWebhook{CreateWebhook: &controlpb.CreateWebhook{
		Id: id, Owner: owner, Webinar: webinar, Url: address, Sealed: sealed, Events: events,
	}}})
}

// plan makes a host with a webinar and a webhook.
func (w *world) plan() {
	w.t.Helper()
	w.token("t_1", time.Time{}, "host")
	w.webinar("w_1", "t_1")
	w.hook("h_1", "t_1", "")
	w.settle()
	w.end.set(func(e *endpoint) { e.heard, e.ids, e.times, e.tried = nil, nil, nil, nil })
}

func (w *world) settle() {
	time.Sleep(3 * time.Second)
	synctest.Wait()
}

func (w *world) record() *controlpb.WebhookRecord { return w.store.State().Webhook("h_1") }

func TestAWebhookHearsWhatHappens(t *testing.T) {
	run(t, func(w *world) {
		w.plan()
		at := time.Now()
		w.pin("w_1")
		w.do(&controlpb.Command{Principal: "t_1", Kind: &controlpb.Command_Disconnect{Disconnect: &controlpb.Disconnect{
			Webinar: "w_1", Participant: "p_1", Name: "Ada Lovelace", Keys: &controlpb.Keys{Keys: []string{"device:00ff"}}, Ban: &controlpb.NewBan{Id: "b_1"},
		}}})
		w.settle()
		if got := w.end.types(); len(got) < 2 || got[0] != "pin.changed" || !slices.Contains(got, "participant.banned") {
			t.Fatalf("heard %v; logged %s", got, w.log)
		}
		m := w.end.heard[0]
		head := w.store.State().AuditHead().GetSeq()
		if m.Data.Webinar != "w_1" || m.Data.By != "t_1" || m.Data.Seq == 0 || m.Data.Seq > head || !m.Timestamp.Equal(at) || w.end.ids[0] != fmt.Sprintf("h_1.%d", m.Data.Seq) {
			t.Errorf("heard %+v as %s", m, w.end.ids[0])
		}
		for _, h := range w.end.heard {
			b, _ := json.Marshal(h)
			for _, s := range []string{"Ada", "Lovelace", "00ff", "All hands"} {
				if strings.Contains(string(b), s) {
					t.Errorf("%s tells %s", b, s)
				}
			}
		}
		if w.record().GetSeq() != head || w.record().GetFailures() != 0 {
			t.Errorf("noted %v, the log is at %d", w.record(), head)
		}
	})
}

func TestTheOfficialLibraryTakesWhatWeSign(t *testing.T) {
	// With its check of the timestamp, which wants the clock of this computer.
	w := newWorld(t, nil)
	w.token("t_1", time.Time{}, "host")
	w.webinar("w_1", "t_1")
	w.hook("h_1", "t_1", "")
	verify, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	var got http.Header
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		body, _ = io.ReadAll(r.Body)
	}))
	defer server.Close()
	w.hooks.AllowPrivate = true
	w.hooks.client.Transport = http.DefaultTransport
	h := proto.CloneOf(w.record())
	h.Url = server.URL
	e := &controlpb.AuditRecord{Seq: 7, At: 1, Action: "webinar.started", Webinar: "w_1", Data: []byte(`{"a":"ü&<"}`)}
	if err := w.hooks.post(t.Context(), h, personal.Webhook{Secret: secret}, e); err != nil {
		t.Fatal(err)
	}
	if err := verify.Verify(body, got); err != nil {
		t.Errorf("%v: %v %s", err, got, body)
	}
	if !strings.Contains(got.Get("Webhook-Signature"), "v1,") || got.Get("Webhook-Id") != "h_1.7" {
		t.Errorf("sent %v", got)
	}
	body[len(body)-2] ^= 1
	if err := verify.Verify(body, got); err == nil {
		t.Error("a changed body is taken")
	}
	for _, bad := range []string{"", "whsec_", "whsec_*", "plain text"} {
		if err := w.hooks.post(t.Context(), h, personal.Webhook{Secret: bad}, e); err == nil {
			t.Errorf("signed with %q", bad)
		}
	}
}

func TestAnAddressThatFailsIsAskedEverMoreRarely(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(e *endpoint)
	}{
		{"an error of the server", func(e *endpoint) { e.status = 500 }},
		{"a redirect is not followed", func(e *endpoint) { e.status, e.header = 302, http.Header{"Location": {"https://other.example"}} }},
		{"an error of the client", func(e *endpoint) { e.status = 404 }},
		{"nobody is there", func(e *endpoint) { e.fail = errors.New("connection refused") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(w *world) {
				w.plan()
				w.end.set(c.set)
				began := time.Now()
				w.pin("w_1")
				time.Sleep(84 * time.Hour)
				synctest.Wait()
				tried := w.end.attempts()
				if len(tried) != patience+1 || !w.record().GetDisabled() || w.record().GetFailures() != patience+1 {
					t.Fatalf("tried %d times, %v", len(tried), w.record())
				}
				for i, want := range append(slices.Clone(waits), slices.Repeat(waits[len(waits)-1:], patience-len(waits))...) {
					got := tried[i+1].Sub(tried[i])
					if got < want || got > want+2*time.Second {
						t.Errorf("waited %v after failure %d, not %v", got, i+1, want)
					}
				}
				if total := tried[len(tried)-1].Sub(began); total < 60*time.Hour || total > 3*24*time.Hour+time.Hour {
					t.Errorf("given up after %v", total)
				}
				for _, u := range w.end.urls {
					if u != address {
						t.Errorf("called %s", u)
					}
				}
			})
		})
	}
}

func TestAnAddressThatComesBackHearsAllOfIt(t *testing.T) {
	run(t, func(w *world) {
		w.plan()
		w.end.set(func(e *endpoint) { e.status = 503 })
		for range 3 {
			w.pin("w_1")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if w.record().GetFailures() != 3 || w.record().GetNext() == 0 || w.record().GetDisabled() {
			t.Fatalf("noted %v", w.record())
		}
		w.end.set(func(e *endpoint) { e.status = 0 })
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if got := w.end.types(); !slices.Equal(got, []string{"pin.changed", "pin.changed", "pin.changed"}) {
			t.Errorf("heard %v", got)
		}
		if w.record().GetFailures() != 0 || w.record().GetNext() != 0 || w.record().GetSeq() != w.store.State().AuditHead().GetSeq() {
			t.Errorf("noted %v", w.record())
		}
		if !slices.IsSorted(w.end.ids) || len(slices.Compact(slices.Clone(w.end.ids))) != 3 {
			t.Errorf("the messages are %v", w.end.ids)
		}
	})
}

func TestAnAddressThatIsGone(t *testing.T) {
	run(t, func(w *world) {
		w.plan()
		w.end.set(func(e *endpoint) { e.status = 410 })
		w.pin("w_1")
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(w.end.attempts()) != 1 || !w.record().GetDisabled() {
			t.Errorf("tried %d times, %v", len(w.end.attempts()), w.record())
		}
	})
}

func TestAnAddressMayAskForTime(t *testing.T) {
	for _, c := range []struct {
		name, after string
		want        time.Duration
	}{
		{"seconds", "60", time.Minute}, {"too many seconds", "864000", maxAfter}, {"less than we wait", "1", waits[0]},
		{"a date", time.Date(2000, 1, 1, 0, 10, 0, 0, time.UTC).Format(http.TimeFormat), 10 * time.Minute},
		{"nonsense", "soon", waits[0]}, {"a negative number", "-7", waits[0]},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(w *world) {
				w.plan()
				w.end.set(func(e *endpoint) { e.status, e.header = 429, http.Header{"Retry-After": {c.after}} })
				w.pin("w_1")
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				tried := w.end.attempts()
				if got := tried[1].Sub(tried[0]); got < c.want-5*time.Second || got > c.want+2*time.Second {
					t.Errorf("waited %v", got)
				}
			})
		})
	}
}

func TestAnAddressThatSaysNothingIsLeftAfterFifteenSeconds(t *testing.T) {
	run(t, func(w *world) {
		w.plan()
		w.end.set(func(e *endpoint) { e.slow = time.Hour })
		w.pin("w_1")
		time.Sleep(22 * time.Second)
		synctest.Wait()
		tried := w.end.attempts()
		if len(tried) != 2 || tried[1].Sub(tried[0]) < answerFor+waits[0] || w.record().GetFailures() != 1 {
			t.Errorf("tried %v, %v", tried, w.record())
		}
	})
}

func TestTheLogHearsOnceASecond(t *testing.T) {
	run(t, func(w *world) {
		w.plan()
		w.end.set(func(e *endpoint) { e.slow = 30 * time.Millisecond })
		w.store.mu.Lock()
		w.store.advances = nil
		w.store.mu.Unlock()
		const n = 300
		for range n {
			w.pin("w_1")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(w.end.heard) != n || !slices.IsSortedFunc(w.end.heard, func(a, b message) int { return int(a.Data.Seq) - int(b.Data.Seq) }) {
			t.Errorf("heard %d", len(w.end.heard))
		}
		a := w.store.advances
		if len(a) < 5 || len(a) > 15 {
			t.Errorf("the log heard %d times", len(a))
		}
		for i := range len(a) - 1 {
			if a[i+1].Sub(a[i]) < report {
				t.Errorf("the log heard again after %v", a[i+1].Sub(a[i]))
			}
		}
	})
}

func TestALogThatDoesNotHear(t *testing.T) {
	run(t, func(w *world) {
		w.plan()
		w.pin("w_1")
		w.store.failing(errors.New("no quorum"))
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(w.end.heard) != 1 {
			t.Errorf("heard %v", w.end.types())
		}
		w.end.set(func(e *endpoint) { e.status = 500 })
		w.store.failing(nil)
		w.pin("w_1")
		w.store.failing(errors.New("no quorum"))
		before := len(w.end.attempts())
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := len(w.end.attempts()) - before; got > int(time.Minute/waits[0])+1 {
			t.Errorf("an address that fails is asked %d times a minute", got)
		}
	})
}

func TestOnlyTheLeaderTells(t *testing.T) {
	run(t, func(w *world) {
		w.plan()
		w.lead(false)
		time.Sleep(time.Second)
		w.pin("w_1")
		time.Sleep(time.Minute)
		if len(w.end.attempts()) != 0 {
			t.Error("a follower tells")
		}
		w.lead(true)
		w.settle()
		if !slices.Equal(w.end.types(), []string{"pin.changed"}) {
			t.Errorf("a new leader told %v", w.end.types())
		}
		w.end.set(func(e *endpoint) { e.slow = 10 * time.Second })
		w.pin("w_1")
		time.Sleep(time.Second)
		w.lead(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(w.end.heard) != 1 || w.record().GetFailures() != 0 {
			t.Errorf("who led went on: %v, %v", w.end.types(), w.record())
		}
	})
}

func TestWhoHearsWhat(t *testing.T) {
	for _, c := range []struct {
		name    string
		owner   string
		webinar string
		events  []string
		do      func(w *world)
		want    []string
	}{
		{"a host hears of their own webinars", "t_1", "", nil, nil, []string{"pin.changed w_1", "pin.changed w_2"}},
		{"an administrator hears of all, and of the cluster", "t_9", "", nil, nil,
			[]string{"pin.changed w_1", "pin.changed w_2", "pin.changed w_3", "token.created "}},
		{"of one webinar", "t_1", "w_2", nil, nil, []string{"pin.changed w_2"}},
		{"of one webinar that is another host's: nothing", "t_1", "w_3", nil, nil, nil},
		{"of chosen events", "t_9", "", []string{"token.created"}, nil, []string{"token.created "}},
		{"of a group of events", "t_9", "w_1", []string{"pin"}, nil, []string{"pin.changed w_1"}},
		{"of events that did not happen", "t_9", "", []string{"registrant"}, nil, nil},
		{"who lost the token hears nothing", "t_1", "", nil, func(w *world) {
			w.do(&controlpb.Command{Principal: "t_9", Kind: &controlpb.Command_RevokeApiToken{RevokeApiToken: &controlpb.RevokeAPIToken{Id: "t_1"}}})
		}, nil},
		{"whose token has expired hears nothing", "t_2", "", nil, nil, nil},
		{"an account that is a host", "a_1", "", nil, nil, []string{"pin.changed w_4"}},
		{"an account that administers, of one webinar", "a_2", "w_3", nil, nil, []string{"pin.changed w_3"}},
		{"an account that is disabled hears nothing", "a_3", "", nil, nil, nil},
		{"who never was hears nothing", "x_1", "", nil, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(w *world) {
				w.token("t_1", time.Time{}, "host")
				w.token("t_2", time.Now().Add(time.Minute), "host")
				w.token("t_3", time.Time{}, "host")
				w.token("t_9", time.Time{}, "admin")
				w.accounts()
				for id, owner := range map[string]string{"w_1": "t_1", "w_2": "t_1", "w_3": "t_3", "w_4": "a_1", "w_5": "t_2"} {
					w.webinar(id, owner)
				}
				time.Sleep(time.Hour)
				w.hook("h_1", c.owner, c.webinar, c.events...)
				w.lead(false)
				w.settle()
				w.lead(true)
				if c.do != nil {
					c.do(w)
				}
				for _, id := range []string{"w_1", "w_2", "w_3"} {
					w.pin(id)
				}
				if strings.HasPrefix(c.owner, "a_") {
					w.pin("w_4")
				}
				w.token("t_7", time.Time{}, "host")
				w.settle()
				got := []string(nil)
				for _, m := range w.end.heard {
					if m.Type != "webhook.created" && m.Type != "token.revoked" {
						got = append(got, m.Type+" "+m.Data.Webinar)
					}
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("heard %q, not %q", got, c.want)
				}
			})
		})
	}
}

// accounts makes a host, an administrator, and a host who is disabled.
func (w *world) accounts() {
	w.t.Helper()
	for id, role := range map[string]string{"a_1": "host", "a_2": "administrator", "a_3": "host"} {
		w.do(&controlpb.Command{Kind: &controlpb.Command_CreateAccount{CreateAccount: &controlpb.CreateAccount{
			Id: id, Login: "login-" + id, Name: id, Role: role, Issuer: "https://id.example", Subject: id,
		}}})
	}
	w.do(&controlpb.Command{Kind: &controlpb.Command_EditAccount{EditAccount: &controlpb.EditAccount{Id: "a_3", Disabled: new(true)}}})
}

func TestAWebhookThatCannotBeSigned(t *testing.T) {
	run(t, func(w *world) {
		w.token("t_1", time.Time{}, "host")
		w.webinar("w_1", "t_1")
		w.do(&controlpb.Command{Principal: "t_1", Kind: &controlpb.Command_CreateWebhook{CreateWebhook: &controlpb.CreateWebhook{
			Id: "h_1", Owner: "t_1", Url: address, Sealed: bytes.Repeat([]byte{1}, 100),
		}}})
		w.pin("w_1")
		w.settle()
		if len(w.end.attempts()) != 0 || !w.record().GetDisabled() {
			t.Errorf("tried %d times, %v", len(w.end.attempts()), w.record())
		}
	})
}

func TestAWebhookOfOurOwnNetwork(t *testing.T) {
	for _, private := range []bool{false, true} {
		called := make(chan string, 10)
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { called <- r.URL.Path }))
		w := newWorld(t, func(c *Config) { c.Transport, c.AllowPrivate = nil, private })
		w.token("t_1", time.Time{}, "host")
		w.webinar("w_1", "t_1")
		w.hook("h_1", "t_1", "")
		h := proto.CloneOf(w.record())
		for _, u := range []string{server.URL + "/plain", strings.Replace(server.URL, "http://127.0.0.1", "https://localhost.example.invalid", 1)} {
			h.Url = u
			err := w.hooks.post(t.Context(), h, personal.Webhook{Secret: secret}, &controlpb.AuditRecord{Seq: 1, Action: "a.b"})
			if want := private && strings.HasSuffix(u, "/plain"); (err == nil) != want || (len(called) == 1) != want {
				t.Errorf("%s with private %v: %v, called %d times", u, private, err, len(called))
			}
			for len(called) > 0 {
				<-called
			}
		}
		server.Close()
	}
}

func TestManyWebhooksAtOnce(t *testing.T) {
	run(t, func(w *world) {
		w.token("t_1", time.Time{}, "host")
		w.webinar("w_1", "t_1")
		w.settle()
		w.end.set(func(e *endpoint) { e.slow = 10 * time.Second })
		const n = 3 * maxCouriers
		for i := range n {
			owner := fmt.Sprint("t_1", i)
			w.token(owner, time.Time{}, "admin")
			w.hook(fmt.Sprintf("h_%d", i), owner, "w_1", "pin.changed")
		}
		w.pin("w_1")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := len(w.end.attempts()); got != maxCouriers {
			t.Errorf("%d at once", got)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(w.end.heard) != n {
			t.Errorf("%d of %d heard", len(w.end.heard), n)
		}
	})
}

func TestSlowAddressesOfOneOwnerKeepNobodyWaiting(t *testing.T) {
	run(t, func(w *world) {
		w.token("t_1", time.Time{}, "host")
		w.token("t_2", time.Time{}, "host")
		w.webinar("w_1", "t_1")
		w.webinar("w_2", "t_2")
		w.settle()
		w.end.set(func(e *endpoint) { e.slow = 10 * time.Second })
		for i := range 2 * maxCouriers {
			w.hook(fmt.Sprintf("h_%d", i), "t_1", "w_1", "pin.changed")
		}
		w.pin("w_1")
		time.Sleep(time.Second)
		synctest.Wait()
		if got := len(w.end.attempts()); got != maxOfOwner {
			t.Errorf("%d at once of one owner", got)
		}
		w.end.set(func(e *endpoint) { e.slow = 0 })
		w.hook("h_other", "t_2", "w_2", "pin.changed")
		w.pin("w_2")
		time.Sleep(2 * look)
		synctest.Wait()
		if got := w.end.types(); len(got) != 1 {
			t.Errorf("the other owner heard %v", got)
		}
	})
}

func TestWhoHasMuchToHearGivesTheCourierBack(t *testing.T) {
	run(t, func(w *world) {
		w.token("t_1", time.Time{}, "host")
		w.webinar("w_1", "t_1")
		w.settle()
		w.end.set(func(e *endpoint) { e.slow = 400 * time.Millisecond })
		for range 100 {
			w.pin("w_1")
		}
		for i := range 3 {
			w.hook(fmt.Sprintf("h_%d", i), "t_1", "w_1", "pin.changed")
		}
		for range 100 { // some forty seconds for each
			w.pin("w_1")
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		heard := map[string]int{}
		w.end.set(func(e *endpoint) {
			for _, id := range e.ids {
				hook, _, _ := strings.Cut(id, ".")
				heard[hook]++
			}
		})
		if least := min(heard["h_0"], heard["h_1"], heard["h_2"]); least < 3 {
			t.Errorf("after ten seconds they heard %v", heard)
		}
	})
}

func TestWhatWebhooksCannotBeMadeWithout(t *testing.T) {
	for i, spoil := range []func(*Config){
		func(c *Config) { c.Store = nil }, func(c *Config) { c.Keeper = nil }, func(c *Config) { c.Leader = nil }, func(c *Config) { c.Now = nil },
	} {
		c := newWorld(t, nil).hooks.Config
		spoil(&c)
		c.Registerer = prometheus.NewRegistry()
		if _, err := New(c); err == nil {
			t.Errorf("%d is enough", i)
		}
	}
}
