package impair

import (
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"
)

// between runs f in a bubble with two ends of a perfect network; what a writes to b goes by link.
func between(t *testing.T, link *Link, f func(t *testing.T, a, b net.PacketConn)) {
	synctest.Test(t, func(t *testing.T) {
		n := &simnet.Simnet{Router: &simnet.PerfectRouter{}}
		end := func(last byte) net.PacketConn {
			return n.NewEndpoint(&net.UDPAddr{IP: net.IPv4(10, 0, 0, last), Port: 4000}, simnet.NodeBiDiLinkSettings{})
		}
		a, b := end(1), end(2)
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		f(t, Conn(a, func(to net.Addr) *Link {
			if to.String() != b.LocalAddr().String() {
				t.Errorf("a packet to %v", to)
			}
			return link
		}), b)
	})
}

// An arrival is a packet's number and how long after the first was sent it came.
type arrival struct {
	number uint32
	after  time.Duration
}

// collect reads from b what comes within for, counted from since.
func collect(t *testing.T, b net.PacketConn, since time.Time, within time.Duration) (got []arrival) {
	t.Helper()
	if err := b.SetReadDeadline(since.Add(within)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2000)
	for {
		n, _, err := b.ReadFrom(buf)
		if err != nil {
			return got
		}
		if n != 1200 {
			t.Fatalf("%d bytes came", n)
		}
		got = append(got, arrival{binary.BigEndian.Uint32(buf), time.Since(since)})
	}
}

func packet(number uint32) []byte {
	b := make([]byte, 1200)
	binary.BigEndian.PutUint32(b, number)
	return b
}

func TestAConnDeliversWhenTheLinkSays(t *testing.T) {
	p := Profile{Delay: 40 * time.Millisecond, Jitter: 10 * time.Millisecond, Loss: 0.2, Reorder: 0.2, Duplicate: 0.2, Rate: 10e6}
	between(t, New(p, 11), func(t *testing.T, a, b net.PacketConn) {
		began, twin := time.Now(), New(p, 11)
		var want []arrival
		done := make(chan bool)
		go func() {
			defer close(done)
			for i := range uint32(300) {
				sent := packet(i)
				for _, at := range twin.Send(time.Now(), len(sent)) {
					want = append(want, arrival{i, at.Sub(began)})
				}
				if n, err := a.WriteTo(sent, b.LocalAddr()); n != len(sent) || err != nil {
					t.Errorf("%d, %v", n, err)
				}
				clear(sent) // the caller's buffer is the caller's again
				time.Sleep(time.Millisecond)
			}
		}()
		got := collect(t, b, began, 10*time.Second)
		<-done
		slices.SortStableFunc(want, func(x, y arrival) int { return int(x.after - y.after) })
		if !slices.Equal(got, want) {
			t.Errorf("%d packets came, %d were to come, or at other times", len(got), len(want))
		}
		if len(want) < 200 || len(want) > 350 {
			t.Errorf("the link lets %d of 300 pass: the test shows little", len(want))
		}
	})
}

func TestAConnWithoutALinkIsInner(t *testing.T) {
	between(t, nil, func(t *testing.T, a, b net.PacketConn) {
		began := time.Now()
		if _, err := a.WriteTo(packet(1), b.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		if got := collect(t, b, began, time.Second); len(got) != 1 || got[0].after != 0 {
			t.Errorf("%v", got)
		}
	})
}

func TestWhatIsReadIsNotTouched(t *testing.T) {
	between(t, New(Profile{Delay: time.Hour, Loss: 1}, 1), func(t *testing.T, a, b net.PacketConn) {
		began := time.Now()
		if _, err := b.WriteTo(packet(5), a.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		if got := collect(t, a, began, time.Second); len(got) != 1 || got[0] != (arrival{5, 0}) {
			t.Errorf("%v", got)
		}
	})
}

func TestWhatIsOnItsWayIsLostWithTheConn(t *testing.T) {
	between(t, New(Profile{Delay: 50 * time.Millisecond}, 1), func(t *testing.T, a, b net.PacketConn) {
		began := time.Now()
		for i := range uint32(10) {
			if _, err := a.WriteTo(packet(i), b.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if err := a.Close(); err != nil { // 100 ms after the first: five have arrived, the sixth this very moment or not
			t.Fatal(err)
		}
		if got := collect(t, b, began, time.Second); len(got) < 5 || len(got) > 6 {
			t.Errorf("%v", got)
		}
		if _, err := a.WriteTo(packet(11), b.LocalAddr()); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

func TestAConnIsWidened(t *testing.T) {
	inner, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	c := Conn(inner, nil).(*conn)
	if err := errors.Join(c.SetReadBuffer(1<<16), c.SetWriteBuffer(1<<16)); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := c.SetReadBuffer(1 << 16); err == nil {
		t.Error("a closed socket was widened: inner was not asked")
	}
}
