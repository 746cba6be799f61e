package sfu

import (
	"errors"
	"io"
	"sync"

	"github.com/pion/transport/v4/packetio"
	"github.com/pion/webrtc/v4"
	"github.com/prometheus/client_golang/prometheus"

	"stentor/relay/rtp"
)

// A publisher's streams are bounded: whoever publishes may name a new SSRC in every packet,
// and pion keeps a buffer and up to three goroutines for each until the connection ends. An
// encoder that begins anew (a camera that was changed, a page that came back) takes one per
// size and its repairs; restarts is how often that may happen in one connection.
const restarts = 32

// errChurn is the end of a publisher that goes beyond that.
var errChurn = errors.New("sfu: too many streams: their sources change without end")

// maxStreamsOf is how many buffers a publisher's connection may take: of RTP and RTCP for
// each stream and for its repairs.
func maxStreamsOf(p *plan) int {
	n := 0
	for _, c := range p.used {
		n += max(1, len(c.rids))
	}
	return n * 4 * restarts
}

// streamBuffer is as many bytes as pion's own buffers of a stream hold: half a second of
// 4K, for as long as nobody reads.
const streamBuffer = 1 << 20

// bound counts the streams of a connection, and ends it when they are too many.
func (c *peer) bound(e *webrtc.SettingEngine) {
	taken := newNames(c.plan)
	e.BufferFactory = func(kind packetio.BufferPacketType, _ uint32) io.ReadWriteCloser {
		b := packetio.NewBuffer()
		b.SetLimitSize(streamBuffer)
		c.mu.Lock()
		c.churn--
		over := c.churn == -1
		c.mu.Unlock()
		if over {
			c.sfu.metrics.churn.Inc()
			go c.close(errChurn) // which waits for who called
		}
		if kind == packetio.RTPBufferPacket && taken != nil {
			return &namedBuffer{Buffer: b, taken: taken, refused: c.sfu.metrics.dropped.WithLabelValues("rid_taken")}
		}
		return b
	}
}

// names are the RIDs that streams of a connection have. The first stream with a name keeps
// it: pion would change the track under whoever reads it. Browsers do not change sources.
type names struct {
	ids [2]uint8 // of the extensions: media, repairs; 0: not negotiated

	mu    sync.Mutex // guards the following
	taken map[string]bool
}

// newNames returns nil where no stream has a name.
func newNames(p *plan) *names {
	for _, c := range p.used {
		if c.rids != nil {
			return &names{ids: [2]uint8{c.section.exts[extRID], c.section.exts[extRepairedRID]}, taken: make(map[string]bool)}
		}
	}
	return nil
}

// take takes the names that a stream's packet carries. Known is false where it carries none.
func (n *names) take(packet []byte) (known, refused bool) {
	p, err := rtp.Parse(packet)
	if err != nil {
		return false, false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, id := range n.ids {
		name := p.Extension(id)
		if id == 0 || len(name) == 0 {
			continue
		}
		key := string(append([]byte{byte(i)}, name...))
		known = true
		if n.taken[key] || len(n.taken) > 4*MaxRIDs {
			return true, true
		}
		n.taken[key] = true
	}
	return known, false
}

// A namedBuffer is between the transport and pion's track: it lets the packets of a stream
// through, unless another stream has its name.
type namedBuffer struct {
	*packetio.Buffer
	taken          *names
	known, foreign bool // of the one goroutine that writes
	refused        prometheus.Counter
}

// Write takes a packet, in the clear.
func (b *namedBuffer) Write(packet []byte) (int, error) {
	if !b.known {
		b.known, b.foreign = b.taken.take(packet)
	}
	if b.foreign {
		b.refused.Inc()
		return len(packet), nil
	}
	return b.Buffer.Write(packet)
}
