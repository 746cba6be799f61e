package sfu

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/quic-go/quic-go"

	"stentor/relay"
	"stentor/relay/wire"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// patience is how long a test waits for something that has to happen.
const patience = 20 * time.Second

// serve runs f until the test ends, and waits for it.
func serve(t *testing.T, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = f(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

func newSFU(t *testing.T, edit ...func(*Config)) (*SFU, *prometheus.Registry) {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	c := Config{Conn: conn, Advertise: []netip.Addr{loopback}, Registerer: reg}
	for _, f := range edit {
		f(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, s.Run)
	return s, reg
}

// stage is a relay of one node with one stream on it.
type stage struct {
	t     *testing.T
	relay *relay.Relay
	epoch atomic.Uint64

	mu     sync.Mutex // guards the following
	tracks map[string]*relay.Track
	opened chan string // names, as they are opened
	asked  atomic.Int32
}

func newStage(t *testing.T) *stage {
	t.Helper()
	r, err := relay.New(relay.Config{
		Node:   "n1",
		Dial:   func(context.Context, string) (*quic.Conn, error) { return nil, errors.New("nobody else") },
		Parent: func(wire.TrackID, func(string) bool) (string, bool) { return "", false },
	})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, r.Run)
	return &stage{t: t, relay: r, tracks: make(map[string]*relay.Track), opened: make(chan string, 16)}
}

func (s *stage) id(name string) wire.TrackID {
	return wire.TrackID{Webinar: "w_test", Stream: "main", Name: name}
}

// Track is the Sink.
func (s *stage) Track(name string, info wire.TrackInfo, keyframe func(int)) (*relay.Track, error) {
	track, err := s.relay.Publish(s.id(name), info, s.epoch.Add(1), func(layer int) { s.asked.Add(1); keyframe(layer) })
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.tracks[name] = track
	s.mu.Unlock()
	s.opened <- name
	return track, nil
}

func (s *stage) track(name string) *relay.Track {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tracks[name]
}

func (s *stage) source(name string, info wire.TrackInfo) Source {
	return Source{Name: "main/" + name, Info: info, Subscribe: func(ctx context.Context) (*relay.Subscription, error) {
		return s.relay.Subscribe(ctx, s.id(name))
	}}
}

// newPeer is a client on loopback; bare is one without interceptors, whose RTCP
// is the test's.
func newClient(t *testing.T, bare bool, edit ...func(*webrtc.SettingEngine)) *webrtc.PeerConnection {
	t.Helper()
	var e webrtc.SettingEngine
	e.SetIncludeLoopbackCandidate(true)
	e.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	for _, f := range edit {
		f(&e)
	}
	m := &webrtc.MediaEngine{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	for _, uri := range []string{extPlayoutDelay, extAbsCaptureTime} {
		if err := m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeVideo); err != nil {
			t.Fatal(err)
		}
	}
	reg := &interceptor.Registry{}
	if !bare {
		if err := webrtc.RegisterDefaultInterceptors(m, reg); err != nil {
			t.Fatal(err)
		}
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(e), webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(reg)).
		NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	return pc
}

func offerOf(t *testing.T, pc *webrtc.PeerConnection) string {
	t.Helper()
	o, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(o); err != nil {
		t.Fatal(err)
	}
	<-gathered
	return pc.LocalDescription().SDP
}

func accept(t *testing.T, pc *webrtc.PeerConnection, answer string) {
	t.Helper()
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatalf("%v\n%s", err, answer)
	}
}

// wait waits for a channel.
func wait[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not happen", what)
	}
	panic("unreachable")
}

// until waits for each of the changes that events tells of until ok.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s did not happen", what)
		}
	}
}

// A camera publishes H.264 whose packets the test makes.
type camera struct {
	t     *testing.T
	pc    *webrtc.PeerConnection
	track *webrtc.TrackLocalStaticRTP
	pub   *Publisher
	plis  chan struct{}
	seq   uint16
	time  uint32
	sent  [][]byte // payloads
}

