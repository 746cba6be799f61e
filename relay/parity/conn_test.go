package parity

import (
	"bytes"
	"context"
	"io"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"stentor/bench/impair"
)

// sound sends n datagrams of audio, 20 ms apart, from a to b, and returns how many arrive.
func sound(t *testing.T, a, b *end, n int) (arrived int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			d, err := b.conn.ReceiveDatagram(ctx)
			if err != nil {
				return
			}
			if len(d) == 120 {
				arrived++
			}
		}
	})
	for i := range n {
		if err := a.conn.SendDatagram(bytes.Repeat([]byte{byte(i)}, 120)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(time.Second)
	cancel()
	wg.Wait()
	return arrived
}

// TestAudioOverALossyPath loses 5 % of datagrams, which QUIC never sends again.
func TestAudioOverALossyPath(t *testing.T) {
	path := impair.Profile{Delay: 75 * time.Millisecond, Loss: 0.05}
	const n = 3000
	var without, with int
	between(t, path, 1, func(t *testing.T, a, b *end) { without = sound(t, a, b, n) })
	between(t, path, 1, func(t *testing.T, a, b *end) {
		a.Protect(b.port(), 3)
		b.Protect(a.port(), 0)
		with = sound(t, a, b, n)
		s := a.Stats(b.port())
		if s.Loss < 0.02 || s.Loss > 0.10 || s.PeerMissed < n/40 || s.PeerRecovered*10 < s.PeerMissed*9 {
			t.Errorf("the sender knows %+v", s)
		}
		r := b.Stats(a.port())
		if r.Recovered < s.PeerRecovered || r.Received == 0 || b.metric(t, "recovered_packets_total") != float64(r.Recovered) {
			t.Errorf("the receiver counts %+v", r)
		}
	})
	t.Logf("%d of %d arrive without parity, %d with it", without, n, with)
	if without > n*97/100 || with < n*995/1000 {
		t.Errorf("%d of %d arrive without parity, %d with it", without, n, with)
	}
}

// frames sends n frames of size bytes, 100 ms apart, a stream for each, and returns how many are there within after.
func frames(t *testing.T, a, b *end, n, size int, after time.Duration) (good int) {
	t.Helper()
	sent := make([]time.Time, n)
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			s, err := b.conn.AcceptUniStream(ctx)
			if err != nil {
				return
			}
			wg.Go(func() {
				d, err := io.ReadAll(s)
				if err != nil || len(d) != size {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if time.Since(sent[int(d[0])|int(d[1])<<8]) <= after {
					good++
				}
			})
		}
	})
	for i := range n {
		mu.Lock()
		sent[i] = time.Now()
		mu.Unlock()
		s, err := a.conn.OpenUniStreamSync(ctx)
		if err != nil {
			t.Fatal(err)
		}
		d := make([]byte, size)
		d[0], d[1] = byte(i), byte(i>>8)
		wg.Go(func() { _, _ = s.Write(d); _ = s.Close() })
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(5 * time.Second)
	cancel()
	wg.Wait()
	return good
}

// TestFramesOverALossyPath sends frames so few that stock congestion control does not count, over a round trip of 150 ms: what
// was lost is there within 50 ms of the way by parity, and never without.
func TestFramesOverALossyPath(t *testing.T) {
	path := impair.Profile{Delay: 75 * time.Millisecond, Loss: 0.02}
	const n, size, within = 600, 3000, 125 * time.Millisecond
	var without, with int
	between(t, path, 3, func(t *testing.T, a, b *end) { without = frames(t, a, b, n, size, within) })
	between(t, path, 3, func(t *testing.T, a, b *end) {
		a.Protect(b.port(), 5)
		b.Protect(a.port(), 0)
		with = frames(t, a, b, n, size, within)
	})
	t.Logf("%d of %d are there within 50 ms without parity, %d with it", without, n, with)
	if without > n*97/100 || with < n*99/100 {
		t.Errorf("%d of %d are there within 50 ms without parity, %d with it", without, n, with)
	}
}

