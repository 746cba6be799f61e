package sfu

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	pionrtp "github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"github.com/pion/webrtc/v4"
	"github.com/prometheus/client_golang/prometheus"

	"stentor/node/sfu/send"
	"stentor/relay/wire"
)

func TestTheSendPathFollowsFromWhatTheViewerCan(t *testing.T) {
	only := func(p dtls.SRTPProtectionProfile) func(*webrtc.SettingEngine) {
		return func(e *webrtc.SettingEngine) { e.SetSRTPProtectionProfiles(p) }
	}
	hidden := func(c *Config) { c.Conn = struct{ net.PacketConn }{c.Conn} }
	for name, c := range map[string]struct {
		server func(*Config)
		viewer func(*webrtc.SettingEngine)
		kind   string
		rung   string
	}{
		"AES-128-GCM":           {nil, only(dtls.SRTP_AEAD_AES_128_GCM), "batched", "gso"},
		"AES-256-GCM":           {nil, only(dtls.SRTP_AEAD_AES_256_GCM), "batched", "gso"},
		"AES-CM":                {nil, only(dtls.SRTP_AES128_CM_HMAC_SHA1_80), "pion", ""},
		"no segments":           {func(c *Config) { c.Highest = send.Messages }, nil, "batched", "sendmmsg"},
		"a packet a call":       {func(c *Config) { c.Highest = send.Single }, nil, "batched", "single"},
		"a socket that is none": {hidden, nil, "pion", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if c.server == nil {
				c.server = func(*Config) {}
			}
			if c.viewer == nil {
				c.viewer = func(*webrtc.SettingEngine) {}
			}
			s, reg := newSFU(t, c.server)
			st := newStage(t)
			cam := newCamera(t, s, st)
			cam.frame(true, 20)
			cam.arrived(st)
			scr := newScreen(t, s, st, c.viewer)
			for i, want := range cam.sent {
				if p := scr.next(); !bytes.Equal(p.Payload, want) {
					t.Fatalf("packet %d differs", i)
				}
			}
			if n := metric(t, reg, "senders", c.kind); n != 1 {
				t.Errorf("%v senders of kind %s", n, c.kind)
			}
			if c.rung != "" { // counted after the call in which they go out
				until(t, "all packets by "+c.rung, func() bool { return sentBy(t, reg, c.rung) == float64(len(cam.sent)) })
			}
		})
	}
}

