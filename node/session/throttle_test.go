package session

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"stentor/control/controlpb"
)

func TestANetworkKnocksOnlySoOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Limits{}.withDefaults()
		for _, c := range []struct {
			name string
			from func(i int) string
			want int // of 1,000 at once
		}{
			{"one IPv4 address", func(int) string { return "192.0.2.7" }, l.Burst},
			{"one written as IPv6", func(int) string { return "::ffff:192.0.2.7" }, l.Burst},
			{"many IPv4 addresses", func(i int) string { return fmt.Sprintf("192.0.%d.%d", i/250, i%250) }, 1000},
			{"one IPv6 /64", func(i int) string { return fmt.Sprintf("2001:db8::%x", i+1) }, l.Burst},
			{"one IPv6 /48", func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i) }, wideShare * l.Burst},
			{"many", func(i int) string { return fmt.Sprintf("2001:db8:%x::1", i) }, 1000},
			{"this machine", func(int) string { return "127.0.0.1" }, 1000},
			{"this machine by IPv6", func(int) string { return "::1" }, 1000},
		} {
			th := newThrottle(l, 1)
			passed := func() (n int) {
				for i := range 1000 {
					if th.pass(netip.MustParseAddr(c.from(i)), time.Now()) {
						n++
					}
				}
				return n
			}
			if got := passed(); got != c.want {
				t.Errorf("%s: %d at once, want %d", c.name, got, c.want)
			}
			time.Sleep(10 * time.Second)
			if got, want := passed(), c.want*int(l.PerSecond)*10/l.Burst; c.want != 1000 && got != want {
				t.Errorf("%s: %d after ten seconds, want %d", c.name, got, want)
			}
		}
	})
}

func TestANeighbourDoesNotPayForOneNetwork(t *testing.T) {
	now := time.Now()
	th := newThrottle(Limits{}.withDefaults(), 1)
	for range 10_000 {
		th.pass(netip.MustParseAddr("2001:db8::1"), now)
	}
	if !th.pass(netip.MustParseAddr("2001:db8:0:1::1"), now) {
		t.Error("a /64 empties the bucket of its /48 by what is refused")
	}
}

func TestTheThrottleIsBounded(t *testing.T) {
	th := newThrottle(Limits{Burst: 1, PerSecond: 1e-6}.withDefaults(), 1)
	now := time.Now()
	for i := range maxBuckets + 100 {
		th.pass(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now.Add(time.Duration(i)))
	}
	if len(th.by) > maxBuckets {
		t.Errorf("%d networks are remembered", len(th.by))
	}
	last := maxBuckets + 99
	if th.pass(netip.AddrFrom4([4]byte{10, byte(last >> 16), byte(last >> 8), byte(last)}), now.Add(time.Second)) {
		t.Error("the last one is forgotten")
	}
}

// limitedTo is an edge where one network may do so much.
func limitedTo(t *testing.T, l Limits) *edge {
	t.Helper()
	e := newEdge(t, "")
	cfg := e.cfg
	cfg.Limits = l
	cfg.Registerer = nil
	e.Door = NewDoor(cfg)
	return e
}

func TestTheDoorIsLimitedOnEveryPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := limitedTo(t, Limits{Burst: 2, PerSecond: 1})
		g, err := e.Join(ctx, link, Knock{Name: "Ada", Remote: home})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Open(ctx, link, secret, home, Watch); err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{
			"join":                      errOf(e.Join(ctx, link, Knock{Name: "Eve", Remote: home})),
			"join behind no link":       errOf(e.Join(ctx, "zyxwvutsrqponmlkjihgfe", Knock{Name: "Eve", Remote: home})),
			"a connection by an invite": errOf(e.Open(ctx, link, secret, home, Watch)),
			"a connection by a PIN":     errOf(e.Open(ctx, link, "90210777", home, Watch)),
		} {
			if code(err) != "too_many_requests" {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := e.Open(ctx, link, g.Token, home, Watch); err != nil {
			t.Errorf("who is admitted connects: %v", err)
		}
		if _, err := e.Join(ctx, link, Knock{Name: "Bob", Remote: netip.MustParseAddr("192.0.2.8")}); err != nil {
			t.Errorf("from another network: %v", err)
		}
		refused := 0
		for range 100 {
			if _, err := e.Refresh(ctx, g.Token, home); code(err) == "too_many_requests" {
				refused++
			}
		}
		if refused != 100-2*tokenShare {
			t.Errorf("%d of 100 refreshes are refused", refused)
		}
		time.Sleep(time.Second)
		if _, err := e.Join(ctx, link, Knock{Name: "Eve", Remote: home}); err != nil {
			t.Errorf("a second later: %v", err)
		}
		if e = limitedTo(t, Limits{Burst: -1}); errOf(e.Join(ctx, link, Knock{Name: "Ada", Remote: home})) != nil {
			t.Error("without limits")
		}
	})
}

func TestOneNetworkDoesNotFillAWebinar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := limitedTo(t, Limits{Sessions: 3})
		e.edit(&controlpb.Settings{GuestLimit: 10}, "guest_limit")
		e.seats.set(func(l *ledger) { l.limit = 10 })
		var inside []*Session
		for range 3 {
			g, err := e.Join(ctx, link, Knock{Name: "Ada", Remote: home})
			if err != nil {
				t.Fatal(err)
			}
			s, err := e.Open(ctx, link, g.Token, home, Watch)
			if err != nil {
				t.Fatal(err)
			}
			inside = append(inside, s)
		}
		g, err := e.Join(ctx, link, Knock{Name: "Eve", Remote: home})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := e.Open(ctx, link, g.Token, home, Events); err != errCrowd {
				t.Errorf("one more of this network: %v", err)
			}
			time.Sleep(joined / 2)
		}
		if n := e.seats.seated(); n != 3 {
			t.Errorf("%d seats for three who are inside", n)
		}
		if _, err := e.Open(ctx, link, g.Token, netip.MustParseAddr("192.0.2.8"), Events); err != nil {
			t.Errorf("from another network: %v", err)
		}
		if _, err := e.Open(ctx, link, secret, home, Watch); err != nil {
			t.Errorf("the invited: %v", err)
		}
		inside[0].End()
		if _, err := e.Open(ctx, link, g.Token, home, Events); err != nil {
			t.Errorf("after one has gone: %v", err)
		}
	})
}

// Somebody knocks as often as the door lets them, and never connects: others get in.
func TestS60JoinsAloneDoNotHoldTheSeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := limited(t, 200)
		cfg := e.cfg
		cfg.Registerer = nil
		e.Door = NewDoor(cfg)
		for range 600 { // a minute
			for range 10 {
				_, _ = e.Join(ctx, link, Knock{Name: "Eve", Remote: home})
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := e.seats.seated(); n > 25 {
			t.Errorf("%d seats are held by who never came", n)
		}
		if _, err := e.Join(ctx, link, Knock{Name: "Ada", Remote: netip.MustParseAddr("192.0.2.8")}); err != nil {
			t.Errorf("somebody else: %v", err)
		}
		time.Sleep(grace)
	})
}
