package sfu

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"
	"github.com/prometheus/client_golang/prometheus"

	"stentor/bench/impair"
)

// An ether carries packets between ports in memory, so that real peers can live in a
// bubble's virtual time.
type ether struct {
	t     *testing.T
	mu    sync.Mutex // guards the following
	ports map[string]*port
}

// A port is a UDP socket on an ether.
type port struct {
	ether *ether
	addr  *net.UDPAddr
	come  chan letter
	over  chan struct{}
	once  sync.Once
	moved chan struct{} // the deadline has

	mu       sync.Mutex // guards the following
	deadline time.Time
}

func newEther(t *testing.T) *ether { return &ether{t: t, ports: make(map[string]*port)} }

// port opens the n-th port, from which packets go by the links that out names.
func (e *ether) port(n int, out func(to net.Addr) *impair.Link) net.PacketConn {
	p := &port{
		ether: e, addr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, uint16(n))),
		come: make(chan letter, 1<<13), over: make(chan struct{}), moved: make(chan struct{}, 1),
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ports[p.addr.String()] = p
	return impair.Conn(p, out)
}

func (p *port) WriteTo(b []byte, to net.Addr) (int, error) {
	p.ether.mu.Lock()
	far := p.ether.ports[to.String()]
	p.ether.mu.Unlock()
	if far == nil {
		return len(b), nil
	}
	select {
	case far.come <- letter{b, p.addr.AddrPort()}: // b is a copy of impair's
	case <-far.over:
	default:
		p.ether.t.Error("a port is full: what is lost is not by the links alone")
	}
	return len(b), nil
}

func (p *port) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		p.mu.Lock()
		late := p.deadline
		p.mu.Unlock()
		var timer <-chan time.Time
		if !late.IsZero() {
			if !time.Now().Before(late) {
				return 0, nil, os.ErrDeadlineExceeded
			}
			timer = time.After(time.Until(late))
		}
		select {
		case l := <-p.come:
			return copy(b, l.packet), net.UDPAddrFromAddrPort(l.from), nil
		case <-p.over:
			return 0, nil, net.ErrClosed
		case <-p.moved:
		case <-timer:
		}
	}
}

func (p *port) Close() error                     { p.once.Do(func() { close(p.over) }); return nil }
func (p *port) LocalAddr() net.Addr              { return p.addr }
func (p *port) SetDeadline(t time.Time) error    { return p.SetReadDeadline(t) }
func (p *port) SetWriteDeadline(time.Time) error { return nil }

func (p *port) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	p.deadline = t
	p.mu.Unlock()
	select {
	case p.moved <- struct{}{}:
	default:
	}
	return nil
}

// on lets a client live at a port.
func (e *ether) on(conn net.PacketConn) func(*webrtc.SettingEngine) {
	mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: conn, Logger: logging.NewDefaultLoggerFactory().NewLogger("mux")})
	e.t.Cleanup(func() { _ = mux.Close() })
	return func(s *webrtc.SettingEngine) { s.SetICEUDPMux(mux) }
}

// sfuAt is an SFU at a port.
func sfuAt(t *testing.T, conn net.PacketConn) (*SFU, *prometheus.Registry) {
	t.Helper()
	return newSFU(t, func(c *Config) {
		c.Conn.Close()
		c.Conn = conn
	})
}
