package mail

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/personal"
	"stentor/control/webinar"
)

// memory is a log of one node, in the bytes that a real one would hold.
type memory struct {
	mu    sync.Mutex // guards the following
	state *control.State
	fail  error
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
	m.state = next
	return r, r.Err
}

func (m *memory) failing(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// letterbox is a real SMTP server: what it took, and how it is to answer.
type letterbox struct {
	mu       sync.Mutex // guards the following
	took     []taken
	mail     error            // to MAIL FROM
	rcpt     map[string]error // to RCPT TO
	data     error            // to DATA
	password string           // of "mailer"; empty: nobody signs in
	sessions int
	after    int // closes the connection after that many mails; 0: never
}

type taken struct {
	from, to string
	data     []byte
	at       time.Time
}

func (b *letterbox) NewSession(c *smtp.Conn) (smtp.Session, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sessions++
	return &session{box: b, conn: c, in: b.password == ""}, nil
}

func (b *letterbox) mails() []taken {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]taken(nil), b.took...)
}

// answer changes how the server answers.
func (b *letterbox) answer(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

type session struct {
	box      *letterbox
	conn     *smtp.Conn
	in       bool
	from, to string
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "mailer" || password != s.box.password {
			return errors.New("no")
		}
		s.in = true
		return nil
	}), nil
}

func (s *session) Reset()        { s.from, s.to = "", "" }
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	if !s.in {
		return smtp.ErrAuthRequired
	}
	s.from = from
	return s.box.mail
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	s.to = to
	return s.box.rcpt[to]
}

func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	if s.box.data != nil {
		return s.box.data
	}
	s.box.took = append(s.box.took, taken{from: s.from, to: s.to, data: data, at: time.Now()})
	if s.box.after > 0 && len(s.box.took) >= s.box.after {
		s.box.after = 0
		_ = s.conn.Conn().Close()
	}
	return nil
}

// pipes is a listener in memory.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
	down  sync.Map // "down" -> true: nobody gets through
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 25), Port: 587} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if down, _ := p.down.Load("down"); down == true {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: p.Addr(), Err: errors.New("connection refused")}
	}
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// world is a Mailer with all that surrounds it.
type world struct {
	t      testing.TB
	mailer *Mailer
	store  *memory
	keeper *personal.Keeper
	box    *letterbox
	net    *pipes
	log    *bytes.Buffer
	reg    *prometheus.Registry

	mu     sync.Mutex // guards the following
	leader bool
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

// syncBuffer is a buffer that a logger and a test share.
type syncBuffer struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (s syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

var clusterKey = bytes.Repeat([]byte{7}, 32)

const base = "https://stentor.example"

// newWorld makes one whose server is in memory; change may change how it is reached.
func newWorld(t testing.TB, change func(*Config)) *world {
	t.Helper()
	keeper, err := personal.New(clusterKey)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, store: &memory{state: control.NewState()}, keeper: keeper, leader: true,
		box: &letterbox{rcpt: map[string]error{}}, net: newPipes(), log: &bytes.Buffer{}, reg: prometheus.NewRegistry(),
	}
	w.do(&controlpb.Command{Kind: &controlpb.Command_SetFeatureLevel{SetFeatureLevel: &controlpb.SetFeatureLevel{Level: 2}}})
	c := Config{
		Store: w.store, Keeper: keeper, Leader: w.leads, Base: base, Now: time.Now, Registerer: w.reg,
		SMTP:   SMTP{Addr: "smtp.example:587", From: "Stentor <webinars@stentor.example>", TLS: Plaintext, Dial: w.net.dial},
		Logger: slog.New(slog.NewTextHandler(syncBuffer{&w.mu, w.log}, nil)),
	}
	if change != nil {
		change(&c)
	}
	if w.mailer, err = New(c); err != nil {
		t.Fatal(err)
	}
	return w
}

// run runs the SMTP server and the Mailer in a bubble while f looks on.
func run(t *testing.T, change func(*Config), f func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, change)
		server := smtp.NewServer(w.box)
		server.AllowInsecureAuth = true
		server.ErrorLog = log.New(io.Discard, "", 0)
		ctx, stop := context.WithCancel(t.Context())
		var parts sync.WaitGroup
		parts.Go(func() { _ = server.Serve(w.net) })
		parts.Go(func() {
			if err := w.mailer.Run(ctx); err != nil {
				t.Errorf("Run ended with %v", err)
			}
		})
		defer func() { // also after t.Fatal
			stop()
			_ = server.Close()
			_ = w.net.Close()
			parts.Wait()
		}()
		f(w)
	})
}

