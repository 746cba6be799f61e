// Package mail sends what waits in the replicated queue of mails: confirmations, decisions
// about registrants, reminders and invites, each with its personal link and, where there
// is a time, a calendar file.
//
//	queue (MailRecord) -> who and what (opened by personal.Keeper) -> message -> SMTP -> SettleMail
//
// Only the leader sends, so that each mail is sent once; one that was sent in the second
// before a leader died may come twice, with the same Message-ID. A server that is not
// there, or that does not let us in, holds the queue up and costs no mail an attempt; an
// address that it refuses costs that mail.
//
// A personal link has its secret in the fragment, which no browser sends on and no server
// logs. Names and titles come from strangers: they are text everywhere, and no line of a
// header. The package decides nothing about who gets which mail, and logs no address.
package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	netmail "net/mail"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stentor/control"
	"stentor/control/api/mail/calendar"
	"stentor/control/controlpb"
	"stentor/control/personal"
	"stentor/control/webinar"
)

// Store holds the queue and takes what became of it.
type Store interface {
	State() *control.State
	Propose(ctx context.Context, c *controlpb.Command) (control.Result, error)
}

// Config is what a Mailer needs. Logger and Registerer may be left out.
type Config struct {
	Store  Store
	Keeper *personal.Keeper
	Leader func() bool // whether this node leads
	SMTP   SMTP
	Base   string // public URL that links begin with: https://stentor.example
	Now    func() time.Time

	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

func (c *Config) check() error {
	if c.Store == nil || c.Keeper == nil || c.Leader == nil || c.Now == nil {
		return errors.New("mail: Config lacks Store, Keeper, Leader or Now")
	}
	base, err := url.Parse(c.Base)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.RawQuery != "" || base.Fragment != "" {
		return errors.New("mail: Config.Base is no public URL like https://stentor.example")
	}
	c.Base = strings.TrimRight(c.Base, "/")
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	return c.SMTP.check()
}

// Mailer sends mails.
type Mailer struct {
	Config
	metrics *metrics
	from    *netmail.Address
	host    string // of Message-IDs

	// Only Run uses the following.
	sent  map[string]bool // sent here, and still in the queue
	pause pause
}

// New returns a Mailer, which sends nothing before Run.
func New(c Config) (*Mailer, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	from, err := netmail.ParseAddress(c.SMTP.From)
	if err != nil {
		return nil, fmt.Errorf("mail: SMTP.From: %w", err)
	}
	base, err := url.Parse(c.Base)
	if err != nil {
		return nil, fmt.Errorf("mail: Base: %w", err)
	}
	return &Mailer{Config: c, metrics: newMetrics(c.Registerer), from: from, host: base.Hostname(), sent: map[string]bool{}}, nil
}

// ICS returns w as an iCalendar file, or nil if it is not planned for a time; see
// [calendar.Of].
func ICS(w *webinar.Webinar, base, uid string) []byte { return calendar.Of(w, base, uid) }

// UID is what a webinar's event is called in calendars, in mails and on pages alike.
func UID(w *webinar.Webinar) string { return w.ID + "@stentor" }

// look is how often the leader looks into the queue: a mail is no instant message.
const look = time.Second

// Run sends what is due while this node leads, until ctx is done.
func (m *Mailer) Run(ctx context.Context) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if !m.Leader() {
			clear(m.sent)
			m.metrics.due.Set(0)
			continue
		}
		for m.round(ctx) && m.Leader() && ctx.Err() == nil {
		}
	}
}

// batch is how many mails are sent before the log hears of them: as many may come twice
// when the leader dies.
const batch = 50

// round settles what was sent before, and sends what is due now. It reports whether there
// is more to do at once.
func (m *Mailer) round(ctx context.Context) (more bool) {
	now := m.Now()
	if !m.settleLeft(ctx) || now.Before(m.pause.until) {
		return false
	}
	due, waiting := m.due(now)
	m.metrics.due.Set(float64(waiting))
	if len(due) == 0 {
		return false
	}
	settled := &controlpb.SettleMail{}
	err := m.send(ctx, due, settled)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		m.metrics.connects.Inc()
		m.pause.longer(now)
		m.Logger.Warn("mails wait for the SMTP server", "err", err, "waiting", waiting, "next", m.pause.until)
	default:
		m.pause = pause{}
	}
	return m.settle(ctx, settled) && err == nil && waiting > len(due)
}

// due returns the mails of one batch, and how many are due in all.
func (m *Mailer) due(now time.Time) (batched []*controlpb.MailRecord, waiting int) {
	for r := range m.Store.State().Mails() {
		if !known(r.GetKind()) || r.GetDue() > now.UnixNano() || m.sent[r.GetId()] {
			continue
		}
		if waiting++; len(batched) < batch {
			batched = append(batched, r)
		}
	}
	return batched, waiting
}

// settleLeft tells the log again of mails that are in the queue although they were sent,
// and reports whether there are none left.
func (m *Mailer) settleLeft(ctx context.Context) bool {
	left := &controlpb.SettleMail{}
	state := m.Store.State()
	for id := range m.sent {
		if state.Mail(id) == nil {
			delete(m.sent, id)
		} else if len(left.Sent) < batch {
			left.Sent = append(left.Sent, id)
		}
	}
	return m.settle(ctx, left)
}

// settleFor bounds the wait for the log.
const settleFor = 10 * time.Second

// settle says to the log what became of mails, also when ctx has just ended, so that they
// are not sent again. It reports whether the log knows.
func (m *Mailer) settle(ctx context.Context, s *controlpb.SettleMail) bool {
	if len(s.Sent)+len(s.Failed) == 0 {
		return true
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), settleFor)
	defer done()
	r, err := m.Store.Propose(ctx, &controlpb.Command{
		MinFeatureLevel: 2, Principal: "mail", ProposedAt: m.Now().UnixNano(),
		Kind: &controlpb.Command_SettleMail{SettleMail: s},
	})
	if err = errors.Join(err, r.Err); err != nil {
		m.Logger.Warn("what became of mails is not in the log yet", "mails", len(s.Sent)+len(s.Failed), "err", err)
		return false
	}
	return true
}

// pause is how long a server that fails is left alone.
type pause struct {
	until time.Time
	last  time.Duration
}

const (
	firstPause = 5 * time.Second
	lastPause  = 5 * time.Minute
)

func (p *pause) longer(now time.Time) {
	p.last = min(max(2*p.last, firstPause), lastPause)
	p.until = now.Add(p.last)
}
