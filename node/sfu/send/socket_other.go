//go:build !linux

package send

import (
	"errors"
	"net/netip"
	"syscall"
)

// Elsewhere than on Linux there is one rung, the last, and a full buffer waits.

type name struct{}

type envelope struct{}

type message struct{}

func (e *envelope) prepare() {}

type roundMail struct{}

func (roundMail) clear() {}

func (s *Socket) together(*Round, int) {}

func (s *Socket) probe(Rung) error {
	s.rung = Single
	local, ok := s.conn.LocalAddr().(interface{ AddrPort() netip.AddrPort })
	s.v6 = ok && local.AddrPort().Addr().Is6()
	return nil
}

func (s *Socket) name(netip.AddrPort) name { return name{} }

func (s *Socket) deliver(b *Batch, d *Dest, rung Rung) syscall.Errno {
	for b.Left() > 0 {
		if _, err := s.conn.WriteToUDPAddrPort(b.packet(b.gone), d.addr); err != nil {
			var errno syscall.Errno
			if errors.As(err, &errno) {
				return errno
			}
			return syscall.EBADF
		}
		b.gone++
		s.metrics.calls.Inc()
		s.metrics.sent(rung, 1, 1)
	}
	return 0
}
