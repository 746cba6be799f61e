package relay

import (
	"sync"

	"github.com/quic-go/quic-go"
)

// creditAt is how many streams that are over are given back at once, below a hundredth of what a neighbour may have open
// (mesh.QUICConfig). What is left of one is about a kilobyte.
const creditAt = 64

// Credits are streams that are over, for which the neighbour may not open others yet (RFC 9000, section 4.6). QUIC says for each
// one that it may, as soon as it has been read: with a stream for each frame that is a packet for each, which comes when nothing else
// is to be sent, and which the other side acknowledges by one more. So they are given back many at a time, when there are
// [creditAt] or when the link is looked at (reportEvery). On connections without RequireStreamCreditRelease it does nothing.
type credits struct {
	mu   sync.Mutex // guards the following
	over []*quic.ReceiveStream
}

// ended takes a stream of which no more is read.
func (c *credits) ended(stream *quic.ReceiveStream) {
	c.mu.Lock()
	c.over = append(c.over, stream)
	full := len(c.over) >= creditAt
	c.mu.Unlock()
	if full {
		c.release()
	}
}

// release gives back all there are.
func (c *credits) release() {
	c.mu.Lock()
	over := c.over
	c.over = nil
	c.mu.Unlock()
	for _, stream := range over {
		stream.ReleaseStreamCredit()
	}
}
