package mesh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"stentor/cluster/pki"
)

// The kinds of streams: the first byte that the opener writes.
const (
	KindRaft byte = 'r'
	KindHTTP byte = 'h'
)

const (
	// dialTimeout bounds the making of a connection for calls; whoever waits
	// may give up earlier.
	dialTimeout = 5 * time.Second
	// kindTimeout is how long a stream may say nothing about what it is.
	kindTimeout = 5 * time.Second
	// waiting is how many streams of one kind may wait to be accepted.
	waiting = 128

	streamRefused quic.StreamErrorCode = 1
	streamClosed  quic.StreamErrorCode = 0
)

// RPC carries calls between nodes: one connection for each node that is called,
// and a stream for each call. Raft and HTTP go over it.
type RPC struct {
	port   *Port
	ctx    context.Context // of the dials, which outlive who asked for them
	cancel context.CancelFunc

	mu        sync.Mutex // guards the following; never held while dialling
	pool      map[string]*pooled
	listeners map[byte]*streamListener
}

// pooled is a connection, or the dial that will give one.
type pooled struct {
	ready chan struct{} // closed when conn or err is there
	conn  *quic.Conn
	err   error
}

// NewRPC makes the calls of a port.
func NewRPC(p *Port) *RPC {
	r := &RPC{port: p, pool: map[string]*pooled{}, listeners: map[byte]*streamListener{}}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	p.Listen(ALPNRPC)
	return r
}

// Run serves the streams that others open, until ctx is done.
func (r *RPC) Run(ctx context.Context) error {
	defer r.cancel()
	l := r.port.Listen(ALPNRPC)
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		conn, err := l.Accept(ctx)
		if err != nil {
			return nil
		}
		wg.Go(func() { r.serve(ctx, conn) })
	}
}

func (r *RPC) serve(ctx context.Context, conn *quic.Conn) {
	peer, err := Peer(conn)
	if err != nil {
		conn.CloseWithError(codeBusy, "no identity")
		return
	}
	for {
		s, err := conn.AcceptStream(ctx)
		if err != nil {
			return
		}
		s.ReleaseStreamCredit() // it counts no longer than it lives
		go r.dispatch(&streamConn{Stream: s, conn: conn, peer: peer})
	}
}

// dispatch reads what a stream is and hands it to its listener.
func (r *RPC) dispatch(c *streamConn) {
	var kind [1]byte
	c.SetReadDeadline(time.Now().Add(kindTimeout))
	if _, err := c.Stream.Read(kind[:]); err != nil {
		c.refuse()
		return
	}
	c.SetReadDeadline(time.Time{})
	r.mu.Lock()
	l := r.listeners[kind[0]]
	r.mu.Unlock()
	if l == nil || (kind[0] == KindRaft && c.peer.Role != pki.Voter) {
		r.port.metrics.refused.WithLabelValues(ALPNRPC, "kind").Inc()
		c.refuse()
		return
	}
	if !l.offer(c) {
		r.port.metrics.refused.WithLabelValues(ALPNRPC, "busy").Inc()
		c.refuse()
	}
}

// Open opens a stream to a node. A pooled connection that died meanwhile is
// replaced once. Raft is spoken with voters only, whatever gossip says of a node.
func (r *RPC) Open(ctx context.Context, node string, kind byte) (net.Conn, error) {
	return r.openTo(ctx, node, kind, kind == KindRaft)
}

func (r *RPC) openTo(ctx context.Context, node string, kind byte, voter bool) (net.Conn, error) {
	c, err := r.open(ctx, node, kind, func(ctx context.Context) (*quic.Conn, error) {
		return r.port.Dial(ctx, node, ALPNRPC)
	})
	if err != nil || !voter {
		return c, err
	}
	if peer, err := PeerOfConn(c); err != nil || peer.Role != pki.Voter {
		c.Close()
		return nil, fmt.Errorf("mesh: call %s: %w", node, ErrNotVoter)
	}
	return c, nil
}

