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
	pc        *webrtc.PeerConnection
	answer    string
	connected chan struct{}   // closed when media can flow
	ctx       context.Context // done as soon as the end is decided; its cause says why
	cancel    context.CancelCauseFunc
	gone      chan struct{} // closed when nothing of it is left running
	ended     func()        // called once, before gone is closed
	way       *way          // nil: media goes by pion

	once    sync.Once
	mu      sync.Mutex // guards the following
	up      bool
	over    bool           // no more goroutines
	unwatch []func() bool  // what waited for other reasons to end
	work    sync.WaitGroup // goroutines that must end before gone
}

// newPeer makes the PeerConnection of a plan, without negotiating yet.
func (s *SFU) newPeer(p *plan, direction webrtc.RTPTransceiverDirection, reg *interceptor.Registry) (*peer, error) {
	engine, err := p.engine(direction)
	if err != nil {
		return nil, err
	}
	settings := s.settings
	var past *way
	if s.outlet != nil && direction == webrtc.RTPTransceiverDirectionSendonly {
		past = &way{socket: s.outlet}
		past.listen(&settings)
	}
	api := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(reg))
	pc, err := api.NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
	if err != nil {
		return nil, fmt.Errorf("sfu: %w", err)
	}
	c := &peer{
		sfu: s, pc: pc, connected: make(chan struct{}), gone: make(chan struct{}), ended: func() {}, way: past,
	}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	if err := s.add(c); err != nil {
		pc.Close()
		return nil, err
	}
	pc.OnConnectionStateChange(c.stateChanged)
	if past != nil {
		past.follow(c, c.transport())
	}
	return c, nil
}

// negotiate answers the plan's offer with all candidates in it.
func (c *peer) negotiate(p *plan) error {
	remote, err := p.reduced()
	if err != nil {
		return err
	}
	if err := c.pc.SetRemoteDescription(remote); err != nil {
		return refuse(CodeUnsupported, "The offer cannot be answered: %v.", err)
	}
	answer, err := c.pc.CreateAnswer(nil)
	if err != nil {
		return refuse(CodeUnsupported, "The offer cannot be answered: %v.", err)
	}
	gathered := webrtc.GatheringCompletePromise(c.pc)
	if err := c.pc.SetLocalDescription(answer); err != nil {
		return refuse(CodeUnsupported, "The offer cannot be answered: %v.", err)
	}
	select {
	case <-gathered: // host candidates of a socket that is there: at once
	case <-c.ctx.Done():
		return c.err()
	}
	c.answer, err = p.complete(c.pc.LocalDescription().SDP)
	return err
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
		c.mu.Unlock()
		c.cancel(cause)
		if err := c.pc.Close(); err != nil {
			c.sfu.log.Debug("closing a connection", "err", err)
		}
		go c.finish()
	})
}

// finish waits for what the connection still had running.
func (c *peer) finish() {
	if err := c.pc.GracefulClose(); err != nil {
		c.sfu.log.Debug("closing a connection", "err", err)
	}
	c.work.Wait()
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
