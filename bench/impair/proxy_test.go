package impair

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"
)

// soon is more than loopback ever takes; nothing waits for it unless something is broken.
const soon = 10 * time.Second

// echo answers every packet on a real socket until the test ends and tells by its channel whom it answered.
func echo(t *testing.T) (addr string, from chan netip.AddrPort) {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	from = make(chan netip.AddrPort, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 2000)
		for {
			n, peer, err := c.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			from <- peer
			_, _ = c.WriteToUDPAddrPort(b[:n], peer)
		}
	}()
	t.Cleanup(func() { c.Close(); <-done })
	return c.LocalAddr().String(), from
}

// proxied starts a proxy before addr until the test ends.
func proxied(t *testing.T, to string, forward, back Profile) *Proxy {
	t.Helper()
	p, err := Listen("127.0.0.1:0", to, forward, back, 1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return p
}

func client(t *testing.T, p *Proxy) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(p.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(soon)); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAProxyCarriesThereAndBackAndTakesItsTime(t *testing.T) {
	addr, _ := echo(t)
	p := proxied(t, addr, Profile{Delay: 20 * time.Millisecond}, Profile{Delay: 30 * time.Millisecond})
	c := client(t, p)
	sent := time.Now()
	if _, err := c.Write([]byte("there and back")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	n, err := c.Read(b)
	if err != nil || !bytes.Equal(b[:n], []byte("there and back")) {
		t.Fatalf("%q, %v", b[:n], err)
	}
	if took := time.Since(sent); took < 50*time.Millisecond {
		t.Errorf("it took %v", took)
	}
	if f, k := p.Counts(); f.Sent != 1 || k.Arrived != 1 || f.SentBytes != 14 {
		t.Errorf("counts %+v, %+v", f, k)
	}
}

func TestEachClientHasItsOwnWayBack(t *testing.T) {
	addr, from := echo(t)
	p := proxied(t, addr, Profile{}, Profile{})
	seen := map[netip.AddrPort]bool{}
	for _, word := range []string{"one", "two", "three"} {
		c := client(t, p)
		for range 2 { // the second packet goes the same way as the first
			if _, err := c.Write([]byte(word)); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 100)
			if n, err := c.Read(b); err != nil || string(b[:n]) != word {
				t.Fatalf("%q, %v", b[:n], err)
			}
			seen[<-from] = true
		}
	}
	if len(seen) != 3 {
		t.Errorf("the far side saw %d addresses of three clients", len(seen))
	}
}

func TestALinkThatWasCutComesBack(t *testing.T) {
	addr, from := echo(t)
	p := proxied(t, addr, Profile{}, Profile{})
	c := client(t, p)
	ask := func(word string) {
		if _, err := c.Write([]byte(word)); err != nil {
			t.Fatal(err)
		}
	}
	b := make([]byte, 100)
	ask("before")
	if _, err := c.Read(b); err != nil {
		t.Fatal(err)
	}
	<-from
	p.Set(Profile{Loss: 1}, Profile{})
	ask("lost")
	for f, _ := p.Counts(); f.Lost == 0; f, _ = p.Counts() { // the proxy reads by itself
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
	p.Set(Profile{}, Profile{})
	ask("after")
	if n, err := c.Read(b); err != nil || string(b[:n]) != "after" {
		t.Fatalf("%q, %v", b[:n], err)
	}
	if <-from; len(from) != 0 {
		t.Error("the far side heard what was lost")
	}
}

func TestAFarSideThatIsNotThereDoesNotEndTheProxy(t *testing.T) {
	gone, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	addr := gone.LocalAddr().String()
	gone.Close()
	p := proxied(t, addr, Profile{}, Profile{})
	c := client(t, p)
	knock := func(said string) { // the proxy's port is nobody's, either, for a while
		if _, err := c.Write([]byte(said)); err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatal(err)
		}
	}
	for range 20 { // ICMP makes reads and writes of the far socket fail
		knock("anybody?")
	}
	back, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr)))
	if err != nil {
		t.Skip("another program took the port meanwhile: ", err)
	}
	defer back.Close()
	b := make([]byte, 100)
	for end := time.Now().Add(soon); time.Now().Before(end); {
		knock("now")
		if err := back.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, _, err := back.ReadFromUDPAddrPort(b)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		if err == nil && string(b[:n]) == "now" {
			return
		}
	}
	t.Error("the proxy did not come back")
}

func TestListenSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name, addr, to string
		p              Profile
	}{
		{"a share that is none", "127.0.0.1:0", "127.0.0.1:1", Profile{Loss: 2}},
		{"a far side without a port", "127.0.0.1:0", "127.0.0.1", Profile{}},
		{"an address of another machine", "192.0.2.1:0", "127.0.0.1:1", Profile{}},
		{"no address", "here", "127.0.0.1:1", Profile{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Listen(c.addr, c.to, Profile{}, c.p, 1); err == nil {
				t.Error("it listens")
			}
		})
	}
}

// TestProxyOfNobodyIsNobody: the client hears by ICMP that the far side is gone, and reaches it again when it is back.
func TestProxyOfNobodyIsNobody(t *testing.T) {
	far, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	addr := far.LocalAddr().(*net.UDPAddr)
	p := proxied(t, addr.String(), Profile{}, Profile{Delay: 5 * time.Millisecond})
	far.Close()
	c := client(t, p)
	b := make([]byte, 100)
	for deadline := time.Now().Add(soon); ; {
		_, _ = c.Write([]byte("there?"))
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := c.Read(b); errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the client does not hear that nobody is there")
		}
	}
	if far, err = net.ListenUDP("udp", addr); err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	got := make(chan bool)
	go func() {
		_ = far.SetReadDeadline(time.Now().Add(soon))
		_, err := far.Read(make([]byte, 100))
		got <- err == nil
	}()
	for {
		select {
		case ok := <-got:
			if !ok {
				t.Error("nothing comes any more, though somebody is there")
			}
			return
		default:
			_, _ = c.Write([]byte("there?"))
			_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			_, _ = c.Read(b)
		}
	}
}