func sentBy(t *testing.T, reg *prometheus.Registry, rung string) (n float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "stentor_send_packets_total" && m.GetLabel()[0].GetValue() == rung {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}

// kernel is an outlet whose buffer the test fills.
type kernel struct {
	real *send.Socket
	err  error
	sent int
	lent int

	posts int // calls for several
}

func (k *kernel) Dest(to netip.AddrPort) (*send.Dest, error) { return k.real.Dest(to) }
func (k *kernel) Batch() *send.Batch                         { k.lent++; return k.real.Batch() }
func (k *kernel) Return(b *send.Batch)                       { k.lent--; k.real.Return(b) }

func (k *kernel) Send(b *send.Batch, d *send.Dest) error {
	if k.err != nil {
		return k.err
	}
	k.sent += b.Left()
	return k.real.Send(b, d)
}

func (k *kernel) Post(r *send.Round) {
	k.posts++
	for i := range r.Len() {
		b, _ := r.Sent(i)
		k.sent += b.Left()
	}
	k.real.Post(r)
}

// newKernel makes a way with keys of the test's, to a socket that nobody reads.
func newKernel(t testing.TB) (*kernel, *way) {
	t.Helper()
	var conns [2]*net.UDPConn
	for i := range conns {
		c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		conns[i] = c
	}
	socket, err := send.NewSocket(send.Config{Conn: conns[0], Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	k := &kernel{real: socket}
	w := &way{socket: k}
	if w.session, err = send.NewSession(send.Keys{Key: make([]byte, 16), Salt: make([]byte, 12)}); err != nil {
		t.Fatal(err)
	}
	to := conns[1].LocalAddr().(*net.UDPAddr)
	if !w.moved(&webrtc.ICECandidatePair{Remote: &webrtc.ICECandidate{Address: to.IP.String(), Port: uint16(to.Port), Protocol: webrtc.ICEProtocolUDP}}) {
		t.Fatal("no destination")
	}
	return k, w
}

// give writes n packets from seq on.
func give(t *testing.T, s *batched, ssrc uint32, seq uint16, n int) {
	t.Helper()
	for i := range n {
		p := append(s.buffer(), 0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(ssrc), 1, 2, 3)
		binary.BigEndian.PutUint16(p[2:], seq+uint16(i))
		if err := s.write(p); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatAFullBufferDoes(t *testing.T) {
	for name, c := range map[string]struct {
		audio       bool
		err         error
		before      int // written while it is full, in batches of one
		lost, after int // what goes out with one more once there is room
	}{
		"video is dropped":            {false, send.ErrFull, 3, 3, 1},
		"audio waits a little":        {true, send.ErrFull, keptAudio, 0, keptAudio + 1},
		"but not for long":            {true, send.ErrFull, keptAudio + 1, keptAudio + 1, 1},
		"audio for nobody is dropped": {true, send.ErrRefused, 2, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			k, w := newKernel(t)
			s, err := newBatched(w, 1, 2, c.audio)
			if err != nil {
				t.Fatal(err)
			}
			k.err = c.err
			lost := 0
			for i := range c.before {
				give(t, s, 1, uint16(i), 1)
				lost += s.flush()
			}
			if lost != c.lost {
				t.Errorf("%d lost, want %d", lost, c.lost)
			}
			k.err = nil
			give(t, s, 1, uint16(c.before), 1)
			if n := s.flush(); n != 0 || k.sent != c.after || k.lent != 0 {
				t.Errorf("%d lost, %d sent (want %d), %d arenas lent", n, k.sent, c.after, k.lent)
			}
		})
	}
}

func TestManyRepairsGoOutAsTheyFillTheArena(t *testing.T) {
	k, w := newKernel(t)
	s, err := newBatched(w, 1, 2, false)
	if err != nil {
		t.Fatal(err)
	}
	give(t, s, 2, 0, 100)
	if k.sent != 96 || s.flush() != 0 || k.sent != 100 || k.lent != 0 {
		t.Errorf("%d sent, %d arenas lent", k.sent, k.lent)
	}
	k.err = send.ErrFull
	give(t, s, 2, 100, 100)
	if n := s.flush(); n != 100 || k.lent != 0 {
		t.Errorf("%d lost, %d arenas lent", n, k.lent)
	}
}

func TestAPacketTooLongIsNoEnd(t *testing.T) {
	_, w := newKernel(t)
	s, err := newBatched(w, 1, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	p := append(s.buffer(), 0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
	if err := s.write(append(p, make([]byte, send.MaxPacket)...)); !errors.Is(err, send.ErrPacket) {
		t.Errorf("%v", err)
	}
	give(t, s, 1, 1, 1)
	if n := s.flush(); n != 0 {
		t.Errorf("%d lost", n)
	}
}

func TestADestinationFollowsThePair(t *testing.T) {
	_, w := newKernel(t)
	first := w.dest.Load()
	pair := func(address string, protocol webrtc.ICEProtocol) *webrtc.ICECandidatePair {
		return &webrtc.ICECandidatePair{Remote: &webrtc.ICECandidate{Address: address, Port: 5, Protocol: protocol}}
	}
	for _, c := range []struct {
		name string
		pair *webrtc.ICECandidatePair
		ok   bool
		addr string
	}{
		{"no pair", nil, false, ""},
		{"a name instead of an address", pair("x.local", webrtc.ICEProtocolUDP), false, ""},
		{"TCP", pair("10.0.0.1", webrtc.ICEProtocolTCP), false, ""},
		{"IPv6, which the socket has not", pair("2001:db8::1", webrtc.ICEProtocolUDP), false, ""},
		{"from Wi-Fi to cellular", pair("10.0.0.1", webrtc.ICEProtocolUDP), true, "10.0.0.1:5"},
		{"the same again", pair("10.0.0.1", webrtc.ICEProtocolUDP), true, "10.0.0.1:5"},
	} {
		before := w.dest.Load()
		if ok := w.moved(c.pair); ok != c.ok {
			t.Errorf("%s: %v", c.name, ok)
		}
		if d := w.dest.Load(); !c.ok && d != first || c.ok && d.Addr().String() != c.addr {
			t.Errorf("%s: to %v", c.name, d.Addr())
		} else if c.name == "the same again" && d != before {
			t.Errorf("%s: forgot what it knew of the path", c.name)
		}
	}
}

func TestAnSSRCOfAViewerHasOneSender(t *testing.T) {
	_, w := newKernel(t)
	if _, err := newBatched(w, 1, 2, false); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]uint32{{1, 0}, {2, 0}, {3, 2}} {
		if _, err := newBatched(w, c[0], c[1], false); !errors.Is(err, send.ErrTaken) {
			t.Errorf("%v: %v", c, err)
		}
	}
	if _, err := newBatched(&way{}, 9, 0, false); !errors.Is(err, send.ErrNoKeys) {
		t.Errorf("without keys: %v", err)
	}
}

// The numbers of a viewer's stream go on when the publisher's extensions change: so
// does the roll-over counter, which a fresh start would set back (and use nonces
// twice).
func TestTheRollOverCounterSurvivesANewRewriter(t *testing.T) {
	_, w := newKernel(t)
	s, err := newBatched(w, 1, 2, false)
	if err != nil {
		t.Fatal(err)
	}
	ctx, err := srtp.CreateContext(make([]byte, 16), make([]byte, 12), srtp.ProtectionProfileAeadAes128Gcm)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, h264Info)
	b.f.sender = &opened{t: t, batched: s, ctx: ctx}
	for range 70 { // past 65,536
		b.frame(true, 1000)
		b.forward()
	}
	info := h264Info
	info.Extensions = []wire.Extension{{ID: 9, URI: extPlayoutDelay}}
	b.f.places[0], b.f.exts = place{}, info.Extensions // as if the last track had had them
	b.f.begin(b.track, 0)
	b.now = b.now.Add(time.Second)
	b.frame(true, 10)
	b.forward()
	if got := b.f.sender.(*opened).read; got != 70*1000+10 {
		t.Errorf("the viewer could read %d packets", got)
	}
}

// opened is a batched sender whose packets are read by pion's context on the way.
type opened struct {
	*batched
	t    *testing.T
	ctx  *srtp.Context
	read int
}

func (o *opened) write(packet []byte) error {
	plain := bytes.Clone(packet)
	if err := o.batched.write(packet); err != nil {
		o.t.Fatal(err)
	}
	got, err := o.ctx.DecryptRTP(nil, packet[:len(packet)+16], &pionrtp.Header{})
	if err != nil || !bytes.Equal(got, plain) {
		o.t.Fatalf("packet %d: %v", o.read, err)
	}
	o.read++
	return nil
}

// raced is set where allocations cannot be counted.
var raced bool

// What one viewer's packet costs, from the ring to the kernel, is no allocation.
func TestForwardingAllocatesNothing(t *testing.T) {
	_, w := newKernel(t)
	s, err := newBatched(w, 1, 2, false)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, h264Info)
	b.f.sender = s
	b.frame(true, 2000)
	if n := testing.AllocsPerRun(100, func() {
		for range maxBatch {
			if err := b.f.packet(b.track, b.reader.Try(), b.now); err != nil {
				t.Fatal(err)
			}
		}
	}); n >= 1 && !raced {
		t.Errorf("%v allocations for %d packets", n, maxBatch)
	}
}

// nowhere is an outlet that costs nothing.
type nowhere struct{ outlet }

func (nowhere) Send(b *send.Batch, _ *send.Dest) error { b.Clear(); return nil }

// BenchmarkForward is what this package adds to sealing and the kernel, per packet of
// 1,200 bytes: the ring, the header, the counting; and, beside it, the same with the
// seal.
func BenchmarkForward(b *testing.B) {
	f := newBench(b, h264Info)
	_, w := newKernel(b)
	w.socket = nowhere{w.socket}
	s, err := newBatched(w, 1, 2, false)
	if err != nil {
		b.Fatal(err)
	}
	f.f.sender = s
	f.payload = 1180
	b.ReportAllocs()
	b.SetBytes(1200)
	for n := 0; b.Loop(); n++ {
		if n%1000 == 0 {
			b.StopTimer()
			f.frame(true, 1000)
			b.StartTimer()
		}
		if err := f.f.packet(f.track, f.reader.Try(), f.now); err != nil {
			b.Fatal(err)
		}
	}
}