// OpenAddr opens a stream to whoever is at addr, if it is of this cluster.
func (r *RPC) OpenAddr(ctx context.Context, addr string, kind byte) (net.Conn, error) {
	return r.open(ctx, "@"+addr, kind, func(ctx context.Context) (*quic.Conn, error) {
		return r.port.DialAddr(ctx, addr, ALPNRPC)
	})
}

type dialFunc = func(context.Context) (*quic.Conn, error)

func (r *RPC) open(ctx context.Context, key string, kind byte, dial dialFunc) (net.Conn, error) {
	for fresh := false; ; fresh = true {
		p := r.connection(key, dial)
		select {
		case <-p.ready:
		case <-ctx.Done():
			return nil, fmt.Errorf("mesh: call %s: %w", key, context.Cause(ctx))
		}
		if p.err != nil {
			return nil, p.err
		}
		c, err := openOn(ctx, p.conn, kind)
		if err == nil {
			return c, nil
		}
		r.drop(key, p)
		if fresh || ctx.Err() != nil { // once more by another connection: this one may be dead, and not know it quite yet
			return nil, fmt.Errorf("mesh: call %s: %w", key, err)
		}
	}
}

func openOn(ctx context.Context, conn *quic.Conn, kind byte) (net.Conn, error) {
	s, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, err
	}
	peer, err := Peer(conn)
	if err != nil {
		return nil, err
	}
	c := &streamConn{Stream: s, conn: conn, peer: peer}
	if _, err := s.Write([]byte{kind}); err != nil {
		c.refuse()
		return nil, err
	}
	return c, nil
}

// connection finds or starts the one connection for key. The dial runs on its
// own, so that whoever is impatient does not spoil it for the others.
func (r *RPC) connection(key string, dial dialFunc) *pooled {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.pool[key]; p != nil && p.usable() {
		return p
	}
	p := &pooled{ready: make(chan struct{})}
	r.pool[key] = p
	go func() {
		ctx, cancel := context.WithTimeout(r.ctx, dialTimeout)
		defer cancel()
		p.conn, p.err = dial(ctx)
		if p.err != nil {
			r.port.metrics.dials.WithLabelValues("failed").Inc()
			r.drop(key, p)
		} else {
			r.port.metrics.dials.WithLabelValues("connected").Inc()
		}
		close(p.ready)
	}()
	return p
}

func (p *pooled) usable() bool {
	select {
	case <-p.ready:
		return p.err == nil && p.conn.Context().Err() == nil
	default:
		return true // being dialled
	}
}

// drop forgets p, unless it has been replaced already.
func (r *RPC) drop(key string, p *pooled) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pool[key] == p {
		delete(r.pool, key)
	}
}

// Listener hands out the streams of one kind that other nodes open; 'r' comes
// from voters only. Kinds that nobody listens to are refused.
func (r *RPC) Listener(kind byte) net.Listener {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.listeners[kind]
	if l == nil {
		l = newStreamListener(r.port.LocalAddr())
		r.listeners[kind] = l
	}
	return l
}

// Transport makes HTTP requests to nodes: http://n1/path. A stream is cheaper
// than keeping one, so that each request has its own.
func (r *RPC) Transport() http.RoundTripper { return r.transport(false) }

// VoterTransport is Transport for what only voters may see: it sends nothing to a
// node whose certificate does not say that it votes.
func (r *RPC) VoterTransport() http.RoundTripper { return r.transport(true) }

func (r *RPC) transport(voter bool) http.RoundTripper {
	return &http.Transport{
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			node, _, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, fmt.Errorf("mesh: call %s: %w", addr, err)
			}
			return r.openTo(ctx, node, KindHTTP, voter)
		},
	}
}

type peerKey struct{}

// ConnContext is for [http.Server.ConnContext]: handlers find who asks by
// [PeerOf].
func (r *RPC) ConnContext(ctx context.Context, c net.Conn) context.Context {
	if s, ok := c.(*streamConn); ok {
		return context.WithValue(ctx, peerKey{}, s.peer)
	}
	return ctx
}

// PeerOf is the node that made a request, by its certificate.
func PeerOf(ctx context.Context) (pki.Identity, bool) {
	id, ok := ctx.Value(peerKey{}).(pki.Identity)
	return id, ok
}

var errListenerClosed = errors.New("mesh: listener closed")
