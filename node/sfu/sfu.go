// Package sfu is WebRTC at one node: publishers in, viewers out.
//
// A publisher's RTP packets go verbatim into the ring of a [relay.Track]. A shard, one
// goroutine per core, drains such rings for its viewers, rewrites the headers for each
// and hands the packets to a sender: past pion, in batches, where the viewer's cipher
// and transport allow it (node/sfu/send), else by pion's, in a goroutine of its own. A
// viewer costs nothing but memory of its answer until its first check has come. What a viewer asks for, it gets from
// the ring: lost packets by RTX, a key frame where a newer one is there. Only
// what the ring does not hold reaches the publisher, merged by the track.
//
// pion does SDP, ICE, DTLS and what comes in. The package never shows pion an offer as it
// came: it is checked against bounds, reduced to the sections and the one codec
// of each that will be used, and what was refused is put back into the answer.
//
// The package decides nothing about who may enter and speaks no HTTP; that is
// node/session and node/signal. A stream has one audio and one video track:
// further sections of an offer that would send are refused with port 0. Of a picture that
// comes in several sizes (simulcast by RID) each is a layer of the track, smallest first.
package sfu

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
	"github.com/pion/webrtc/v4"
	"github.com/prometheus/client_golang/prometheus"

	"stentor/node/sfu/send"
)

// Config says what an SFU needs.
type Config struct {
	Conn       net.PacketConn // the one UDP socket of all publishers and viewers; the SFU closes it
	Advertise  []netip.Addr   // host candidates of every answer, all with Conn's port; loopback allowed
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Streams    net.Listener  // ICE-TCP, for those whom UDP does not reach; nil: none. Run closes it
	Net        transport.Net // nil: the machine's network; tests pass a virtual one
	Highest    send.Rung     // how packets go out at best; 0: by runs of equal size (UDP_SEGMENT)

	// StartBitrate is what a Chromium publisher is told to start with (and not to
	// fall below), in kbit/s. Without it Chromium begins at 300 and silently
	// sends "4K" as 1080p. 0: 8000. Negative: say nothing.
	StartBitrate int
}

// Time limits of a connection. A visitor who takes longer than connectTimeout
// from the answer to the end of the DTLS handshake is gone, and a half-open
// PeerConnection must not stay (it costs 240 KB); one that fell silent for
// silentTimeout is either asleep or on another network, and comes anew.
const (
	connectTimeout    = 20 * time.Second
	disconnectTimeout = 5 * time.Second
	silentTimeout     = 20 * time.Second
	keepAlive         = 2 * time.Second
)

// ErrClosed is the answer to whoever comes while the SFU stops.
var ErrClosed = errors.New("sfu: closed")

// SFU serves the publishers and viewers of one node.
type SFU struct {
	cfg      Config
	log      *slog.Logger
	now      func() time.Time // replaced by tests
	mux      *advertisedMux
	settings webrtc.SettingEngine
	metrics  *metrics
	outlet   *send.Socket // nil: there is no socket of the kernel's, all goes by pion
	shards   []*shard     // one per core
	inlet    *inlet
	door     *door
	streams  *streams // nil: no TCP

	identity identity

	mu     sync.Mutex // guards the following
	peers  map[*peer]struct{}
	closed bool
}

