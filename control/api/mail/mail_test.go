package mail

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/prometheus/client_golang/prometheus"

	"stentor/control/controlpb"
)

func refusal(code int, text string) error { return &smtp.SMTPError{Code: code, Message: text} }

// until lets the time go by until cond holds, and returns how long it took.
func until(t *testing.T, most time.Duration, cond func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !cond() {
		if time.Since(began) > most {
			t.Fatalf("nothing happens for %v", most)
		}
		time.Sleep(max(time.Second, most/1000))
		synctest.Wait()
	}
	return time.Since(began)
}

func TestAMailThatTheServerWantsLaterComesLater(t *testing.T) {
	run(t, nil, func(w *world) {
		w.plan("All hands", func(s *controlpb.Settings) { s.Schedule = nil })
		w.box.answer(func() { w.box.rcpt["ada@example.org"] = refusal(451, "greylisted, ada@example.org") })
		w.register("r_1", ada())
		w.register("r_2", who("Bob", "bob@example.org", "en"))
		settled()
		if got := w.box.mails(); len(got) != 1 || got[0].to != "bob@example.org" {
			t.Fatalf("%d sent", len(got))
		}
		var waits []time.Duration
		for range retries {
			m := w.waiting()
			if len(m) != 1 {
				t.Fatalf("after %v it is given up", waits)
			}
			if int(m[0].GetAttempts()) != len(waits)+1 || m[0].GetReason() != "smtp 451" {
				t.Errorf("noted %v", m[0])
			}
			next := time.Until(time.Unix(0, m[0].GetDue()))
			waits = append(waits, next.Round(time.Minute))
			time.Sleep(next)
			until(t, time.Minute, func() bool {
				left := w.waiting()
				return len(left) == 0 || left[0].GetAttempts() > m[0].GetAttempts()
			})
		}
		if fmt.Sprint(waits) != fmt.Sprint(retries) || len(w.waiting()) != 0 || len(w.box.mails()) != 1 {
			t.Errorf("waited %v, %v wait", waits, w.waiting())
		}
		if total := sum(retries); total < 2*24*time.Hour || total > 4*24*time.Hour {
			t.Errorf("it is tried for %v", total)
		}
	})
}

func sum(all []time.Duration) (total time.Duration) {
	for _, d := range all {
		total += d
	}
	return total
}

func TestAMailThatComesAtLast(t *testing.T) {
	run(t, nil, func(w *world) {
		w.plan("All hands", func(s *controlpb.Settings) { s.Schedule = nil })
		w.box.answer(func() { w.box.data = refusal(452, "full") })
		w.register("r_1", ada())
		settled()
		w.box.answer(func() { w.box.data = nil })
		took := until(t, time.Hour, func() bool { return len(w.box.mails()) == 1 })
		if took < 57*time.Second || took > 62*time.Second {
			t.Errorf("it came after %v", took)
		}
		settled()
		if len(w.waiting()) != 0 {
			t.Error("it waits still")
		}
	})
}

func TestAnAddressThatTheServerRefusesCostsOneMail(t *testing.T) {
	run(t, nil, func(w *world) {
		w.plan("All hands", nil)
		w.box.answer(func() { w.box.rcpt["ada@example.org"] = refusal(550, "no such user ada@example.org") })
		w.register("r_1", ada())
		w.register("r_2", who("Bob", "bob@example.org", "en"))
		settled()
		if got := w.box.mails(); len(got) != 1 || got[0].to != "bob@example.org" || len(w.waiting()) != 0 {
			t.Errorf("%d sent, %v wait", len(got), w.waiting())
		}
		w.has("stentor_mail_failed_messages_total", 1)
		w.has("stentor_mail_sent_messages_total", 1)
	})
}

// has complains unless the metric's values are so much in all.
func (w *world) has(name string, want float64) {
	w.t.Helper()
	families, err := w.reg.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	got := 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				got += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	if got != want {
		w.t.Errorf("%s is %v, not %v", name, got, want)
	}
}

