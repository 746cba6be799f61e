package account

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

func TestS18SigningInWithLoginAndPassword(t *testing.T) {
	w := newWorld(t, "https://stentor.example", nil)
	w.account("a_1", "ada@example.org")
	for _, c := range []struct {
		name, login, password string
		ok                    bool
	}{
		{"S18 the right ones are the account", "ada@example.org", password, true},
		{"S18 upper case in a login is the same", " ADA@Example.org ", password, true},
		{"S18 a wrong password is nobody", "ada@example.org", password + "x", false},
		{"S18 upper case in a password is another", "ada@example.org", strings.ToUpper(password), false},
		{"S18 an unknown login is nobody", "bob@example.org", password, false},
		{"S18 an ID is no login", "a_1", password, false},
		{"S18 no password is nobody", "ada@example.org", "", false},
		{"S18 no login is nobody", "", password, false},
		{"S18 a login that is too long is nobody", strings.Repeat("a", MaxLogin+1), password, false},
		{"S18 a password that is too long is nobody", "ada@example.org", strings.Repeat("a", MaxPassword+1), false},
	} {
		got, err := w.signIn(c.login, c.password, "192.0.2.1")
		if c.ok && (err != nil || got.GetId() != "a_1") || !c.ok && (!errors.Is(err, ErrSignIn) || got != nil) {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
	w.edit(&controlpb.EditAccount{Id: "a_1", Disabled: new(true)})
	if _, err := w.signIn("ada@example.org", password, "192.0.2.1"); !errors.Is(err, ErrSignIn) {
		t.Errorf("a disabled account: %v", err)
	}
	if strings.Contains(w.log.String(), "ada") || strings.Contains(w.log.String(), "horse") {
		t.Errorf("logged %s", w.log.String())
	}
}

func TestNobodyLearnsWhichLoginsThereAre(t *testing.T) {
	w := newWorld(t, "https://stentor.example", nil)
	w.account("a_1", "ada")
	w.account("a_2", "disabled")
	w.edit(&controlpb.EditAccount{Id: "a_2", Disabled: new(true)})
	w.do(&controlpb.Command{Kind: &controlpb.Command_CreateAccount{CreateAccount: &controlpb.CreateAccount{
		Id: "a_3", Login: "by-oidc", Name: "Eve", Role: "host", Issuer: "https://id.example", Subject: "7",
	}}})
	for _, login := range []string{"ada", "disabled", "by-oidc", "unknown", "x"} {
		w.tried = nil
		_, err := w.signIn(login, "wrong password", "192.0.2.1")
		if err == nil || err.Error() != ErrSignIn.Error() || !errors.Is(err, ErrSignIn) {
			t.Errorf("%s: %v", login, err)
		}
		if !slices.Equal(w.tried, []cost{current}) {
			t.Errorf("%s took the work %v", login, w.tried)
		}
	}
	// And they are limited alike.
	for n, login := range []string{"ada", "unknown"} {
		for i := 0; ; i++ {
			_, err := w.signIn(login, "wrong password", fmt.Sprintf("198.51.100.%d", n+1))
			if errors.Is(err, ErrTooMany) {
				if i != siteLoginBurst {
					t.Errorf("%s: %d more attempts", login, i)
				}
				break
			}
		}
	}
}

func TestAttemptsAreLimited(t *testing.T) {
	for _, c := range []struct {
		name  string
		login func(i int) string
		from  func(i int) string
		burst int
		every time.Duration
	}{
		{"a login from everywhere", func(int) string { return "ada" }, func(i int) string { return fmt.Sprintf("192.0.%d.%d", i/200, i%200+1) }, loginBurst, loginEvery},
		{"a login from one address", func(int) string { return "ada" }, func(int) string { return "192.0.2.1" }, siteLoginBurst, siteLoginEvery},
		{"a login from one IPv6 site", func(int) string { return "ada" }, func(i int) string { return fmt.Sprintf("2001:db8:1:%x::1", i) }, siteLoginBurst, siteLoginEvery},
		{"an IPv6 site for every login", func(i int) string { return fmt.Sprint("login", i) }, func(i int) string { return fmt.Sprintf("2001:db8:1:%x::1", i) }, siteBurst, siteEvery},
		{"an address for every login", func(i int) string { return fmt.Sprint("login", i) }, func(int) string { return "192.0.2.1" }, addressBurst, addressEvery},
		{"an IPv6 network is one address", func(i int) string { return fmt.Sprint("login", i) }, func(i int) string { return fmt.Sprintf("2001:db8:1:2::%x", i) }, addressBurst, addressEvery},
		{"IPv4 in IPv6 is IPv4", func(i int) string { return fmt.Sprint("login", i) }, func(i int) string { return []string{"192.0.2.1", "::ffff:192.0.2.1"}[i%2] }, addressBurst, addressEvery},
	} {
		w := newWorld(t, "https://stentor.example", nil)
		for i := range c.burst {
			if _, err := w.signIn(c.login(i), "wrong password", c.from(i)); !errors.Is(err, ErrSignIn) {
				t.Fatalf("%s: attempt %d: %v", c.name, i, err)
			}
		}
		work := len(w.tried)
		_, err := w.signIn(c.login(c.burst), "wrong password", c.from(c.burst))
		var tooMany *TooMany
		var denial *webinar.Denial
		if !errors.As(err, &tooMany) || tooMany.After != c.every || !errors.As(err, &denial) || denial.Code != "too_many_attempts" || err.Error() != denial.Detail {
			t.Errorf("%s: after %d attempts: %v (%+v)", c.name, c.burst, err, tooMany)
		}
		if len(w.tried) != work {
			t.Errorf("%s: what is refused costs an Argon2id", c.name)
		}
		w.now = w.now.Add(c.every)
		if _, err := w.signIn(c.login(c.burst), "wrong password", c.from(c.burst)); !errors.Is(err, ErrSignIn) {
			t.Errorf("%s: after a wait: %v", c.name, err)
		}
		if _, err := w.signIn(c.login(c.burst+1), "wrong password", c.from(c.burst+1)); !errors.Is(err, ErrTooMany) {
			t.Errorf("%s: and at once again: %v", c.name, err)
		}
	}
}

func TestTheRightPasswordCountsNothing(t *testing.T) {
	w := newWorld(t, "https://stentor.example", nil)
	w.account("a_1", "ada")
	for i := range 5 * addressBurst {
		if _, err := w.signIn("ada", password, "192.0.2.1"); err != nil {
			t.Fatalf("time %d: %v", i, err)
		}
	}
	for range siteLoginBurst {
		_, _ = w.signIn("ada", "wrong password", "192.0.2.1")
	}
	if _, err := w.signIn("ada", password, "192.0.2.1"); !errors.Is(err, ErrTooMany) {
		t.Errorf("the limit tells right from wrong: %v", err)
	}
	w.now = w.now.Add(siteLoginEvery)
	if _, err := w.signIn("ada", password, "192.0.2.1"); err != nil {
		t.Errorf("after half a minute its owner waits still: %v", err)
	}
}

func TestWhoGuessesFromOneSiteHoldsNobodyUpElsewhere(t *testing.T) {
	for _, from := range []string{"192.0.2.2", "2001:db8:1:%x::1"} {
		w := newWorld(t, "https://stentor.example", nil)
		w.account("a_1", "ada")
		for i := range 6 * 60 * 60 { // a minute apart from here, six hours long, all the tries there are
			if i%60 == 0 {
				address := from
				if from[0] == '2' {
					address = fmt.Sprintf(from, i)
				}
				for range 3 {
					_, _ = w.signIn("ada", "wrong password", address)
				}
			}
			w.now = w.now.Add(time.Second)
		}
		if _, err := w.signIn("ada", password, "192.0.2.1"); err != nil {
			t.Errorf("%s: the owner of the login is held up: %v", from, err)
		}
	}
}

func TestOneAddressCannotSpendTheTriesOfALogin(t *testing.T) {
	w := newWorld(t, "https://stentor.example", nil)
	for i := range addressBurst {
		_, _ = w.signIn(fmt.Sprint("login", i), "wrong password", "192.0.2.1")
	}
	for range 100 {
		_, _ = w.signIn("ada", "wrong password", "192.0.2.1")
	}
	if _, err := w.signIn("ada", "wrong password", "192.0.2.2"); !errors.Is(err, ErrSignIn) {
		t.Errorf("%v", err)
	}
}

func TestALimitForgetsWhatIsOver(t *testing.T) {
	l := newLimit[int](2, time.Second)
	now := time.Unix(0, 0)
	for k := range maxTracked {
		l.take(k, now)
	}
	l.take(7, now) // the most guilty one
	l.take(maxTracked, now)
	if len(l.full) != maxTracked {
		t.Errorf("%d are remembered", len(l.full))
	}
	if _, ok := l.take(7, now); ok {
		t.Error("a bucket that is empty was forgotten first")
	}
	l.take(maxTracked+1, now.Add(time.Minute))
	if len(l.full) != 1 {
		t.Errorf("%d are remembered although their buckets are full", len(l.full))
	}
	l.giveBack(-1, now)
	l.giveBack(maxTracked+1, now.Add(time.Minute))
	if len(l.full) != 0 {
		t.Errorf("%d are remembered that gave back", len(l.full))
	}
}

func TestTwoPasswordsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := newArgon(strings.NewReader(strings.Repeat("r", 64)))
		if err != nil {
			t.Fatal(err)
		}
		var running, most, done, turnedAway atomic.Int32
		g.key = func(_, _ []byte, _, _ uint32, _ uint8, n uint32) []byte {
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(100 * time.Millisecond)
			running.Add(-1)
			return make([]byte, n)
		}
		a := &Accounts{argon: g}
		for range 2 * queued {
			go func() {
				_, err := a.verify(context.Background(), "", "password")
				if errors.Is(err, ErrTooMany) {
					turnedAway.Add(1)
				} else if err == nil {
					done.Add(1)
				}
			}()
		}
		began := time.Now()
		for running.Load() > 0 || done.Load()+turnedAway.Load() < 2*queued {
			time.Sleep(50 * time.Millisecond)
			synctest.Wait()
		}
		if most.Load() != parallel || done.Load() != queued || turnedAway.Load() != queued {
			t.Errorf("%d at once, %d done, %d turned away", most.Load(), done.Load(), turnedAway.Load())
		}
		if took := time.Since(began); took != queued/parallel*100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
}

func TestWhoGoesAwayLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := newArgon(strings.NewReader(strings.Repeat("r", 64)))
		if err != nil {
			t.Fatal(err)
		}
		var leave []func()
		for range parallel {
			l, err := g.enter(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			leave = append(leave, l)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := g.enter(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting ended with %v", err)
		}
		for _, l := range leave {
			l()
		}
		if len(g.queue) != 0 || len(g.slots) != 0 {
			t.Errorf("%d wait and %d run when all are gone", len(g.queue), len(g.slots))
		}
	})
}

