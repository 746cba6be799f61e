package relay

import (
	"context"
	"errors"
	"time"

	"github.com/quic-go/quic-go"

	"stentor/relay/rtp"
	"stentor/relay/wire"
)

// runAudio sends each packet as a datagram as it comes, or as a stream when it is too long for one.
func (s *sender) runAudio(ctx context.Context) {
	for {
		p, err := s.reader.Next(ctx)
		if err != nil {
			return
		}
		s.buf = wire.AudioPacket{Alias: s.feed.alias, Seq: p.Seq, Packet: p.Raw}.Append(s.buf[:0])
		err = s.feed.link.conn.SendDatagram(s.buf)
		var long *quic.DatagramTooLargeError
		if errors.As(err, &long) {
			err = s.sendLong(ctx, p)
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