// TestGossipPasses sends packets that are not QUIC, while parity goes back and forth.
func TestGossipPasses(t *testing.T) {
	between(t, impair.Profile{Delay: 10 * time.Millisecond}, 1, func(t *testing.T, a, b *end) {
		for _, e := range [][2]*end{{a, b}, {b, a}} {
			e[0].Protect(e[1].port(), 5)
		}
		var want, got [][]byte
		var wg sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		buf := make([]byte, 1500)
		// quic-go throws away what comes before the first read.
		first, stop := context.WithCancel(ctx)
		stop()
		_, _, _ = b.tr.ReadNonQUICPacket(first, buf)
		wg.Go(func() {
			for {
				n, from, err := b.tr.ReadNonQUICPacket(ctx, buf)
				if err != nil {
					return
				}
				if from.String() != a.addr.String() {
					t.Errorf("from %v", from)
				}
				got = append(got, bytes.Clone(buf[:n]))
			}
		})
		wg.Go(func() { sound(t, a, b, 20) })
		r := seeded(1)
		for i := range 40 {
			p := datum(r, 4+i*30)
			p[0] = byte(i % 2) // encrypted gossip begins with 0 or 1
			want = append(want, p)
			if _, err := a.tr.WriteTo(p, b.addr); err != nil {
				t.Fatal(err)
			}
			time.Sleep(9 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		cancel()
		wg.Wait()
		if !same(got, want) {
			t.Errorf("%d of %d packets of gossip came, or others", len(got), len(want))
		}
		if a.Stats(b.port()).Parity == 0 {
			t.Error("there was no parity: the test shows little")
		}
	})
}

// TestStrangers shows that parity is used of nobody that Protect was not called for, and harms nobody.
func TestStrangers(t *testing.T) {
	between(t, impair.Profile{Delay: 10 * time.Millisecond, Loss: 0.05}, 1, func(t *testing.T, a, b *end) {
		a.Protect(b.port(), 3)
		if n := sound(t, a, b, 400); n > 395 {
			t.Errorf("%d of 400 arrived: somebody mended", n)
		}
		if s := b.Stats(a.port()); s != (Stats{}) {
			t.Errorf("the receiver keeps %+v", s)
		}
		if b.metric(t, "refused_total") == 0 || b.metric(t, "mended_peers") != 0 {
			t.Error("the parity was not refused")
		}
	})
}

// TestAskingIsNaming shows that a relay which only receives, and so has no parity to ask for, gets what it asks about.
func TestAskingIsNaming(t *testing.T) {
	between(t, impair.Profile{Delay: 10 * time.Millisecond, Loss: 0.05}, 1, func(t *testing.T, a, b *end) {
		b.Stats(a.port())
		a.Protect(b.port(), 3)
		if n := sound(t, a, b, 400); n < 397 {
			t.Errorf("%d of 400 arrived", n)
		}
	})
}

// TestTheEndOfParity shows that 0 ends it at once, with what was collected still sent.
func TestTheEndOfParity(t *testing.T) {
	between(t, impair.Profile{Delay: 10 * time.Millisecond}, 1, func(t *testing.T, a, b *end) {
		b.Protect(a.port(), 0)
		a.Protect(b.port(), 1)
		sound(t, a, b, 10)
		if err := a.conn.SendDatagram(make([]byte, 120)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
		if a.metric(t, "protected_peers") != 1 {
			t.Error("nobody is protected")
		}
		a.Protect(b.port(), 0)
		time.Sleep(time.Second)
		before := a.Stats(b.port())
		if s := b.Stats(a.port()); s.Received != before.Parity || before.Parity < 11 {
			t.Errorf("%d packets of parity were sent, %d came", before.Parity, s.Received)
		}
		sound(t, a, b, 10)
		if after := a.Stats(b.port()); after.Parity != before.Parity || after.Data != before.Data || a.metric(t, "protected_peers") != 0 {
			t.Errorf("after the end: %+v, before %+v", after, before)
		}
	})
}

// TestForgettingPeers shows that whoever is not used for a minute is forgotten, and that nothing is kept.
func TestForgettingPeers(t *testing.T) {
	between(t, impair.Profile{Delay: 10 * time.Millisecond}, 1, func(t *testing.T, a, b *end) {
		a.Protect(b.port(), 1)
		b.Protect(a.port(), 1)
		other := netip.MustParseAddrPort("10.9.9.9:1")
		b.Protect(other, 2)
		sound(t, a, b, 50)
		if b.metric(t, "mended_peers") != 1 {
			t.Error("nobody is mended")
		}
		for range 3 { // traffic keeps the peer, silence of the other loses it
			for range 40 { // quic-go's idle timeout is 30 s
				time.Sleep(time.Second)
				sound(t, a, b, 1)
			}
		}
		if s := b.Stats(a.port()); s.Received == 0 {
			t.Errorf("the peer was forgotten: %+v", s)
		}
		if b.peer(other) != nil || b.metric(t, "protected_peers") != 1 {
			t.Error("who was never heard of is still protected")
		}
		_ = a.conn.CloseWithError(0, "")
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		for _, e := range []*end{a, b} {
			if len(*e.known.Load()) != 0 || e.metric(t, "mended_peers") != 0 || e.metric(t, "protected_peers") != 0 || e.sweep != nil {
				t.Error("something is kept of who is gone")
			}
		}
	})
}

// TestBounds names more peers than are taken.
func TestBounds(t *testing.T) {
	between(t, impair.Profile{}, 1, func(t *testing.T, a, b *end) {
		at := func(i int) netip.AddrPort {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 9)
		}
		for i := range maxPeers + 10 {
			a.Protect(at(i), i%2)
		}
		if n := len(*a.known.Load()); n != maxPeers {
			t.Errorf("%d peers", n)
		}
		if n := a.metric(t, "protected_peers"); n != maxGuarded {
			t.Errorf("%v guards", n)
		}
		g := newGuard(&a.coder, 1, 0)
		for i := range maxMended + 10 {
			for _, p := range rows(t, g, data(seeded(1), 1, 100)) {
				a.arrived(a.peer(at(i)), p, b.addr)
			}
		}
		if n := a.metric(t, "mended_peers"); n != maxMended {
			t.Errorf("%v menders", n)
		}
		for i := range maxPeers {
			a.Protect(at(i), 0)
		}
		if n := a.metric(t, "protected_peers"); n != 0 {
			t.Errorf("%v guards are left", n)
		}
		a.Protect(at(0), 1000)
		if p := a.peer(at(0)); p.guard.parity != Most {
			t.Errorf("parity %d", p.guard.parity)
		}
		a.Protect(at(0), -1)
		a.Protect(netip.AddrPort{}, 3)
		if a.metric(t, "protected_peers") != 0 {
			t.Error("an address that is none is protected")
		}
	})
}

// TestForgedTelling shows who is believed: only a peer that sees the blocks.
func TestForgedTelling(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, c := range []struct {
		name string
		last told
		want float64
	}{
		{"a tenth of 200 was missed", told{0, 300, 20, 20}, 0.1},
		{"nothing was missed", told{0, 300, 0, 0}, 0},
		{"a block that was never sent", told{1, 300, 20, 20}, 0},
		{"a block of long ago", told{^uint32(stale), 300, 20, 20}, 0},
		{"more missed than there was", told{0, 300, 201, 0}, 0},
		{"more recovered than missed", told{0, 300, 20, 21}, 0},
		{"a peer that began anew", told{0, 50, 3, 3}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &peer{guard: newGuard(&coder{}, 1, 0)}
			p.guard.next = 1 // block 0 was sent
			p.listen(told{0, 100, 0, 0}, now)
			p.listen(c.last, now)
			if got := p.snapshot(now).Loss; got != c.want {
				t.Errorf("loss %v, want %v", got, c.want)
			}
			if got := p.snapshot(now.Add(quiet)).Loss; got != 0 {
				t.Errorf("loss %v, long after", got)
			}
		})
	}
}

// TestMetrics holds their names and helps to what Prometheus asks for.
func TestMetrics(t *testing.T) {
	between(t, impair.Profile{}, 1, func(t *testing.T, a, b *end) {
		a.Stats(b.port())
		problems, err := testutil.GatherAndLint(a.reg)
		if err != nil || len(problems) > 0 {
			t.Errorf("%v, %v", problems, err)
		}
	})
}
