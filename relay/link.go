package relay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"stentor/relay/window"
	"stentor/relay/wire"
)

const (
	// helloWait is how long the dialling side may take to open the control stream.
	helloWait = 5 * time.Second
	// idleAfter is when the side that dialled ends a link over which neither side pulls anything.
	idleAfter = 30 * time.Second
	// maxFeeds is how many tracks one neighbour may pull: a webinar with everyone on stage, many times over.
	maxFeeds = 1024
	// maxQueue is how many control messages may wait to be sent: four for each track in either direction, since all of a
	// stage begin, end and change their way at once, and then the queue grows faster than QUIC takes it. With room for
	// 256, nine hundred subscriptions in a millisecond ended a link that was well.
	maxQueue = 8 * maxFeeds
	// unreadAfter is how long QUIC may take to take a few of them; then the neighbour does not read. Control messages go
	// before all media, so that a link that is merely full sends them within round trips.
	unreadAfter = 3 * time.Second
)

// Codes with which a connection is closed.
const (
	codeBye       quic.ApplicationErrorCode = 0x10 // the node stops, or the link is idle
	codeDuplicate quic.ApplicationErrorCode = 0x11 // there is another link between the two
	codeBlame     quic.ApplicationErrorCode = 0x12 // the other side broke a rule, named in the reason
	codeSilent    quic.ApplicationErrorCode = 0x13 // the other side was not heard
)

// Codes with which a stream is reset or refused.
const (
	codeLate    quic.StreamErrorCode = 0x20 // the frame missed its deadline
	codeGone    quic.StreamErrorCode = 0x21 // the frame died further up
	codeUnknown quic.StreamErrorCode = 0x22 // nobody here wants the frame
)

var errDuplicate = errors.New("another link to the neighbour is there")

// An endError is why a link ended.
type endError struct {
	code   quic.ApplicationErrorCode
	reason string // of the metric, and what the neighbour is told
	err    error
}

func (e *endError) Error() string { return fmt.Sprintf("link ended (%s): %v", e.reason, e.err) }
func (e *endError) Unwrap() error { return e.err }

// A link is the one connection to a neighbour. Either side pulls over it.
type link struct {
	relay      *Relay
	peer       string
	conn       *quic.Conn
	dialled    bool // by this side
	control    *quic.Stream
	out        chan wire.Message
	writing    atomic.Int64   // since when control messages are being written, nanoseconds since born; 0: none is
	congestion congestion     // of what is sent, see regulate
	credits    credits        // of what came
	window     *window.Window // of congestion, nil when it is QUIC's own
	version    atomic.Uint64  // that both sides speak, see speaks
	born       time.Time
	heard      atomic.Int64                // when the neighbour last gave a sign of life, nanoseconds since born: clocks are set
	said       atomic.Int64                // when media were last given to QUIC, nanoseconds since born
	silent     atomic.Bool                 // nothing is heard at the moment
	leaving    atomic.Bool                 // the neighbour is about to stop
	refused    chan time.Time              // when ICMP said that nobody is there
	inbound    atomic.Pointer[wire.Report] // what the neighbour says of its packets to here, nil before it has

	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
	done   chan struct{} // closed when the link is over
	err    error         // why; to be read after done

	mu        sync.Mutex // guards the following
	alias     uint64     // the last that this side chose
	upstreams map[uint64]*upstream
	feeds     map[uint64]*feed
	last      uint64    // the highest alias that the neighbour chose
	busy      time.Time // when something was last pulled over the link
}

func (r *Relay) newLink(conn *quic.Conn, control *quic.Stream, peer string, dialled bool) *link {
	l := &link{
		relay: r, peer: peer, conn: conn, dialled: dialled, control: control,
		out: make(chan wire.Message, maxQueue), done: make(chan struct{}), born: time.Now(), busy: time.Now(),
		upstreams: map[uint64]*upstream{}, feeds: map[uint64]*feed{}, refused: make(chan time.Time, 1),
	}
	if r.cfg.Windows != nil {
		l.window = r.cfg.Windows.Own(conn, wire.Heartbeat{}.Append(nil))
	}
	l.ctx, l.cancel = context.WithCancelCause(r.ctx)
	control.SetPriority(0, false)
	l.out <- wire.Hello{Version: wire.Version, Least: wire.Least, Node: r.cfg.Node} // before anything else
	return l
}

// Accept serves a connection that a neighbour dialled until it ends, and returns why. The caller vouches that the other
// side is peer.
func (r *Relay) Accept(ctx context.Context, conn *quic.Conn, peer string) error {
	wait, cancel := context.WithTimeout(ctx, helloWait)
	defer cancel()
	control, err := conn.AcceptStream(wait)
	if err != nil {
		r.metrics.linksEnded.WithLabelValues("hello").Inc()
		_ = conn.CloseWithError(codeBlame, "hello")
		return fmt.Errorf("relay: accept from %s: %w", peer, err)
	}
	l := r.newLink(conn, control, peer, false)
	r.mu.Lock()
	if !r.admit(l) {
		r.mu.Unlock()
		l.end(errDuplicate)
		r.metrics.linksEnded.WithLabelValues("duplicate").Inc()
		_ = conn.CloseWithError(codeDuplicate, "duplicate")
		return fmt.Errorf("relay: accept from %s: %w", peer, errDuplicate)
	}
	r.wg.Add(1) // admit has seen that the relay has not ended
	r.mu.Unlock()
	defer r.wg.Done()
	stop := context.AfterFunc(ctx, func() { l.end(&endError{codeBye, "stopped", ctx.Err()}) })
	defer stop()
	l.run()
	return fmt.Errorf("relay: %s: %w", peer, l.err)
}

