package parity

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// TestUnreachable sends to a port that nobody has, and then to one that somebody has: the news is of the first, and the
// second gets its packets whatever the kernel lets fail meanwhile.
func TestUnreachable(t *testing.T) {
	for _, network := range [][2]string{{"udp4", "127.0.0.1:0"}, {"udp6", "[::1]:0"}, {"udp", "[::]:0"}} {
		t.Run(network[0]+" "+network[1], func(t *testing.T) {
			gone := make(chan netip.AddrPort, 100)
			at, err := net.ResolveUDPAddr(network[0], network[1])
			if err != nil {
				t.Fatal(err)
			}
			inner, err := net.ListenUDP(network[0], at)
			if err != nil {
				t.Skip(err)
			}
			c, err := Wrap(inner, Config{Unreachable: func(peer netip.AddrPort) { gone <- peer }})
			if err != nil {
				t.Fatal(err)
			}
			s := c.Socket().(*udp)
			defer s.Close()
			host := "127.0.0.1:0"
			if network[0] == "udp6" {
				host = "[::1]:0"
			}
			alive, _ := loopback(t, "udp", host)
			to := alive.Socket().(*udp)
			nobody := closedPort(t, host)
			read := make(chan bool)
			go func() { // as quic-go does, all the time; it must see no error
				defer close(read)
				for b := make([]byte, 1500); ; {
					if _, _, err := s.ReadFrom(b); err != nil {
						return
					}
				}
			}()
			const packets = 50
			for range packets {
				for _, to := range []netip.AddrPort{nobody, to.port()} {
					if _, _, err := s.WriteMsgUDP([]byte{0x40}, nil, net.UDPAddrFromAddrPort(to)); err != nil {
						t.Fatalf("to %v: %v", to, err)
					}
				}
			}
			receive(t, to, packets)
			select {
			case peer := <-gone:
				if peer != nobody {
					t.Errorf("%v is gone, not %v", peer, nobody)
				}
			case <-time.After(5 * time.Second):
				t.Error("nobody said that nobody is there")
			}
			select {
			case <-read:
				t.Error("the reader met an error")
			default:
			}
			s.Close()
			<-read
		})
	}
}

// TestKnock knocks at a port that nobody has, of which there is news, and at one that somebody has, whose QUIC hears nothing.
func TestKnock(t *testing.T) {
	gone := make(chan netip.AddrPort, 100)
	inner, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Wrap(inner, Config{Unreachable: func(peer netip.AddrPort) { gone <- peer }})
	if err != nil {
		t.Fatal(err)
	}
	s := c.Socket().(*udp)
	read := make(chan bool)
	go func() {
		defer close(read)
		for b := make([]byte, 1500); ; {
			if _, _, err := s.ReadFrom(b); err != nil {
				return
			}
		}
	}()
	nobody := closedPort(t, "127.0.0.1:0")
	c.Knock(nobody)
	select {
	case peer := <-gone:
		if peer != nobody {
			t.Errorf("%v is gone, not %v", peer, nobody)
		}
	case <-time.After(5 * time.Second):
		t.Error("nobody said that nobody is there")
	}
	other, to := loopback(t, "udp4", "127.0.0.1:0")
	other.Protect(s.port(), 3) // who gives parity takes a knock for no word of losses
	c.Knock(to.port())
	if _, err := s.WriteTo([]byte{0x40, 1}, to.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, to, 1); payload(got[0])[0] != 0x40 {
		t.Errorf("QUIC got % x", payload(got[0]))
	}
	if n := other.Stats(s.port()); n.PeerMissed != 0 || n.Loss != 0 {
		t.Errorf("a knock told of losses: %+v", n)
	}
	s.Close()
	<-read
}

// closedPort returns an address that nobody has.
func closedPort(t *testing.T, host string) netip.AddrPort {
	at, err := net.ResolveUDPAddr("udp", host)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.ListenUDP("udp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return unmap(c.LocalAddr().(*net.UDPAddr).AddrPort())
}
