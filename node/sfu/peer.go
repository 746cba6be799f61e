package sfu

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// A peer is one PeerConnection and its end. Whatever ends it (its owner, the
// other side, silence, the context that it was made for), it is closed once and
// always.
type peer struct {
	sfu       *SFU
	plan      *plan
	direction webrtc.RTPTransceiverDirection
	cert      *webrtc.Certificate
	making    chan struct{} // held by who makes the connection, or changes how ICE begins; guards the following
	me        introduction
	answer    string
	api       *webrtc.API // written before pc

	connected chan struct{}   // closed when media can flow
	ctx       context.Context // done as soon as the end is decided; its cause says why
	cancel    context.CancelCauseFunc
	gone      chan struct{} // closed when nothing of it is left running
	ended     func()        // called once, before gone is closed
	way       *way          // nil: media goes by pion

	once    sync.Once
	mu      sync.Mutex             // guards the following
	pc      *webrtc.PeerConnection // nil: nobody came yet; does not change again
	up      bool
	over    bool           // no more goroutines
	churn   int            // publishers: how many streams may still come
	unwatch []func() bool  // what waited for other reasons to end
	work    sync.WaitGroup // goroutines that must end before gone
}

// newPeer lists a connection that is to be: it costs next to nothing yet.
func (s *SFU) newPeer(p *plan, direction webrtc.RTPTransceiverDirection) (*peer, error) {
	cert, err := s.identity.certificate(s.now())
	if err != nil {
		return nil, err
	}
	c := &peer{
		sfu: s, plan: p, direction: direction, connected: make(chan struct{}), gone: make(chan struct{}), ended: func() {},
		making: make(chan struct{}, 1), me: introduction{credentials: newCredentials(), candidates: s.candidates()}, cert: cert,
	}
	if c.me.fingerprint, err = fingerprintOf(cert); err != nil {
		return nil, err
	}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	return c, s.add(c)
}

// connect makes the PeerConnection, without negotiating yet.
func (c *peer) connect(reg *interceptor.Registry) error {
	engine, err := c.plan.engine(c.direction)
	if err != nil {
		return err
	}
	settings := c.sfu.settings
	settings.SetICECredentials(c.me.ufrag, c.me.pwd)
	if c.plan.offer.passive {
		if err := settings.SetAnsweringDTLSRole(webrtc.DTLSRoleClient); err != nil {
			return fmt.Errorf("sfu: %w", err)
		}
	}
	var past *way
	if c.sfu.outlet != nil && c.direction == webrtc.RTPTransceiverDirectionSendonly {
		past = &way{socket: c.sfu.outlet, streams: c.sfu.streams}
		past.listen(&settings)
	}
	if c.direction == webrtc.RTPTransceiverDirectionRecvonly {
		c.bound(&settings)
	}
	c.api = webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(reg))
	pc, err := c.api.NewPeerConnection(webrtc.Configuration{
		BundlePolicy: webrtc.BundlePolicyMaxBundle, Certificates: []webrtc.Certificate{*c.cert},
	})
	if err != nil {
		return fmt.Errorf("sfu: %w", err)
	}
	c.mu.Lock()
	c.pc, c.way = pc, past
	over := c.over
	c.mu.Unlock()
	if over { // it ended meanwhile
		_ = pc.GracefulClose()
		return errHungUp
	}
	pc.OnConnectionStateChange(c.stateChanged)
	if past != nil {
		past.follow(c, c.transport())
	}
	return nil
}

// negotiate takes the plan's offer, and returns pion's answer.
func (c *peer) negotiate() (string, error) {
	remote, err := c.plan.reduced()
	if err != nil {
		return "", err
	}
	if err := c.pc.SetRemoteDescription(remote); err != nil {
		return "", refuse(CodeUnsupported, "The offer cannot be answered: %v.", err)
	}
	answer, err := c.pc.CreateAnswer(nil)
	if err != nil {
		return "", refuse(CodeUnsupported, "The offer cannot be answered: %v.", err)
	}
	gathered := webrtc.GatheringCompletePromise(c.pc)
	if err := c.pc.SetLocalDescription(answer); err != nil {
		return "", refuse(CodeUnsupported, "The offer cannot be answered: %v.", err)
	}
	select {
	case <-gathered: // host candidates of a socket that is there: at once
	case <-c.ctx.Done():
		return "", c.err()
	}
	return c.pc.LocalDescription().SDP, nil
}

// live ties the peer to ctx and gives it connectTimeout to come up.
func (c *peer) live(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	late := time.AfterFunc(connectTimeout, func() {
		select {
		case <-c.connected:
		default:
			c.close(errTimeout)
		}
	})
	c.unwatch = append(c.unwatch, late.Stop, context.AfterFunc(ctx, func() { c.close(context.Cause(ctx)) }))
}

var errTimeout = fmt.Errorf("sfu: not connected after %v", connectTimeout)

// transport is the ICE transport that all media shares (max-bundle).
func (c *peer) transport() *webrtc.ICETransport {
	return c.pc.SCTP().Transport().ICETransport()
}

func (c *peer) stateChanged(state webrtc.PeerConnectionState) {
	switch state {
	case webrtc.PeerConnectionStateConnected:
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.up {
			c.up = true
			if c.way != nil {
				c.way.begin(c.transport())
			}
			close(c.connected)
		}
	case webrtc.PeerConnectionStateFailed:
		go c.close(errSilent)
	case webrtc.PeerConnectionStateClosed:
		go c.close(errHungUp)
	}
}

var (
	errSilent = errors.New("sfu: the other side fell silent")
	errHungUp = errors.New("sfu: the other side hung up")
)

// close ends the connection; the first cause stands. When it returns, nothing
// more is sent or received.
func (c *peer) close(cause error) {
	c.once.Do(func() {
		c.mu.Lock()
		c.over = true
		for _, stop := range c.unwatch {
			stop()
		}
		pc := c.pc
		c.mu.Unlock()
		c.cancel(cause)
		if pc != nil {
			if err := pc.Close(); err != nil {
				c.sfu.log.Debug("closing a connection", "err", err)
			}
		}
		go c.finish(pc)
	})
}

// finish waits for what the connection still had running.
func (c *peer) finish(pc *webrtc.PeerConnection) {
	if pc != nil {
		if err := pc.GracefulClose(); err != nil {
			c.sfu.log.Debug("closing a connection", "err", err)
		}
	}
	c.work.Wait()
	c.making <- struct{}{} // whoever begins ICE anew is done, or will see that it is over
	c.sfu.door.forget(c.me.ufrag)
	<-c.making
	if c.way != nil {
		c.way.handshake.Forget() // of a handshake that nothing came of
	}
	c.sfu.remove(c)
	c.ended()
	close(c.gone)
}

// flowing reports whether media can flow: the transport is up and has not ended.
func (c *peer) flowing() bool {
	select {
	case <-c.connected:
		return c.ctx.Err() == nil
	default:
		return false
	}
}

func (c *peer) err() error { return context.Cause(c.ctx) }

// run starts a part of the connection, unless it has ended.
func (c *peer) run(part func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.work.Go(part)
	}
}

// hold keeps the connection's end waiting until release, unless it has ended.
func (c *peer) hold() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false
	}
	c.work.Add(1)
	return true
}

func (c *peer) release() { c.work.Done() }

func (c *peer) writeRTCP(p ...rtcp.Packet) {
	if err := c.pc.WriteRTCP(p); err != nil {
		c.sfu.metrics.dropped.WithLabelValues("rtcp").Inc()
	}
}