func newCamera(t *testing.T, s *SFU, st *stage, edit ...func(offer string) string) *camera {
	t.Helper()
	c := &camera{t: t, pc: newClient(t, false), plis: make(chan struct{}, 64), seq: uint16(rand.Uint32()), time: rand.Uint32()}
	var err error
	c.track, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90000, SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}, "video", "cam")
	if err != nil {
		t.Fatal(err)
	}
	tr, err := c.pc.AddTransceiverFromTrack(c.track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		t.Fatal(err)
	}
	// H.264 first, as a page that wants everyone to watch would say.
	var codecs []webrtc.RTPCodecParameters
	for _, p := range tr.Sender().GetParameters().Codecs {
		if p.PayloadType == 102 || p.PayloadType == 103 || p.PayloadType == 106 || p.PayloadType == 107 || p.PayloadType == 108 || p.PayloadType == 109 {
			codecs = append(codecs, p)
		}
	}
	if err := tr.SetCodecPreferences(codecs); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			packets, _, err := tr.Sender().ReadRTCP()
			if err != nil {
				return
			}
			for _, p := range packets {
				if _, ok := p.(*rtcp.PictureLossIndication); ok {
					c.plis <- struct{}{}
				}
			}
		}
	}()
	offer := offerOf(t, c.pc)
	for _, f := range edit {
		offer = f(offer)
	}
	c.pub, err = s.Publish(t.Context(), offer, st, nil)
	if err != nil {
		t.Fatal(err)
	}
	up := make(chan struct{})
	c.pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateConnected {
			close(up)
		}
	})
	accept(t, c.pc, c.pub.Answer())
	wait(t, up, "the publisher's transport")
	wait(t, st.opened, "the publisher's track")
	return c
}

// frame sends one frame of n packets.
func (c *camera) frame(key bool, n int) {
	c.t.Helper()
	for i := range n {
		payload := make([]byte, 1000)
		for j := range payload {
			payload[j] = byte(rand.Uint32())
		}
		payload[0] = 0x61 // a slice of a picture that refers to others
		if key {
			payload[0] = 0x65
			if i == 0 {
				payload[0] = 0x67 // parameters first
			}
		}
		c.sent = append(c.sent, payload)
		err := c.track.WriteRTP(&rtp.Packet{
			Header:  rtp.Header{Version: 2, SequenceNumber: c.seq, Timestamp: c.time, Marker: i == n-1},
			Payload: payload,
		})
		if err != nil {
			c.t.Fatal(err)
		}
		c.seq++
	}
	c.time += 3000
}

// arrived waits until everything that was sent is in the ring.
func (c *camera) arrived(st *stage) {
	c.t.Helper()
	track := st.track("video")
	want := c.seq - 1
	until(c.t, "the arrival of what the camera sent", func() bool {
		r := track.Reader(0)
		defer r.Close()
		for {
			p := r.Try()
			if p == nil {
				return false
			}
			if uint16(p.Seq) == want {
				return true
			}
		}
	})
}

// A screen watches and keeps what it gets.
type screen struct {
	t      *testing.T
	pc     *webrtc.PeerConnection
	view   *Viewer
	got    chan *rtp.Packet
	again  chan *rtp.Packet // came as RTX
	remote chan *webrtc.TrackRemote
	rtcp   chan rtcp.Packet
}

func newScreen(t *testing.T, s *SFU, st *stage, edit ...func(*webrtc.SettingEngine)) *screen {
	t.Helper()
	c := &screen{
		t: t, pc: newClient(t, true, edit...), got: make(chan *rtp.Packet, 4096), again: make(chan *rtp.Packet, 4096),
		remote: make(chan *webrtc.TrackRemote, 1), rtcp: make(chan rtcp.Packet, 64),
	}
	_, err := c.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	if err != nil {
		t.Fatal(err)
	}
	c.pc.OnTrack(func(tr *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		c.remote <- tr
		go func() {
			for {
				packets, _, err := receiver.ReadRTCP()
				if err != nil {
					return
				}
				for _, p := range packets {
					c.rtcp <- p
				}
			}
		}()
		for {
			p, a, err := tr.ReadRTP()
			if err != nil {
				close(c.got)
				return
			}
			if a.Get(webrtc.AttributeRtxSsrc) != nil {
				c.again <- p
			} else {
				c.got <- p
			}
		}
	})
	c.view, err = s.View(t.Context(), offerOf(t, c.pc), []Source{st.source("video", st.track("video").Info())})
	if err != nil {
		t.Fatal(err)
	}
	accept(t, c.pc, c.view.Answer())
	return c
}

func (c *screen) next() *rtp.Packet {
	c.t.Helper()
	return wait(c.t, c.got, "a packet at the viewer")
}
