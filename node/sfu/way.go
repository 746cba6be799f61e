package sfu

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/pion/webrtc/v4"

	"stentor/node/sfu/send"
)

// A way is how sealed packets reach one viewer past pion: the socket, the keys of
// its DTLS session and its address. Only a viewer over UDP whose handshake agreed on
// AES-GCM has one.
type way struct {
	socket    outlet
	streams   *streams // whose addresses the socket does not reach; nil: none
	handshake send.Handshake
	dest      atomic.Pointer[send.Dest] // follows the selected candidate pair
	aim       sync.Mutex                // over asking for that pair and setting dest: the older of two pairs must not win

	mu      sync.Mutex // guards the following
	session *send.Session
}

// An outlet is what a way needs of a [send.Socket].
type outlet interface {
	Dest(to netip.AddrPort) (*send.Dest, error)
	Batch() *send.Batch
	Send(b *send.Batch, d *send.Dest) error
	Post(r *send.Round)
	Return(b *send.Batch)
}

// errMoved is the end of a viewer whose connection left UDP: pion would begin its
// counting of packets anew with the same keys, which must not be.
var errMoved = errors.New("sfu: the viewer moved to a transport that its media cannot follow to; it has to ask anew")

// listen makes the way overhear the handshake of a connection that is to be made
// with these settings.
func (w *way) listen(e *webrtc.SettingEngine) {
	e.SetDTLSKeyLogWriter(&w.handshake)
	e.SetDTLSServerHelloMessageHook(w.handshake.ServerHello)
}

// follow keeps the destination where the other side is.
func (w *way) follow(c *peer, t *webrtc.ICETransport) {
	t.OnSelectedCandidatePairChange(func(pair *webrtc.ICECandidatePair) {
		w.aim.Lock()
		defer w.aim.Unlock()
		if newest, err := t.GetSelectedCandidatePair(); err == nil && newest != nil {
			pair = newest
		}
		if !w.moved(pair) && w.open() {
			go c.close(errMoved)
		}
	})
}

// moved sets the destination to the far end of a pair, and reports whether that can
// be reached by the socket. Where it cannot, the destination stays.
func (w *way) moved(pair *webrtc.ICECandidatePair) bool {
	if pair == nil || pair.Remote == nil || pair.Remote.Protocol != webrtc.ICEProtocolUDP {
		return false
	}
	addr, err := netip.ParseAddr(pair.Remote.Address)
	if err != nil {
		return false
	}
	to := netip.AddrPortFrom(addr.Unmap(), pair.Remote.Port)
	if d := w.dest.Load(); d != nil && d.Addr() == to {
		return true
	}
	if w.streams.to(to) != nil {
		return false
	}
	d, err := w.socket.Dest(to)
	if err != nil {
		return false
	}
	w.dest.Store(d)
	return true
}

// begin takes the keys once the handshake is over. Whether there is a way is decided
// here, once: who has begun with pion's SRTP session stays there.
func (w *way) begin(t *webrtc.ICETransport) {
	if !w.aimed(t) {
		w.handshake.Forget()
		return
	}
	keys, err := w.handshake.Keys()
	if err != nil {
		return
	}
	session, err := send.NewSession(keys)
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.session = session
}

// aimed sets the destination to where the other side is now, and reports whether the
// socket reaches it.
func (w *way) aimed(t *webrtc.ICETransport) bool {
	w.aim.Lock()
	defer w.aim.Unlock()
	pair, err := t.GetSelectedCandidatePair()
	return err == nil && w.moved(pair)
}

// open reports whether packets go this way.
func (w *way) open() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.session != nil
}

// stream returns the one writer of an SSRC.
func (w *way) stream(ssrc uint32) (*send.Stream, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.session == nil {
		return nil, send.ErrNoKeys
	}
	return w.session.Stream(ssrc)
}