func TestAttemptsThatWereNotLookedAtAreGivenBack(t *testing.T) {
	w := newWorld(t, "https://stentor.example", nil)
	w.account("a_1", "ada")
	for range queued {
		w.accounts.argon.queue <- struct{}{}
	}
	for range 3 * loginBurst {
		if _, err := w.signIn("ada", password, "192.0.2.1"); !errors.Is(err, ErrTooMany) {
			t.Fatal(err)
		}
	}
	for range queued {
		<-w.accounts.argon.queue
	}
	if _, err := w.signIn("ada", password, "192.0.2.1"); err != nil {
		t.Error(err)
	}
}

func TestNetworks(t *testing.T) {
	for in, want := range map[string][2]string{
		"192.0.2.7": {"192.0.2.7/32", "192.0.2.7/32"}, "::ffff:192.0.2.7": {"192.0.2.7/32", "192.0.2.7/32"},
		"2001:db8:1:2::7": {"2001:db8:1:2::/64", "2001:db8:1::/48"}, "fe80::1%eth0": {"fe80::/64", "fe80::/48"},
	} {
		ip := netip.MustParseAddr(in)
		if got := [2]string{network(ip, 64).String(), network(ip, 48).String()}; got != want {
			t.Errorf("%s is %s, not %s", in, got, want)
		}
	}
	if got := network(netip.Addr{}, 64); got.IsValid() {
		t.Errorf("no address is %s", got)
	}
}
