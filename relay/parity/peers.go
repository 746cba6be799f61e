package parity

import (
	"maps"
	"net"
	"net/netip"
	"time"
)

// peer returns a peer that is known, or nil. It takes no lock: it is asked for every batch of packets.
func (c *Conn) peer(at netip.AddrPort) *peer { return (*c.known.Load())[at] }

// meet returns a peer, known from now on; nil when there are too many, or the socket is closed.
func (c *Conn) meet(at netip.AddrPort) *peer {
	if p := c.peer(at); p != nil {
		return p
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	known := *c.known.Load()
	if p := known[at]; p != nil || c.closed || !at.IsValid() {
		return p
	}
	if len(known) >= maxPeers {
		c.metrics.refused.WithLabelValues("peers").Inc()
		return nil
	}
	p := &peer{conn: c, addr: at}
	known = maps.Clone(known)
	known[at] = p
	c.known.Store(&known)
	if c.sweep == nil {
		c.sweep = time.AfterFunc(idle, c.forget)
	}
	return p
}

// forget drops what was not used since it was called last, and comes again while there is something to forget.
func (c *Conn) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	left := map[netip.AddrPort]*peer{}
	for at, p := range *c.known.Load() {
		if !p.heard.Swap(false) {
			p.deafen()
		}
		if p.used.Swap(false) {
			left[at] = p
		} else {
			p.end()
		}
	}
	c.known.Store(&left)
	c.sweep = nil
	if len(left) > 0 {
		c.sweep = time.AfterFunc(idle, c.forget)
	}
}

// close forgets everybody.
func (c *Conn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.sweep != nil {
		c.sweep.Stop()
	}
	for _, p := range *c.known.Load() {
		p.end()
	}
	c.known.Store(&map[netip.AddrPort]*peer{})
}

// guards returns the peer whose data packets are wanted for parity, or nil. Whoever is sent to is not forgotten.
func (c *Conn) guards(at netip.AddrPort) *peer {
	p := c.peer(at)
	if p == nil {
		return nil
	}
	if !p.used.Load() {
		p.used.Store(true)
	}
	if !p.guarded.Load() {
		return nil
	}
	return p
}

func (c *Conn) send(r run, oob []byte, to net.Addr) {
	if err := c.raw.write(r, oob, to); err != nil {
		c.metrics.refused.WithLabelValues("socket").Inc()
	}
}

// arrived looks at one packet that came from p, who may be nil. When deliver is true it is quic-go's. What m has mended
// must be taken before the next packet.
func (c *Conn) arrived(p *peer, b []byte, from net.Addr) (deliver bool, m *mender) {
	if len(b) == 0 {
		return true, nil
	}
	switch {
	case b[0] == kindRow:
		return false, c.row(p, b, from)
	case b[0] == kindTold:
		c.told(p, b)
		return false, nil
	case p != nil && protectable(b):
		if m := p.mended.Load(); m != nil {
			before := m.sums
			m.data(b)
			p.count(before, m.sums)
			return true, m
		}
	}
	return true, nil
}

// row mends by a packet of parity.
func (c *Conn) row(p *peer, b []byte, from net.Addr) *mender {
	if p == nil {
		c.metrics.refused.WithLabelValues("stranger").Inc()
		return nil
	}
	r, err := parseRow(b)
	if err != nil {
		c.metrics.refused.WithLabelValues("malformed").Inc()
		return nil
	}
	m := p.mended.Load()
	if m == nil {
		if m = p.mender(); m == nil {
			return nil
		}
	}
	p.heard.Store(true)
	c.metrics.received.Inc()
	before := m.sums
	if why := m.row(r); why != "" {
		c.metrics.refused.WithLabelValues(why).Inc()
	}
	p.received(before, m.sums)
	if t, ok := m.tell(c.now()); ok {
		c.send(run{toldLen, t.append(nil)}, nil, from)
	}
	return m
}

// received counts a packet of parity, and what came of it.
func (p *peer) received(before, after told) {
	p.mu.Lock()
	p.stats.Received++
	p.mu.Unlock()
	p.count(before, after)
}

// count counts what changed in a mender's sums.
func (p *peer) count(before, after told) {
	recovered := after.recovered - before.recovered
	lost := after.missed - before.missed - recovered
	if recovered|lost == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Recovered += uint64(recovered)
	p.stats.Unrecoverable += uint64(lost)
	p.conn.metrics.recovered.Add(float64(recovered))
	p.conn.metrics.unrecoverable.Add(float64(lost))
}

func (c *Conn) told(p *peer, b []byte) {
	t, err := parseTold(b)
	switch {
	case p == nil:
		c.metrics.refused.WithLabelValues("stranger").Inc()
	case err != nil:
		c.metrics.refused.WithLabelValues("malformed").Inc()
	default:
		p.listen(t, c.now())
	}
}

// unmap gives addresses of IPv4 one form, whatever socket they come from, without zone.
func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// addrPort returns where a is, or the zero value when that is no IP address.
func addrPort(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.UDPAddr:
		return unmap(a.AddrPort())
	case nil:
		return netip.AddrPort{}
	}
	at, _ := netip.ParseAddrPort(a.String())
	return unmap(at)
}