func TestAServerThatIsNotThereCostsNoAttempt(t *testing.T) {
	for _, c := range []struct {
		name string
		off  func(w *world, off bool)
	}{
		{"nobody answers", func(w *world, off bool) { w.net.down.Store("down", off) }},
		{"it takes nothing from us", func(w *world, off bool) {
			w.box.answer(func() {
				if w.box.mail = nil; off {
					w.box.mail = refusal(550, "webinars@stentor.example is blocked")
				}
			})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, nil, func(w *world) {
				w.plan("All hands", func(s *controlpb.Settings) { s.Schedule = nil })
				c.off(w, true)
				w.register("r_1", ada())
				time.Sleep(time.Hour)
				synctest.Wait()
				m := w.waiting()
				if len(m) != 1 || m[0].GetAttempts() != 0 {
					t.Fatalf("%v wait", m)
				}
				if n := strings.Count(w.logged(), "mails wait"); n < 10 || n > 20 {
					t.Errorf("in an hour it was tried %d times:\n%s", n, w.logged())
				}
				if strings.Contains(w.logged(), "@") {
					t.Errorf("logged %s", w.logged())
				}
				w.has("stentor_mail_due_messages", 1)
				c.off(w, false)
				until(t, lastPause+time.Minute, func() bool { return len(w.box.mails()) == 1 })
				settled()
				w.has("stentor_mail_due_messages", 0)
			})
		})
	}
}

func TestOnlyTheLeaderSends(t *testing.T) {
	run(t, nil, func(w *world) {
		w.lead(false)
		w.plan("All hands", func(s *controlpb.Settings) { s.Schedule = nil })
		w.register("r_1", ada())
		time.Sleep(time.Hour)
		if len(w.box.mails()) != 0 || len(w.waiting()) != 1 {
			t.Fatalf("%d sent", len(w.box.mails()))
		}
		w.lead(true)
		settled()
		if len(w.box.mails()) != 1 {
			t.Error("a new leader sends nothing")
		}
	})
}

func TestAMailIsSentOnceThoughTheLogDoesNotHear(t *testing.T) {
	run(t, nil, func(w *world) {
		w.plan("All hands", func(s *controlpb.Settings) { s.Schedule = nil })
		w.register("r_1", ada())
		w.store.failing(errors.New("no quorum"))
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(w.box.mails()) != 1 || len(w.waiting()) != 1 {
			t.Fatalf("%d sent, %d wait", len(w.box.mails()), len(w.waiting()))
		}
		w.store.failing(nil)
		settled()
		if len(w.box.mails()) != 1 || len(w.waiting()) != 0 || len(w.mailer.sent) != 0 {
			t.Errorf("%d sent, %d wait", len(w.box.mails()), len(w.waiting()))
		}
	})
}

func TestAConnectionThatBreaksBetweenTwoMails(t *testing.T) {
	run(t, nil, func(w *world) {
		w.plan("All hands", func(s *controlpb.Settings) { s.Schedule = nil })
		w.lead(false)
		for i := range 6 {
			w.register(fmt.Sprintf("r_%d", i), who("Ada", fmt.Sprintf("ada%d@example.org", i), "en"))
		}
		w.box.answer(func() { w.box.after = 3 })
		w.lead(true)
		until(t, time.Minute, func() bool { return len(w.waiting()) == 0 })
		seen := map[string]int{}
		for _, m := range w.box.mails() {
			seen[m.to]++
		}
		// The third was taken, but its answer was lost: it comes again, under its old name.
		if len(seen) != 6 || len(w.box.mails()) > 7 {
			t.Errorf("sent %v", seen)
		}
		ids := map[string]string{}
		for _, m := range w.box.mails() {
			id := open(t, m.data).header.Get("Message-Id")
			if old, ok := ids[m.to]; ok && old != id {
				t.Errorf("the same mail is %s and %s", old, id)
			}
			ids[m.to] = id
		}
	})
}

func TestManyMailsGoOverFewConnections(t *testing.T) {
	run(t, nil, func(w *world) {
		w.plan("All hands", func(s *controlpb.Settings) { s.Schedule = nil })
		w.lead(false)
		const n = 3*batch + 7
		for i := range n {
			w.register(fmt.Sprintf("r_%d", i), who("Ada", fmt.Sprintf("ada%d@example.org", i), "en"))
		}
		before := w.store.State().Index()
		w.lead(true)
		settled()
		if len(w.box.mails()) != n || len(w.waiting()) != 0 {
			t.Fatalf("%d sent, %d wait", len(w.box.mails()), len(w.waiting()))
		}
		if w.box.sessions != 4 || w.store.State().Index()-before != 4 {
			t.Errorf("%d connections, %d commands", w.box.sessions, w.store.State().Index()-before)
		}
	})
}

