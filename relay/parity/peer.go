package parity

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// deadline is how long a data packet waits for its group to fill. Much less, and at 20 Mbps a group is a handful of
	// packets, of which a burst takes too many; more, and what comes back is late. Timers fire up to a millisecond late.
	deadline = 8 * time.Millisecond
	// idle is when a peer that was neither named nor sent to is forgotten; QUIC's own keep-alives are a second apart.
	idle = time.Minute
	// maxPeers is of how many peers a Conn knows: several times what a relay may have as neighbours (64 children, a parent
	// and a standby for each track). One that sends no parity costs a few hundred bytes.
	maxPeers = 1024
	// maxMended is for how many peers data packets are kept, 1.2 MB each at worst, and maxGuarded how many are guarded, 0.2 MB
	// each. Children send little that matters, so it is parents' parity that counts.
	maxMended  = 64
	maxGuarded = 128
)

// A peer is a neighbour that Protect was called for.
type peer struct {
	conn *Conn
	addr netip.AddrPort
	used atomic.Bool // since the last sweep

	mended  atomic.Pointer[mender] // of its reader; nil until it sends parity
	heard   atomic.Bool            // parity of it since the last sweep
	guarded atomic.Bool            // there is a guard

	mu    sync.Mutex // guards the following
	gone  bool       // forgotten: it holds nothing any more
	guard *guard
	timer *time.Timer
	to    net.Addr // where the last data packet went
	oob   []byte   // and how: packet info and ECN
	stats Stats
	told  told // the last of the peer
	heat  struct{ covered, missed float64 }
	at    time.Time // when that came
}

// protect changes how much parity the peer gets; false when it was forgotten meanwhile.
func (p *peer) protect(parity int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.gone:
	case parity > 0 && p.guard != nil:
		p.guard.parity = parity
	case parity > 0 && p.conn.guarded.Add(1) > maxGuarded:
		p.conn.guarded.Add(-1)
		p.conn.metrics.refused.WithLabelValues("guards").Inc()
	case parity > 0:
		p.guard = newGuard(&p.conn.coder, parity, rand.Uint32())
		p.told, p.heat.covered, p.heat.missed = told{}, 0, 0
		p.guarded.Store(true)
	case p.guard != nil:
		p.flush()
		p.guard = nil
		p.conn.guarded.Add(-1)
		p.guarded.Store(false)
	}
	return !p.gone
}

// mender returns what mends the peer's packets from now on; nil when there are too many.
func (p *peer) mender() *mender {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return nil
	}
	if p.conn.mending.Add(1) > maxMended {
		p.conn.mending.Add(-1)
		p.conn.metrics.refused.WithLabelValues("menders").Inc()
		return nil
	}
	m := newMender(&p.conn.coder)
	p.mended.Store(m)
	return m
}

// end lets go of all that the peer holds.
func (p *peer) end() {
	p.protect(0)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	p.deafen()
}

// deafen ends the mending of the peer's packets.
func (p *peer) deafen() {
	if p.mended.Swap(nil) != nil {
		p.conn.mending.Add(-1)
	}
}

// sent takes note of data packets that went out, each of size bytes but perhaps the last; size 0 means that there is one. keep
// returns what of oob is good for parity.
func (p *peer) sent(b []byte, size int, to net.Addr, oob []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.guard == nil {
		return
	}
	if size <= 0 {
		size = len(b)
	}
	p.to, p.oob = to, append(p.oob[:0], oob...)
	for len(b) > 0 {
		data := b[:min(size, len(b))]
		b = b[len(data):]
		if !protectable(data) || p.guard.n == 0 && len(data) < minAlone {
			continue
		}
		p.stats.Data++
		if p.guard.add(data) {
			p.flush()
		} else if p.guard.n == 1 {
			p.arm()
		}
	}
}

// arm closes the group that was begun after the deadline.
func (p *peer) arm() {
	if p.timer != nil {
		p.timer.Reset(deadline)
		return
	}
	p.timer = time.AfterFunc(deadline, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.guard != nil {
			p.flush()
		}
	})
}

// flush sends the parity of the group that was collected. What the socket refuses is lost, like any packet.
func (p *peer) flush() {
	if p.timer != nil {
		p.timer.Stop()
	}
	if p.guard.n == 0 {
		return
	}
	runs, err := p.guard.close()
	if err != nil {
		p.conn.log.Error("parity cannot be made", "peer", p.addr, "err", err)
		return
	}
	for _, r := range runs {
		if len(r.packets) == 0 {
			continue
		}
		p.conn.send(r, p.oob, p.to)
		n := len(r.packets) / r.size
		p.stats.Parity += uint64(n)
		p.stats.Bytes += uint64(len(r.packets))
		p.conn.metrics.sent.Add(float64(n))
	}
}

// listen takes what the peer tells of its losses.
func (p *peer) listen(t told, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.guard == nil || t == (told{}) || p.guard.next-t.block-1 > stale {
		return // forged, or of a guard that is no more
	}
	was := p.told
	p.told = t
	covered, missed, recovered := t.covered-was.covered, t.missed-was.missed, t.recovered-was.recovered
	if was == (told{}) || covered > maxTold || missed > covered || recovered > missed {
		return // the first, or the peer forgot what it counted
	}
	p.stats.PeerMissed += uint64(missed)
	p.stats.PeerRecovered += uint64(recovered)
	// The last two seconds or so, at two a second.
	p.heat.covered = p.heat.covered*fade + float64(covered)
	p.heat.missed = p.heat.missed*fade + float64(missed)
	p.at = now
}

const (
	// stale is how many blocks old the newest one that the peer saw may be: some seconds at 1 Gbps.
	stale = 1 << 16
	// maxTold is how many packets a peer may tell of at once: 10 Gbps for a few seconds.
	maxTold = 1 << 22
	// fade is what is left of the loss that was told of before, when more is told.
	fade = 0.75
	// quiet is how long what was told is believed: six times as long as there is between two.
	quiet = 6 * tellEvery
)

func (p *peer) snapshot(now time.Time) Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	if p.heat.covered > 0 && now.Sub(p.at) < quiet {
		s.Loss = p.heat.missed / p.heat.covered
	}
	return s
}