// admit makes l the link to its neighbour, unless a better one is there. When both have dialled at once, both keep the
// connection of the one whose name is lower; when the same side dialled again, the older one is dead. r.mu is held.
func (r *Relay) admit(l *link) bool {
	if r.closed {
		return false
	}
	old := r.links[l.peer]
	if old != nil {
		mine := r.cfg.Node < l.peer // whose connections are kept
		if old.dialled != l.dialled && old.dialled == mine {
			return false
		}
		old.end(&endError{codeDuplicate, "duplicate", errDuplicate})
	}
	r.links[l.peer] = l
	if r.draining {
		_ = l.send(wire.Leaving{})
	}
	return true
}

// link returns the link to a node, and dials when there is none.
func (r *Relay) link(ctx context.Context, node string) (*link, error) {
	for {
		r.mu.Lock()
		if l := r.links[node]; l != nil {
			r.mu.Unlock()
			return l, nil
		}
		dial := r.dials[node]
		if dial == nil {
			dial = make(chan struct{})
			r.dials[node] = dial
			r.mu.Unlock()
			l, err := r.dial(ctx, node)
			r.mu.Lock()
			delete(r.dials, node)
			r.mu.Unlock()
			close(dial)
			return l, err
		}
		r.mu.Unlock()
		select {
		case <-dial:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (r *Relay) dial(ctx context.Context, node string) (*link, error) {
	conn, err := r.cfg.Dial(ctx, node)
	if err != nil {
		return nil, fmt.Errorf("relay: dial %s: %w", node, err)
	}
	control, err := conn.OpenStreamSync(ctx)
	if err != nil {
		_ = conn.CloseWithError(codeBye, "")
		return nil, fmt.Errorf("relay: dial %s: %w", node, err)
	}
	l := r.newLink(conn, control, node, true)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.admit(l) && r.spawn(l.run) {
		return l, nil
	}
	l.end(errDuplicate)
	_ = conn.CloseWithError(codeDuplicate, "duplicate")
	if other := r.links[node]; other != nil && other != l {
		return other, nil
	}
	return nil, ErrClosed
}

// run serves the link until it ends.
func (l *link) run() {
	for _, part := range []func() error{l.readControl, l.writeControl, l.acceptFrames, l.readDatagrams, l.beat, l.regulate} {
		l.wg.Go(func() {
			if err := part(); err != nil {
				l.end(err)
			}
		})
	}
	<-l.ctx.Done()
	end := l.why()
	_ = l.conn.CloseWithError(end.code, end.reason)
	r := l.relay
	r.mu.Lock()
	if r.links[l.peer] == l {
		delete(r.links, l.peer)
	}
	r.mu.Unlock()
	l.err = end
	close(l.done)
	l.pokeAll()
	l.wg.Wait()
	r.metrics.linksEnded.WithLabelValues(end.reason).Inc()
	r.log.Info("relay: link ended", "peer", l.peer, "reason", end.reason, "error", end.err)
}

// end ends the link; the first reason counts.
func (l *link) end(err error) { l.cancel(err) }

// why turns the cause of the end into its reason.
func (l *link) why() *endError {
	cause := context.Cause(l.ctx)
	var end *endError
	if errors.As(cause, &end) {
		return end
	}
	var remote *quic.ApplicationError
	switch {
	case errors.As(cause, &remote) && remote.ErrorCode == codeDuplicate:
		return &endError{codeBye, "duplicate", errDuplicate}
	case errors.As(cause, &remote):
		return &endError{codeBye, "remote", cause}
	case l.relay.ctx.Err() != nil:
		return &endError{codeBye, "stopped", cause}
	}
	return &endError{codeBye, "lost", cause}
}

// blame ends the link because the neighbour broke a rule, and returns the error.
func (l *link) blame(rule string, err error) error {
	end := &endError{codeBlame, rule, err}
	l.end(end)
	return end
}

// send queues a control message. When the queue is full, or does not move (stuck), the neighbour does not read, and the link
// ends.
func (l *link) send(m wire.Message) error {
	select {
	case l.out <- m:
		return nil
	case <-l.ctx.Done():
		return context.Cause(l.ctx)
	default:
		return l.blame("slow", errors.New("control messages are not read"))
	}
}

// stuck ends the link when QUIC has not taken control messages for too long.
func (l *link) stuck(now time.Time) error {
	since := l.writing.Load()
	if since == 0 || now.Sub(l.born)-time.Duration(since) < unreadAfter {
		return nil
	}
	return l.blame("slow", errors.New("control messages are not read"))
}

// speaks returns the highest version that both sides speak, 0 before the neighbour has said Hello.
func (l *link) speaks() uint64 { return l.version.Load() }

func (l *link) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.upstreams)+len(l.feeds) > 0 {
		l.busy = time.Now()
	}
	return l.dialled && time.Since(l.busy) >= idleAfter
}
