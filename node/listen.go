package node

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"syscall"

	"stentor/control/cli"
)

// Sockets are the ports of a node, already open. Tests hand in their own.
type Sockets struct {
	Mesh    net.PacketConn
	RTC     net.PacketConn
	RTCTCP  net.Listener // nil: media by UDP only
	Watch   net.Listener
	HTTP    net.Listener
	Metrics net.Listener // nil: metrics on the unix socket only
	Admin   net.Listener // the unix socket

	Public *x509.Certificate // that HTTP is served with; nil: none, a proxy in front has one
}

// receiveBuffer is what the media sockets ask the kernel for: a 4K key frame of
// several publishers must fit while the reader is busy. The kernel may give less
// (net.core.rmem_max).
const receiveBuffer = 4 << 20

// Listen opens the ports of c; only voters are followed, so only they have a watch
// port. The error names the one that is taken.
func Listen(c Config, voter bool) (s Sockets, err error) {
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.Mesh, err = listenUDP("mesh", c.Mesh); err != nil {
		return s, err
	}
	if s.RTC, err = listenUDP("rtc", c.RTC); err != nil {
		return s, err
	}
	if voter {
		if s.Watch, err = listenTCP("watch", c.Watch); err != nil {
			return s, err
		}
	}
	if s.HTTP, err = listenTCP("http", c.HTTP); err != nil {
		return s, err
	}
	if c.TLS.Cert != "" {
		cert, err := tls.LoadX509KeyPair(c.TLS.Cert, c.TLS.Key)
		if err != nil {
			return s, fmt.Errorf("node: tls: %w", err)
		}
		s.Public = cert.Leaf
		s.HTTP = tls.NewListener(s.HTTP, &tls.Config{
			Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		})
	}
	if c.Metrics != "" {
		if s.Metrics, err = listenTCP("metrics", c.Metrics); err != nil {
			return s, err
		}
	}
	if c.RTCTCP { // a port that something else has is no reason not to start: UDP is the way
		s.RTCTCP, _ = net.Listen("tcp", s.RTC.LocalAddr().String())
	}
	s.Admin, err = listenAdmin(c.Data)
	return s, err
}

// Close closes whatever is open.
func (s Sockets) Close() {
	if s.Mesh != nil {
		s.Mesh.Close()
	}
	if s.RTC != nil {
		s.RTC.Close()
	}
	for _, l := range []net.Listener{s.RTCTCP, s.Watch, s.HTTP, s.Metrics, s.Admin} {
		if l != nil {
			l.Close()
		}
	}
}

func listenUDP(key, addr string) (net.PacketConn, error) {
	c, err := net.ListenPacket("udp", addr)
	if err != nil {
		return nil, portError(key, addr, "UDP", err)
	}
	u := c.(*net.UDPConn)
	_ = u.SetReadBuffer(receiveBuffer) // best effort: see receiveBuffer
	_ = u.SetWriteBuffer(receiveBuffer)
	return c, nil
}

func listenTCP(key, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, portError(key, addr, "TCP", err)
	}
	return l, nil
}

// portError says which port it was and how to have another.
func portError(key, addr, proto string, err error) error {
	hint := fmt.Sprintf("check %q in the configuration", key)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		hint = fmt.Sprintf("another program has it; choose another with --%s IP:PORT, or stop that program (ss -lnp shows it)", key)
	case errors.Is(err, syscall.EACCES):
		hint = fmt.Sprintf("ports below 1024 need a privilege; choose another with --%s IP:PORT", key)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		hint = fmt.Sprintf("this machine does not have that address; choose another with --%s IP:PORT", key)
	}
	return cli.Hint(fmt.Errorf("cannot listen for %s on %s (%s): %w", key, addr, proto, errors.Unwrap(err)), hint)
}
