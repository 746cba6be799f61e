package relay

import (
	"context"
	"errors"
	"time"

	"github.com/quic-go/quic-go"

	"stentor/relay/rtp"
	"stentor/relay/wire"
)

const (
	// encoreAfter is how many packets later one is sent again when there was a burst: 60 ms, when a 4K key frame is over.
	encoreAfter = 3
	// encoreBurst is how many bytes of all kinds a burst has, from the packet before one to when it would be sent again: 26
	// Mbps. Then some 200 packets may wait in a row, and quic-go drops what comes when 256 of a connection do. What is
	// sent again is less than 0.4 % of that.
	encoreBurst = 256 << 10
)

// runAudio sends each packet as a datagram as it comes, or as a stream when it is too long for one. Nobody sends a lost
// datagram again. Where a standby sends the same, that costs nothing, but there is none while a parent that left is
// away; and what is lost on a sound path is lost in bursts, of key frames and of what a standby sends at first. So
// packets that were sent in one are sent once more, behind it.
func (s *sender) runAudio(ctx context.Context) {
	var e encore
	for {
		p, err := s.reader.Next(ctx)
		if err != nil {
			return
		}
		err = s.say(ctx, p)
		if again := e.next(p, s.feed.link.conn.ConnectionStats().BytesSent); again != nil && err == nil {
			err = s.say(ctx, again)
		}
		if err != nil {
			if ctx.Err() == nil {
				s.feed.link.end(err)
			}
			return
		}
		s.sent.Add(float64(len(p.Raw)))
	}
}

// say sends one packet.
func (s *sender) say(ctx context.Context, p *rtp.Packet) error {
	s.buf = wire.AudioPacket{Alias: s.feed.alias, Seq: p.Seq, Packet: p.Raw}.Append(s.buf[:0])
	err := s.feed.link.conn.SendDatagram(s.buf)
	var long *quic.DatagramTooLargeError
	if errors.As(err, &long) {
		return s.sendLong(ctx, p)
	}
	s.feed.link.speak(time.Now())
	return err
}

// An encore remembers the last packets, the newest last, and how much the link had sent at each.
type encore struct {
	packets [encoreAfter + 1]*rtp.Packet
	sent    [encoreAfter + 2]uint64
}

// next takes the packet that is sent, and the bytes that the link has sent so far, and returns the one to be sent again; nil
// for none. It looks at the bytes from the packet before that one on.
func (e *encore) next(p *rtp.Packet, sent uint64) *rtp.Packet {
	copy(e.packets[:], e.packets[1:])
	copy(e.sent[:], e.sent[1:])
	e.packets[encoreAfter], e.sent[encoreAfter+1] = p, sent
	if e.packets[0] == nil || sent-e.sent[0] < encoreBurst {
		return nil
	}
	return e.packets[0]
}

func (s *sender) sendLong(ctx context.Context, p *rtp.Packet) error {
	deadline := time.Now().Add(frameDeadline)
	stream, err := s.openStream(ctx, deadline)
	if err != nil || stream == nil {
		return err
	}
	stream.SetPriority(urgentControl, false)
	h := wire.Frame{Alias: s.feed.alias, Layer: uint8(s.layer.index), Frame: p.Frame, Time: p.Time, First: p.Seq}
	_ = stream.SetWriteDeadline(deadline)
	if _, err := stream.Write(wire.AppendPacket(h.Append(s.buf[:0]), p.Raw)); err != nil {
		stream.CancelWrite(codeLate)
		return nil
	}
	return stream.Close()
}
