package impair

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// socketBuffer is what the proxy asks the kernel for: what it loses must be lost by the links alone, and a 4K key
	// frame of a sender without pacing comes at once.
	socketBuffer = 4 << 20

	// maxClients bounds sockets: a bench has tens.
	maxClients = 1024

	// shutFor is how long nobody has the proxy's port when nobody has the far side's: long enough that every client that
	// sends anything hears of it, and little of the time that a process takes to come back.
	shutFor = 250 * time.Millisecond

	// maxDatagram is the largest that UDP has.
	maxDatagram = 1 << 16
)

// A Proxy stands between real processes: what is sent to its address goes on to another, impaired, and what comes back
// goes back, impaired. Each client address has links of its own in both directions, and a port of its own towards the
// far side, which is the address that the far side sees. While nobody has the port of the far side, which ICMP tells the
// proxy, nobody has the proxy's, so that clients hear it too.
type Proxy struct {
	to   netip.AddrPort
	addr netip.AddrPort
	seed uint64
	conn atomic.Pointer[net.UDPConn] // closed while nobody is there

	mu            sync.Mutex // guards the following
	forward, back Profile
	pipes         map[netip.AddrPort]*pipe
	shutting      bool // the port is to be closed, for a while
	gone          bool
	wg            sync.WaitGroup
}

// A pipe is one client's way to the far side and back.
type pipe struct {
	far           *net.UDPConn
	forward, back *Link
	out, in       flight
}

// Listen opens a proxy on addr ("127.0.0.1:0") towards to ("127.0.0.1:4433"). Forward is what happens from a client to
// there, back what happens on the way back. The n-th client's links have seeds that depend on seed and n.
func Listen(addr, to string, forward, back Profile, seed uint64) (*Proxy, error) {
	for _, p := range []Profile{forward, back} {
		if err := p.Check(); err != nil {
			return nil, err
		}
	}
	target, err := netip.ParseAddrPort(to)
	if err != nil {
		return nil, fmt.Errorf("impair: far side: %w", err)
	}
	local, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, fmt.Errorf("impair: own address: %w", err)
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(local))
	if err != nil {
		return nil, fmt.Errorf("impair: listen: %w", err)
	}
	widen(conn)
	p := &Proxy{to: target, addr: conn.LocalAddr().(*net.UDPAddr).AddrPort(), seed: seed, forward: forward, back: back, pipes: map[netip.AddrPort]*pipe{}}
	p.conn.Store(conn)
	return p, nil
}

// widen asks the kernel for large buffers; it may give less (net.core.rmem_max).
func widen(c *net.UDPConn) {
	_ = c.SetReadBuffer(socketBuffer)
	_ = c.SetWriteBuffer(socketBuffer)
}

// Addr returns where the proxy listens.
func (p *Proxy) Addr() netip.AddrPort { return p.addr }

// Set changes what is done to packets from now on, of all clients.
func (p *Proxy) Set(forward, back Profile) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forward, p.back = forward, back
	for _, c := range p.pipes {
		c.forward.Set(forward)
		c.back.Set(back)
	}
}

// Counts returns what has happened in each direction, of all clients.
func (p *Proxy) Counts() (forward, back Counts) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.pipes {
		forward.add(c.forward.Counts())
		back.add(c.back.Counts())
	}
	return forward, back
}

func (c *Counts) add(o Counts) {
	c.Sent += o.Sent
	c.Arrived += o.Arrived
	c.Lost += o.Lost
	c.Dropped += o.Dropped
	c.Cut += o.Cut
	c.Reordered += o.Reordered
	c.Duplicated += o.Duplicated
	c.SentBytes += o.SentBytes
	c.ArrivedBytes += o.ArrivedBytes
}

// Run carries packets until ctx is done, then closes the sockets, loses what is on its way and returns nil. Another
// error is that of the proxy's socket.
func (p *Proxy) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { p.conn.Load().Close() })
	defer stop()
	defer p.close()
	b := make([]byte, maxDatagram)
	for {
		n, from, err := p.conn.Load().ReadFromUDPAddrPort(b)
		if err != nil && ctx.Err() == nil {
			err = p.reopen(ctx, err)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("impair: read: %w", err)
		}
		if c := p.pipe(from); c != nil && n > 0 {
			// A far side that is gone answers by ICMP and makes the write fail: the packet is lost, as it would be.
			c.out.send(c.forward.Send(time.Now(), n), b[:n], func(packet []byte) {
				if _, err := c.far.Write(packet); errors.Is(err, syscall.ECONNREFUSED) {
					p.shut()
				}
			})
		}
	}
}

// shut closes the port once the news that nobody is there has come back to the client's side, behind what was on its way.
func (p *Proxy) shut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shutting || p.gone {
		return
	}
	p.shutting = true
	time.AfterFunc(p.back.Delay+p.back.Jitter, func() { p.conn.Load().Close() })
}

// reopen waits for the port's time, when it was shut, and takes it again; else it returns why it was closed.
func (p *Proxy) reopen(ctx context.Context, why error) error {
	p.mu.Lock()
	shutting := p.shutting
	p.mu.Unlock()
	if !shutting {
		return why
	}
	select {
	case <-time.After(shutFor):
	case <-ctx.Done():
		return nil
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(p.addr))
	if err != nil {
		return err
	}
	widen(conn)
	p.conn.Store(conn)
	if ctx.Err() != nil { // it came before Run's own look
		conn.Close()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shutting = false
	return nil
}

// pipe returns the way of a client, a new one when it was not seen before; nil when there is none to be had.
func (p *Proxy) pipe(client netip.AddrPort) *pipe {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.pipes[client]; c != nil || p.gone || len(p.pipes) >= maxClients {
		return c
	}
	far, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(p.to))
	if err != nil {
		return nil
	}
	widen(far)
	seed := p.seed + 2*uint64(len(p.pipes))
	c := &pipe{far: far, forward: New(p.forward, seed), back: New(p.back, seed+1)}
	p.pipes[client] = c
	p.wg.Go(func() { p.carryBack(client, c) })
	return c
}

// carryBack brings what the far side answers to the client until the pipe is closed.
func (p *Proxy) carryBack(client netip.AddrPort, c *pipe) {
	b := make([]byte, maxDatagram)
	for {
		n, err := c.far.Read(b)
		if err != nil {
			if p.over() {
				return
			}
			if errors.Is(err, syscall.ECONNREFUSED) {
				p.shut()
			}
			continue // nobody listens there, for now
		}
		c.in.send(c.back.Send(time.Now(), n), b[:n], func(packet []byte) { _, _ = p.conn.Load().WriteToUDPAddrPort(packet, client) })
	}
}

func (p *Proxy) over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.gone = true
	for _, c := range p.pipes {
		c.out.close()
		c.in.close()
		c.far.Close()
	}
	p.mu.Unlock()
	p.conn.Load().Close()
	p.wg.Wait()
}
