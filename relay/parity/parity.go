// Package parity repairs what a link loses before QUIC has noticed: Reed-Solomon parity under quic-go, in the socket.
//
// It stands between quic-go and the UDP socket of the mesh. What quic-go sends goes out untouched, in place and at
// once; to a peer that asked for it, some more packets follow, from which the peer makes again what was lost on the
// way and hands it to its own quic-go as if it had arrived. A retransmission costs a round trip and a half; this costs
// a share of the bytes, and a few milliseconds.
//
// Data packets stay plain QUIC, so a peer without parity sees nothing. Two kinds of packets are added, whose first byte
// neither QUIC (RFC 9000 section 17: 0x40 or 0x80 is set) nor memberlist (0, 1, 244) can have:
//
//	+------+-------+--------+------------+------------------+---------------------------------+
//	| 3e   | u8    | u32    | u8         | count x 3 bytes  | to the end                      |
//	| row  | count | block  | place      | tags             | piece                           |
//	+------+-------+--------+------------+------------------+---------------------------------+
//
//	+------+--------+-------------+-------------+-------------+
//	| 3f   | u32    | u32         | u32         | u32         |
//	| told | block  | covered     | missed      | recovered   |  all that was since the first
//	+------+--------+-------------+-------------+-------------+
//
// A block is 1 to 20 data packets. Each is a shard: its length in two bytes, its bytes, zeros up to the longest of the
// group. Row r of the code is byte by byte the sum of the shards times a Cauchy matrix over GF(2^8) (systematic
// Reed-Solomon, as in RFC 5510; the field is that of klauspost/reedsolomon, 0x11d). A row would be longer than what it protects, and
// no longer pass where a full data packet just does; so shards of more than 1,200 bytes are cut into two
// stripes, each of which is coded by itself. place is (two stripes) 0x80, (the second) 0x40, row 0x0f. A tag is the
// last three bytes of a data packet, which are of its AEAD tag and so as good as random: by them the peer finds what
// it has, and sees that what it made is right. Blocks are counted from a random number; told echoes the newest that
// was seen, so that who sees no packets cannot forge it.
//
// What cannot be parsed, what speaks of blocks that no memory is left for, and what comes from an address that
// [Conn.Protect] and [Conn.Stats] were not called for is dropped and counted. Nothing is kept for strangers. Forged parity of a known
// peer can at worst undo the recovery of what is in flight and costs less than forged QUIC does: QUIC
// authenticates what comes out.
//
// The package does not decide how much parity a link gets ([Need] and [Dose] only compute it), knows no keys and reads
// no QUIC beyond its first byte. Parity is not under QUIC's congestion control; it is a bounded share of what is.
package parity

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config is what a Conn is made of; the zero value is good.
type Config struct {
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	// Unreachable hears, from a goroutine that reads or writes, of addresses whose host says by ICMP that nobody has the
	// port; so it must not block, and believe little: ICMP can be forged by who guesses the ports. Linux alone, and
	// of a *net.UDPConn alone. Nil when nobody wants to know.
	Unreachable func(peer netip.AddrPort)
	// Now is the clock by which loss is averaged and blocks expire; nil is time.Now.
	Now func() time.Time
}

// A Conn is the parity of one UDP socket. Its methods may be called from any goroutine.
type Conn struct {
	log     *slog.Logger
	now     func() time.Time
	metrics *metrics
	coder   coder
	socket  net.PacketConn
	raw     writer

	unreachable func(netip.AddrPort) // nil: nobody wants to know

	guarded, mending atomic.Int32 // peers that get parity; whose parity is used

	known atomic.Pointer[map[netip.AddrPort]*peer] // replaced, never changed

	mu     sync.Mutex // guards replacing known, and the following
	sweep  *time.Timer
	closed bool
}

// A writer puts packets on the wire.
type writer interface {
	// write sends the packets of r with the control messages oob, at once where it can.
	write(r run, oob []byte, to net.Addr) error
}

// Wrap puts parity on c, of which it becomes the only reader and writer. Give [Conn.Socket] to quic.Transport, in place
// of c. The error says why the kernel refused.
//
// A *net.UDPConn keeps segmented sends, ECN and packet info for quic-go and is read with UDP_GRO where the
// kernel has it (Linux 5.0): from then on c itself gives packets glued together. Any other PacketConn is read and written
// packet by packet.
func Wrap(c net.PacketConn, cfg Config) (*Conn, error) {
	if c == nil {
		return nil, errors.New("parity: there is no socket")
	}
	p := &Conn{log: cfg.Logger, now: cfg.Now, unreachable: cfg.Unreachable}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if p.now == nil {
		p.now = time.Now
	}
	p.metrics = newMetrics(cfg.Registerer, p)
	p.known.Store(&map[netip.AddrPort]*peer{})
	if u, ok := c.(*net.UDPConn); ok {
		return p, p.wrapUDP(u)
	}
	p.wrapPlain(c)
	return p, nil
}

// Socket is what quic.Transport reads and writes: a quic.OOBCapablePacketConn when a *net.UDPConn was wrapped.
// Closing it closes what was wrapped.
func (c *Conn) Socket() net.PacketConn { return c.socket }

// Protect sends so many packets' worth of parity to peer for each 20 data packets, of whatever connection, up to [Most]; 0
// ends that. Parity from an address is accepted once Protect or Stats was called for it, so one of them must be called for
// every neighbour that understands parity, and for nobody else. Who was neither sent to nor named for a minute is
// forgotten.
func (c *Conn) Protect(peer netip.AddrPort, parity int) {
	for p := c.meet(unmap(peer)); p != nil; p = c.meet(unmap(peer)) {
		p.used.Store(true)
		if p.protect(min(max(parity, 0), Most)) {
			return
		}
	}
}

// Knock sends peer a packet that means nothing to it: what a peer that is given no parity tells of its losses. If nobody has
// the port, its host says so by ICMP (see Config.Unreachable). QUIC knows nothing of it, so nothing is acknowledged.
func (c *Conn) Knock(peer netip.AddrPort) {
	c.send(run{toldLen, told{}.append(nil)}, nil, net.UDPAddrFromAddrPort(unmap(peer)))
}

// Stats counts the packets of one peer since it is known; they all only grow, but Loss.
type Stats struct {
	Data          uint64  // data packets to the peer that were protected
	Parity        uint64  // packets of parity to it
	Bytes         uint64  // of these, without UDP and IP headers
	Received      uint64  // packets of parity from it
	Recovered     uint64  // data packets that were lost on their way here, and came back
	Unrecoverable uint64  // data packets that were lost with more others than parity covered
	PeerMissed    uint64  // of Data, what did not reach the peer by itself, as it tells once or twice a second
	PeerRecovered uint64  // of PeerMissed, what it recovered
	Loss          float64 // share of Data of the last seconds that did not reach the peer by itself; QUIC sees only what parity left
}

// Stats returns what is known of peer, whose parity is accepted from now on; zeros when there was nothing.
func (c *Conn) Stats(peer netip.AddrPort) Stats {
	p := c.meet(unmap(peer))
	if p == nil {
		return Stats{}
	}
	p.used.Store(true)
	return p.snapshot(c.now())
}