func TestRemindersAreMailed(t *testing.T) {
	run(t, nil, func(w *world) {
		w.plan("All hands", nil)
		w.register("r_1", who("Ada", "ada@example.org", "fr"))
		settled()
		w.box.answer(func() { w.box.took = nil })
		until(t, 25*time.Hour, func() bool { // the leader's Tick, which package store makes
			if w.store.State().Due(time.Now()) {
				w.do(&controlpb.Command{Kind: &controlpb.Command_Tick{Tick: &controlpb.Tick{}}})
			}
			return len(w.box.mails()) == 1
		})
		m := open(t, w.box.mails()[0].data)
		if m.subject != "Bientôt : All hands" || !strings.Contains(m.plain, "#"+w.keeper.Secret("w_1", "r_1")) || !strings.Contains(m.plain, "2 janvier 2000, 01:00") {
			t.Errorf("%s\n%s", m.subject, m.plain)
		}
	})
}

func TestRunEndsWhileAServerSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *Config) {
			c.SMTP.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				context.AfterFunc(t.Context(), func() { _ = theirs.Close() })
				return ours, nil
			}
		})
		w.plan("All hands", nil)
		w.register("r_1", ada())
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.mailer.Run(ctx) }()
		time.Sleep(3 * time.Second)
		stop()
		began := time.Now()
		if err := <-done; err != nil || time.Since(began) > time.Second {
			t.Errorf("ended after %v with %v", time.Since(began), err)
		}
	})
}

// certificate makes one for 127.0.0.1, and who trusts it.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "smtp"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}

func TestS59ARealServerOverTLS(t *testing.T) {
	conf, trusted := certificate(t)
	for _, c := range []struct {
		name     string
		mode     string
		server   *tls.Config
		implicit bool
		roots    *x509.CertPool
		password string
		sent     bool
	}{
		{"STARTTLS", "", conf, false, trusted, "let me in", true},
		{"TLS from the start", Implicit, conf, true, trusted, "let me in", true},
		{"a server without TLS gets nothing", StartTLS, nil, false, trusted, "let me in", false},
		{"a server that nobody trusts gets nothing", StartTLS, conf, false, x509.NewCertPool(), "let me in", false},
		{"nor does one with TLS from the start", Implicit, conf, true, x509.NewCertPool(), "let me in", false},
		{"a wrong password", StartTLS, conf, false, trusted, "let me out", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(cfg *Config) {
				cfg.SMTP = SMTP{Addr: "127.0.0.1:1", From: cfg.SMTP.From, TLS: c.mode, User: "mailer", PasswordFile: secretFile(t, c.password+"\n"), Roots: c.roots}
			})
			w.box.password = "let me in"
			w.mailer.SMTP.Addr = w.overTCP(c.server, c.implicit)
			w.plan("All hands", nil)
			w.register("r_1", ada())
			w.mailer.round(t.Context())
			if sent := len(w.box.mails()) == 1; sent != c.sent || sent == (len(w.waiting()) == 1) {
				t.Errorf("sent %v, %v wait: %s", sent, w.waiting(), w.logged())
			}
			if strings.Contains(w.logged(), "let me") {
				t.Errorf("logged %s", w.logged())
			}
		})
	}
}

func TestWhatAMailerCannotBeMadeWithout(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"a store": func(c *Config) { c.Store = nil }, "a keeper": func(c *Config) { c.Keeper = nil },
		"a clock": func(c *Config) { c.Now = nil }, "a leader": func(c *Config) { c.Leader = nil },
		"a base":                 func(c *Config) { c.Base = "" },
		"a base that is a URL":   func(c *Config) { c.Base = "stentor.example" },
		"a base without a query": func(c *Config) { c.Base = "https://stentor.example/?x=1" },
		"an address":             func(c *Config) { c.SMTP.Addr = "" },
		"a port":                 func(c *Config) { c.SMTP.Addr = "smtp.example" },
		"a number":               func(c *Config) { c.SMTP.Addr = "smtp.example:smtp" },
		"a sender":               func(c *Config) { c.SMTP.From = "" },
		"a sender with a name":   func(c *Config) { c.SMTP.From = "Stentor" },
		"a known way":            func(c *Config) { c.SMTP.TLS = "ssl" },
		"a password":             func(c *Config) { c.SMTP.User = "mailer" },
	} {
		w := newWorld(t, nil)
		c := w.mailer.Config
		c.Registerer = prometheus.NewRegistry()
		if _, err := New(c); err != nil {
			t.Fatal(err)
		}
		spoil(&c)
		c.Registerer = prometheus.NewRegistry()
		if _, err := New(c); err == nil {
			t.Errorf("made without %s", name)
		}
	}
}