// New returns an SFU on cfg.Conn, which it reads from now on.
func New(cfg Config) (*SFU, error) {
	if cfg.Conn == nil || len(cfg.Advertise) == 0 {
		return nil, errors.New("sfu: Conn and Advertise are required")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.StartBitrate == 0 {
		cfg.StartBitrate = 8000
	}
	s := &SFU{cfg: cfg, log: cfg.Logger, now: time.Now, metrics: newMetrics(cfg.Registerer), peers: make(map[*peer]struct{})}
	if conn, ok := cfg.Conn.(*net.UDPConn); ok {
		outlet, err := send.NewSocket(send.Config{Conn: conn, Registerer: cfg.Registerer, Highest: cfg.Highest})
		if err != nil {
			return nil, fmt.Errorf("sfu: %w", err)
		}
		s.outlet = outlet
	}
	for range runtime.GOMAXPROCS(0) {
		s.shards = append(s.shards, newShard())
	}
	logs := pionLogs{log: cfg.Logger}
	inlet, err := newInlet(cfg.Conn, s.metrics)
	if err != nil {
		return nil, err
	}
	s.inlet, s.door = inlet, newDoor(s.metrics)
	inlet.knock = s.door.knock
	if cfg.Streams != nil {
		s.streams = newStreams(cfg.Streams, inlet, s.metrics)
		inlet.streams = s.streams
	}
	mux, err := newAdvertisedMux(cfg, logs, inlet)
	if err != nil {
		return nil, err
	}
	s.mux = mux
	if s.settings, err = newSettings(cfg, mux, logs); err != nil {
		mux.Close()
		return nil, err
	}
	return s, nil
}

// newSettings are the settings of every PeerConnection.
func newSettings(cfg Config, mux ice.UDPMux, logs pionLogs) (webrtc.SettingEngine, error) {
	var e webrtc.SettingEngine
	e.LoggerFactory = logs
	e.SetLite(true)
	e.SetICEUDPMux(mux)
	e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	e.SetIncludeLoopbackCandidate(true) // which candidates there are is the mux's choice
	e.SetICETimeouts(disconnectTimeout, silentTimeout-disconnectTimeout, keepAlive)
	e.SetDTLSRetransmissionInterval(50 * time.Millisecond) // FFmpeg connects in 82 ms instead of 1,020
	// The server picks: as a client pion would get AES-CM-SHA1 from Chromium,
	// several times dearer than GCM.
	e.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	e.SetReceiveMTU(receiveMTU)
	// A publisher without RTX repeats a lost packet on the media SSRC. By then a 4K
	// stream is hundreds of packets further, and the default window of 64 takes the
	// repair for a replay.
	e.SetSRTPReplayProtectionWindow(replayWindow)
	if cfg.Net != nil {
		e.SetNet(cfg.Net)
	} else if n, err := stdnet.NewNet(); err == nil { // else each connection asks the kernel for the machine's interfaces, and keeps them
		e.SetNet(n)
	}
	if err := e.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
		return e, fmt.Errorf("sfu: %w", err)
	}
	return e, nil
}

// replayWindow is as many packets as a ring of video holds: what is older is of
// no use to anyone.
const replayWindow = 4096

// receiveMTU is the largest packet that is read. WebRTC keeps below 1,200 bytes
// of payload; the rest is for extensions and for encoders that do not.
const receiveMTU = 1600

// Run serves until ctx is done, then closes every connection and the socket.
func (s *SFU) Run(ctx context.Context) error {
	carry, stop := context.WithCancel(context.WithoutCancel(ctx)) // to the last viewer's end
	var carrying sync.WaitGroup
	for _, h := range s.shards {
		carrying.Go(func() { h.run(carry, false) })
	}
	if s.streams != nil {
		carrying.Go(func() {
			if err := s.streams.run(carry); err != nil {
				s.log.Error("no more connections by TCP", "err", err)
			}
		})
	}
	defer carrying.Wait()
	defer stop()
	<-ctx.Done()
	s.mu.Lock()
	s.closed = true
	peers := make([]*peer, 0, len(s.peers))
	for p := range s.peers {
		peers = append(peers, p)
	}
	s.mu.Unlock()
	for _, p := range peers {
		p.close(ErrClosed)
	}
	for _, p := range peers {
		<-p.gone
	}
	if err := s.mux.Close(); err != nil {
		return fmt.Errorf("sfu: %w", err)
	}
	return nil
}

// candidates are the lines that say where this side is.
func (s *SFU) candidates() []string {
	tcp := 0
	if s.streams != nil {
		tcp = s.streams.port()
	}
	return candidateLines(s.cfg.Advertise, s.mux.local.Port, tcp)
}

// An identity is the certificate that all connections of this node show. One per
// connection would cost a key each, and tells nobody anything: the answer that names it
// comes by HTTPS.
type identity struct {
	mu   sync.Mutex // guards the following
	cert *webrtc.Certificate
	made time.Time
}

// renewIdentity is how often there is a new one. pion's last a month, and a connection
// may begin up to connectTimeout after its answer.
const renewIdentity = 7 * 24 * time.Hour

func (i *identity) certificate(now time.Time) (*webrtc.Certificate, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.cert != nil && now.Sub(i.made) < renewIdentity {
		return i.cert, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("sfu: %w", err)
	}
	cert, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return nil, fmt.Errorf("sfu: %w", err)
	}
	i.cert, i.made = cert, now
	return cert, nil
}

// add lists p, unless the SFU stops.
func (s *SFU) add(p *peer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.peers[p] = struct{}{}
	return nil
}

func (s *SFU) remove(p *peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.peers, p)
}