func (w *world) do(c *controlpb.Command) string {
	w.t.Helper()
	c.ProposedAt, c.Principal = time.Now().UnixNano(), "t_1"
	r, err := w.store.Propose(context.Background(), c)
	if err != nil {
		w.t.Fatalf("%v: %v", c, err)
	}
	return r.Subject
}

// plan makes a webinar with a registration, which begins a day from now.
func (w *world) plan(title string, change func(*controlpb.Settings)) string {
	w.t.Helper()
	start := time.Now().Add(24 * time.Hour)
	s := &controlpb.Settings{
		Title: title, Mode: "role-based", Registration: &controlpb.Registration{Window: "end"}, Guests: &controlpb.Permissions{},
		Schedule: &controlpb.Schedule{Start: start.UnixNano(), Duration: int64(time.Hour), Zone: "Europe/Berlin", Occurrences: []int64{start.UnixNano()}, Complete: true},
	}
	if change != nil {
		change(s)
	}
	return w.do(&controlpb.Command{Kind: &controlpb.Command_CreateWebinar{CreateWebinar: &controlpb.CreateWebinar{
		Id: "w_1", Link: "aZ-_09", Owner: "t_1", Settings: s,
	}}})
}

// register signs somebody up and asks for a mail.
func (w *world) register(id string, who personal.Registrant) {
	w.t.Helper()
	sealed, err := w.keeper.Seal("w_1", id, who)
	if err != nil {
		w.t.Fatal(err)
	}
	hash := sha256.Sum256([]byte(w.keeper.Secret("w_1", id)))
	w.do(&controlpb.Command{Kind: &controlpb.Command_Register{Register: &controlpb.Register{
		Webinar: "w_1", Id: id, Hash: hash[:], EmailHash: w.keeper.EmailHash("w_1", who.Email), Sealed: sealed, Mail: true,
	}}})
}

func (w *world) decide(decision string, ids ...string) {
	w.t.Helper()
	w.do(&controlpb.Command{Kind: &controlpb.Command_DecideRegistrants{DecideRegistrants: &controlpb.DecideRegistrants{Webinar: "w_1", Ids: ids, Decision: decision}}})
}

func who(name, email, locale string) personal.Registrant {
	return personal.Registrant{Answers: webinar.Answers{FirstName: name, LastName: "Lovelace", Email: email}, Locale: locale}
}

func ada() personal.Registrant { return who("Ada", "ada@example.org", "en") }

// waiting are the mails that are in the queue.
func (w *world) waiting() []*controlpb.MailRecord {
	var all []*controlpb.MailRecord
	for m := range w.store.State().Mails() {
		if known(m.GetKind()) {
			all = append(all, m)
		}
	}
	return all
}

func (w *world) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

// overTCP runs the server on a real socket, with TLS if conf is not nil, and returns its
// address.
func (w *world) overTCP(conf *tls.Config, implicit bool) string {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	addr := l.Addr().String()
	server := smtp.NewServer(w.box)
	server.TLSConfig = conf
	server.ErrorLog = log.New(io.Discard, "", 0)
	if implicit {
		l = tls.NewListener(l, conf)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	w.t.Cleanup(func() { _ = server.Close(); <-done })
	return addr
}

func secretFile(t testing.TB, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
