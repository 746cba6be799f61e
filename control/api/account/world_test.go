package account

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/personal"
)

// memory is a log of one node, in the bytes that a real one would hold.
type memory struct {
	mu    sync.Mutex // guards the following
	state *control.State
	fail  error
}

func newMemory(t testing.TB) *memory {
	t.Helper()
	m := &memory{state: control.NewState()}
	if err := m.propose(context.Background(), &controlpb.Command{Kind: &controlpb.Command_SetFeatureLevel{SetFeatureLevel: &controlpb.SetFeatureLevel{Level: 2}}}); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *memory) directory() Directory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

func (m *memory) propose(_ context.Context, c *controlpb.Command) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	b, err := proto.Marshal(c)
	if err != nil {
		return err
	}
	entry := &controlpb.Command{}
	if err := proto.Unmarshal(b, entry); err != nil {
		return err
	}
	next, r := m.state.Apply(m.state.Index()+1, entry)
	if r.Halt != nil {
		return r.Halt
	}
	m.state = next
	return r.Err
}

// world is Accounts with all that surrounds them.
type world struct {
	t        testing.TB
	accounts *Accounts
	store    *memory
	now      time.Time
	log      *bytes.Buffer
	tried    []cost // of each Argon2id that ran
	reg      *prometheus.Registry
}

var clusterKey = bytes.Repeat([]byte{7}, 32)

// newWorld makes one in which Argon2id is quick, and counted.
func newWorld(t testing.TB, base string, oidc *OIDCConfig) *world {
	t.Helper()
	keeper, err := personal.New(clusterKey)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: newMemory(t), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), log: &bytes.Buffer{}, reg: prometheus.NewRegistry()}
	w.accounts, err = New(Config{
		Directory: w.store.directory, Propose: w.store.propose, Key: keeper.CookieKey(), Base: base,
		Now: func() time.Time { return w.now }, Rand: rand.Reader, OIDC: oidc, Registerer: w.reg,
		Logger: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	real := w.accounts.argon.key
	var mu sync.Mutex
	w.accounts.argon.key = func(password, salt []byte, time, memory uint32, threads uint8, n uint32) []byte {
		mu.Lock()
		w.tried = append(w.tried, cost{memory: memory, passes: time, threads: threads})
		mu.Unlock()
		return real(password, salt, 1, 64, 1, n)
	}
	return w
}

func (w *world) do(kind *controlpb.Command) {
	w.t.Helper()
	kind.ProposedAt = w.now.UnixNano()
	if err := w.store.propose(context.Background(), kind); err != nil {
		w.t.Fatal(err)
	}
}

const password = "correct horse battery"

// account makes an account with the password above.
func (w *world) account(id, login string) {
	w.t.Helper()
	hash, err := w.accounts.Hash(password)
	if err != nil {
		w.t.Fatal(err)
	}
	w.do(&controlpb.Command{Kind: &controlpb.Command_CreateAccount{CreateAccount: &controlpb.CreateAccount{
		Id: id, Login: login, Name: "Ada", Role: "host", Password: hash,
	}}})
	w.tried = nil
}

func (w *world) edit(e *controlpb.EditAccount) {
	w.t.Helper()
	w.do(&controlpb.Command{Kind: &controlpb.Command_EditAccount{EditAccount: e}})
}

func (w *world) signIn(login, password, from string) (*controlpb.AccountRecord, error) {
	return w.accounts.SignIn(context.Background(), login, password, netip.MustParseAddr(from))
}
