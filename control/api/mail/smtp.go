package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"stentor/control/controlpb"
)

// The ways to reach an SMTP server.
const (
	StartTLS  = "starttls" // TLS after a greeting, and nothing without it (RFC 3207)
	Implicit  = "implicit" // TLS from the start (RFC 8314)
	Plaintext = "none"     // for a server on this machine or network alone
)

// SMTP is the server that takes our mails, and who they are from.
type SMTP struct {
	Addr         string // host:port
	User         string // empty: without signing in
	PasswordFile string // read at each connection; a line end is not part of it
	From         string // Stentor <webinars@stentor.example>
	TLS          string // starttls (if empty), implicit or none

	Roots *x509.CertPool // whom to trust; nil: whom the system trusts
	Dial  func(ctx context.Context, network, addr string) (net.Conn, error)
}

func (s *SMTP) check() error {
	host, port, err := net.SplitHostPort(s.Addr)
	if n, bad := strconv.Atoi(port); err != nil || bad != nil || host == "" || n < 1 || n > 65535 {
		return errors.New("mail: SMTP.Addr is no host:port")
	}
	if s.TLS == "" {
		s.TLS = StartTLS
	}
	if s.TLS != StartTLS && s.TLS != Implicit && s.TLS != Plaintext {
		return fmt.Errorf("mail: SMTP.TLS is %s, %s or %s", StartTLS, Implicit, Plaintext)
	}
	if s.User != "" && s.PasswordFile == "" {
		return errors.New("mail: SMTP.User has no PasswordFile")
	}
	return nil
}

// answerFor bounds each answer of the server.
const answerFor = 15 * time.Second

// client returns a client of the server, not connected. Its connection ends with ctx.
func (m *Mailer) client(ctx context.Context) (*gomail.Client, error) {
	host, port, _ := net.SplitHostPort(m.SMTP.Addr)
	number, _ := strconv.Atoi(port)
	conf := &tls.Config{ServerName: host, RootCAs: m.SMTP.Roots, MinVersion: tls.VersionTLS12}
	options := []gomail.Option{
		gomail.WithPort(number), gomail.WithTimeout(answerFor), gomail.WithTLSConfig(conf), gomail.WithHELO(m.host),
		gomail.WithDialContextFunc(m.dialer(ctx, conf)), gomail.WithTLSPolicy(gomail.TLSMandatory),
	}
	switch m.SMTP.TLS {
	case Implicit:
		options = append(options, gomail.WithSSL())
	case Plaintext:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if m.SMTP.User != "" {
		password, err := os.ReadFile(m.SMTP.PasswordFile)
		if err != nil {
			return nil, err
		}
		// PLAIN and LOGIN are refused by the client itself where there is no TLS.
		options = append(options, gomail.WithUsername(m.SMTP.User), gomail.WithPassword(strings.TrimRight(string(password), "\r\n")),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	}
	return gomail.NewClient(host, options...)
}

// dialer connects so that the connection ends with lasts, whatever it waits for.
func (m *Mailer) dialer(lasts context.Context, conf *tls.Config) func(context.Context, string, string) (net.Conn, error) {
	dial := m.SMTP.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(lasts, func() { _ = c.Close() })
		if m.SMTP.TLS != Implicit {
			return c, nil
		}
		t := tls.Client(c, conf)
		return t, t.HandshakeContext(ctx)
	}
}

// send sends mails over one connection, and notes in s what became of each that was tried.
// An error is the server's, or ours about it: the mails that are left can wait.
func (m *Mailer) send(ctx context.Context, due []*controlpb.MailRecord, s *controlpb.SettleMail) error {
	var letters []letter
	for _, r := range due {
		l, err := m.letter(r)
		if err != nil {
			m.metrics.failed(r.GetKind(), "dropped")
			s.Failed = append(s.Failed, &controlpb.MailFailure{Id: r.GetId(), Reason: err.Error()})
			continue
		}
		letters = append(letters, l)
	}
	if len(letters) == 0 {
		return nil
	}
	ctx, done := context.WithCancel(ctx)
	defer done()
	c, err := m.client(ctx)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	session, err := c.DialToSMTPClientWithContext(ctx) // within answerFor
	if err != nil {
		return fmt.Errorf("mail: connect: %w", withoutAddresses(err))
	}
	defer func() { _ = c.CloseWithSMTPClient(session) }() // all that counts was answered before
	for _, l := range letters {
		if err := m.deliver(ctx, c, session, l, s); err != nil {
			return err
		}
	}
	return nil
}

// deliver sends one mail and notes what became of it. The error is the connection's.
func (m *Mailer) deliver(ctx context.Context, c *gomail.Client, session *smtp.Client, l letter, s *controlpb.SettleMail) error {
	err := c.SendWithSMTPClient(session, l.message)
	if l.message.IsDelivered() { // also if the server failed afterwards
		m.sent[l.record.GetId()] = true
		m.metrics.sent.WithLabelValues(l.record.GetKind()).Inc()
		s.Sent = append(s.Sent, l.record.GetId())
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	code, stage := failure(err)
	if l.message.IsDelivered() || code < 400 || stage == gomail.ErrSMTPMailFrom {
		return fmt.Errorf("mail: send: %w", withoutAddresses(err)) // none of this mail's business
	}
	f := &controlpb.MailFailure{Id: l.record.GetId(), Reason: fmt.Sprintf("smtp %d", code)}
	outcome := "never"
	if wait, again := retry(l.record.GetAttempts()); code < 500 && again {
		f.Next, outcome = m.Now().Add(wait).UnixNano(), "later"
	}
	m.metrics.failed(l.record.GetKind(), outcome)
	s.Failed = append(s.Failed, f)
	return nil
}

// failure returns what the server answered to which command; 0 if nothing.
func failure(err error) (code int, stage gomail.SendErrReason) {
	var failed *gomail.SendError
	if !errors.As(err, &failed) {
		return 0, gomail.ErrAmbiguous
	}
	return failed.ErrorCode(), failed.Reason
}

// withoutAddresses keeps of err what names nobody: servers quote the addresses that they
// refuse.
func withoutAddresses(err error) error {
	if code, stage := failure(err); code != 0 {
		return fmt.Errorf("smtp %d at stage %d", code, stage)
	}
	var op *net.OpError
	switch {
	case errors.As(err, &op):
		return op
	case strings.Contains(err.Error(), "@"):
		return errors.New("the server's answer names an address")
	}
	return err
}

// retries are the waits after each attempt that the server answered with "later" (greylists,
// full mailboxes): three days in all, after which nobody waits for the mail any more.
var retries = []time.Duration{
	time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour,
}

// retry is how long to wait after an attempt, of which there were some before.
func retry(before uint32) (wait time.Duration, again bool) {
	if int(before) >= len(retries) {
		return 0, false
	}
	return retries[before], true
}
