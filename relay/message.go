package relay

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"stentor/relay/rtp"
	"stentor/relay/wire"
)

// MaxMessage is the length of the longest message of a track of data: fourteen packets.
const MaxMessage = 16 << 10

const (
	// messagePart is how much of a message goes into one packet, so that it fits a datagram of QUIC with all headers.
	messagePart = 1180
	// messageSource is the SSRC of all messages: a track of data has one writer.
	messageSource = 0x53746e74
)

// Errors of [Track.Append].
var (
	ErrMessage = errors.New("relay: a message has 1 to 16384 bytes")
	ErrKind    = errors.New("relay: not a track of data")
)

// Append adds a message to a track of [wire.Data] that this node publishes. Readers everywhere get all messages in this
// order, and who comes later begins with the oldest that the ring still holds. The message is copied.
func (t *Track) Append(message []byte) error {
	switch {
	case t.info.Kind != wire.Data:
		return ErrKind
	case len(message) == 0 || len(message) > MaxMessage:
		return ErrMessage
	case t.ended():
		return ErrClosed
	}
	l := t.layers[0]
	l.mu.Lock()
	defer l.mu.Unlock()
	l.messages++
	for len(message) > 0 {
		part := message[:min(len(message), messagePart)]
		message = message[len(part):]
		p, err := rtp.Parse(messagePacket(t.info.PayloadType, l.appended, l.messages, part, len(message) == 0))
		if err != nil {
			return fmt.Errorf("relay: append: %w", err)
		}
		l.appended++
		p.Arrived = time.Now().UnixNano()
		l.number(&p)
	}
	return nil
}

// messagePacket writes one packet of a message: RTP (RFC 3550) whose time is the number of the message, and whose marker
// stands on the last packet.
func messagePacket(payloadType uint8, seq uint16, message uint32, part []byte, last bool) []byte {
	b := make([]byte, 12, 12+len(part))
	b[0], b[1] = 0x80, payloadType
	if last {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], message)
	binary.BigEndian.PutUint32(b[8:], messageSource)
	return append(b, part...)
}

// Message waits for the next message of a track of data. It returns [io.EOF] once the track has ended and everything is
// read. Where the ring has overwritten messages before they were read, the oldest that is left comes next, and
// [Reader.Skips] counts that.
func (r *Reader) Message(ctx context.Context) ([]byte, error) {
	if !r.ordered {
		return nil, ErrKind
	}
	for {
		p, err := r.Next(ctx)
		if err != nil {
			return nil, err
		}
		if p.Frame != r.partOf {
			r.partOf, r.parts = p.Frame, nil
			r.bad = p.Seq != p.Frame // its beginning is gone
		}
		if r.bad = r.bad || len(r.parts)+len(p.Payload()) > MaxMessage; r.bad {
			r.parts = nil
			continue
		}
		r.parts = append(r.parts, p.Payload()...)
		if p.Marker {
			m := r.parts
			r.parts, r.bad = nil, true
			return m, nil
		}
	}
}

// tryOrdered is Try for tracks of data: by sequence number, and nothing before what is missing.
func (r *Reader) tryOrdered() *rtp.Packet {
	ring := r.layer.ring
	for {
		if r.seq == 0 {
			begins, ok := ring.begins()
			if !ok {
				return nil // what the ring holds may not be the beginning
			}
			r.seq = max(begins, r.frame)
			if r.frame == 0 || begins > r.frame { // else the child has what is before
				r.first = begins
			}
		}
		if r.seq > ring.top.Load() {
			return nil
		}
		if p := ring.find(r.seq); p != nil {
			r.seq++
			return p
		}
		begins, ok := ring.begins()
		if !ok || begins <= r.seq {
			return nil // it will come
		}
		r.skips++
		r.track.metrics.skips.Inc()
		r.seq, r.first = begins, begins
	}
}

// begins returns where a ring of messages begins: with the first of all, with the one of which the parent said that it has
// none before it, or, when that is overwritten, with the oldest that is left. It reports false while that is not known.
func (r *ring) begins() (seq uint64, ok bool) {
	key := r.key.Load()
	if key == 0 {
		return 0, false
	}
	if p := r.at(key - 1); p != nil {
		return p.Seq, true
	}
	seq = math.MaxUint64
	for pos, head := r.tail(), r.head.Load(); pos < head; pos++ {
		if p := r.at(pos); p != nil && p.Seq == p.Frame {
			seq = min(seq, p.Seq)
		}
	}
	return seq, seq != math.MaxUint64
}

// mark makes a message that is there already the one before which there is none.
func (r *ring) mark(seq uint64) {
	pos := r.index[seq%uint64(len(r.slots))].Load()
	if p := r.at(pos - 1); p == nil || p.Seq != seq {
		return
	}
	if old := r.at(r.key.Load() - 1); old == nil || old.Seq < seq {
		r.key.Store(pos)
	}
}

// resumeMessages is resume for messages: the first that is not complete here. layer.mu is held.
func (l *layer) resumeMessages() uint64 {
	seq, ok := l.ring.begins()
	if !ok {
		return 0
	}
	from := seq
	for ; ; seq++ {
		p := l.ring.find(seq)
		if p == nil {
			return from
		}
		if p.Marker {
			from = seq + 1
		}
	}
}
