// Package rtcclient publishes the demo's clip by WHIP (RFC 9725) and plays a
// webinar by WHEP (draft-ietf-wish-whep-03), for the demo, the tests and the
// benchmarks.
//
// It stands outside of a node, where OBS and browsers stand: it knows nothing but
// URLs and bearers, and imports nothing of the server, so that what it measures is
// what went over the wire. It encodes and decodes no pictures, and is no player
// for people.
package rtcclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/transport/v4/stdnet"
	"github.com/pion/webrtc/v4"
)

// captureTimeURI names the RTP header extension that says when a frame was taken.
const captureTimeURI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"

const (
	// connectWithin is how long ICE and DTLS may take together.
	connectWithin = 10 * time.Second
	// A server that is gone is silent: two seconds without an answer to a check, sent
	// twice a second, is more than a loaded machine needs.
	disconnectedAfter = 2 * time.Second
	failedAfter       = 2 * time.Second
	checkEvery        = 500 * time.Millisecond
	// repeatFlight is how soon a DTLS flight is sent again: the first one is often
	// lost, since it overtakes the ICE check that opens the other side.
	repeatFlight = 50 * time.Millisecond
)

// The formats that both sides speak. The levels are what the clip needs and what
// browsers say; servers compare profiles.
var (
	videoFormat = webrtc.RTPCodecParameters{
		PayloadType: 102,
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeH264, ClockRate: 90000,
			SDPFmtpLine:  "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e033",
			RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}},
		},
	}
	repairFormat = webrtc.RTPCodecParameters{
		PayloadType:        103,
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: "apt=102"},
	}
	audioFormat = webrtc.RTPCodecParameters{
		PayloadType: 111,
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
		},
	}
)

// link is a connection to one WHIP or WHEP session.
type link struct {
	pc   *webrtc.PeerConnection
	log  *slog.Logger
	res  *resource
	up   chan struct{} // closed when connected
	done chan struct{} // closed when it is over
}

// newLink makes a peer connection towards a server.
func newLink(endpoint string, interceptors *interceptor.Registry, log *slog.Logger) (*link, error) {
	engine := &webrtc.MediaEngine{}
	for _, codec := range []webrtc.RTPCodecParameters{videoFormat, repairFormat, audioFormat} {
		kind := webrtc.RTPCodecTypeVideo
		if codec.MimeType == webrtc.MimeTypeOpus {
			kind = webrtc.RTPCodecTypeAudio
		}
		if err := engine.RegisterCodec(codec, kind); err != nil {
			return nil, fmt.Errorf("rtcclient: %w", err)
		}
	}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if err := engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: captureTimeURI}, kind); err != nil {
			return nil, fmt.Errorf("rtcclient: %w", err)
		}
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(interceptors), webrtc.WithSettingEngine(settings(endpoint)))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, fmt.Errorf("rtcclient: %w", err)
	}
	l := &link{pc: pc, log: log, up: make(chan struct{}), done: make(chan struct{})}
	pc.OnConnectionStateChange(l.changed())
	return l, nil
}

func settings(endpoint string) webrtc.SettingEngine {
	var s webrtc.SettingEngine
	// What matters comes up as a state; the rest is pion's own conversation.
	s.LoggerFactory = &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetICETimeouts(disconnectedAfter, failedAfter, checkEvery)
	s.SetDTLSRetransmissionInterval(repeatFlight)
	s.SetIncludeLoopbackCandidate(true)
	if n, err := stdnet.NewNet(); err == nil { // else pion makes its own, and says what is wrong
		s.SetNet(roomy{n})
	}
	if onThisMachine(endpoint) { // other addresses would be of no use, and a server takes only so many
		s.SetIPFilter(net.IP.IsLoopback)
	}
	return s
}

// onThisMachine reports whether an endpoint is at a loopback address.
func onThisMachine(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	a, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && a.IsLoopback()
}

// changed follows the connection. Pion says connected once and may say closed or
// failed more than once, one call at a time.
func (l *link) changed() func(webrtc.PeerConnectionState) {
	connected := sync.OnceFunc(func() { close(l.up) }) // pion calls from several goroutines
	over := sync.OnceFunc(func() { close(l.done) })
	return func(s webrtc.PeerConnectionState) {
		l.log.Debug("connection", "state", s.String())
		switch s {
		case webrtc.PeerConnectionStateConnected:
			connected()
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed, webrtc.PeerConnectionStateDisconnected:
			over()
		}
	}
}

// connect negotiates with the server and waits until media can flow.
func (l *link) connect(ctx context.Context, h *http.Client, endpoint, bearer string) error {
	offer, err := l.offer(ctx)
	if err != nil {
		return err
	}
	answer, res, err := offerTo(ctx, h, endpoint, bearer, offer)
	if err != nil {
		return err
	}
	l.res = res
	if err := l.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return fmt.Errorf("rtcclient: the server's answer: %w", err)
	}
	timeout := time.NewTimer(connectWithin)
	defer timeout.Stop()
	select {
	case <-l.up:
		return nil
	case <-l.done:
		return errors.New("rtcclient: the connection for media failed")
	case <-timeout.C:
		return fmt.Errorf("rtcclient: no connection for media after %v: is UDP to the server blocked?", connectWithin)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// offer describes this side, all candidates in it.
func (l *link) offer(ctx context.Context) (string, error) {
	gathered := webrtc.GatheringCompletePromise(l.pc)
	offer, err := l.pc.CreateOffer(nil)
	if err == nil {
		err = l.pc.SetLocalDescription(offer)
	}
	if err != nil {
		return "", fmt.Errorf("rtcclient: %w", err)
	}
	select {
	case <-gathered:
		return l.pc.LocalDescription().SDP, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// close ends the session at the server and the connection. It may take until ctx
// is done, no longer.
func (l *link) close(ctx context.Context) {
	if l.res != nil {
		if err := l.res.end(ctx); err != nil {
			l.log.Debug("the session was not deleted", "err", err)
		}
	}
	if err := l.pc.Close(); err != nil {
		l.log.Debug("close", "err", err)
	}
}

// captureID returns the id that the extension of capture times has in this session,
// 0 where the server did not take it.
func captureID(p webrtc.RTPParameters) uint8 {
	for _, e := range p.HeaderExtensions {
		if strings.EqualFold(e.URI, captureTimeURI) {
			return uint8(e.ID)
		}
	}
	return 0
}
