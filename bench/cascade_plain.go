package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
)

// plainDeadline ends a plain stream that still holds an old frame: a live sender without deadline would wait for ever
// for what nobody wants to see any more.
const plainDeadline = time.Second

// plain is what one would write in an afternoon with quic-go alone: a unidirectional stream for each frame, or a datagram
// for each packet, to every connection that was accepted; in the middle what comes goes out again as it comes. Stock
// congestion control, no demand, no repair.
type plain struct {
	cfg  SeatConfig
	dial func(ctx context.Context, node string) (*quic.Conn, error)
	fail func(ctx context.Context, err error)

	mu       sync.Mutex // guards the following
	children []*quic.Conn
	pulling  bool
}

func newPlain(c SeatConfig, dial func(context.Context, string) (*quic.Conn, error), fail func(context.Context, error)) *plain {
	return &plain{cfg: c, dial: dial, fail: fail}
}

func (p *plain) run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func (p *plain) follow(_, _ []string)        {}
func (p *plain) tell() Tellings              { return Tellings{} }
func (p *plain) drain(context.Context) error { return errors.New("plain QUIC does not drain") }

// accept makes conn a child; a seat in the middle begins to pull for its first.
func (p *plain) accept(ctx context.Context, conn *quic.Conn, _ string) {
	p.mu.Lock()
	p.children = append(p.children, conn)
	pull := len(p.cfg.Parents) > 0 && !p.pulling
	p.pulling = p.pulling || pull
	p.mu.Unlock()
	if pull {
		p.fail(ctx, p.pull(ctx, nil))
	}
}

func (p *plain) to() []*quic.Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.children
}

func (p *plain) play(ctx context.Context, meters []*meter) error { return p.pull(ctx, meters) }

// pull takes what the first parent sends: into meters, or to the children when there are none.
func (p *plain) pull(ctx context.Context, meters []*meter) error {
	conn, err := p.dial(ctx, p.cfg.Parents[0])
	if err != nil {
		return err
	}
	if p.cfg.Way == wayDatagrams {
		return p.pullDatagrams(ctx, conn, meters)
	}
	for {
		in, err := conn.AcceptUniStream(ctx)
		if err != nil {
			return err
		}
		if len(meters) == 0 {
			go p.pass(in)
		} else {
			go readFrame(in, meters)
		}
	}
}

func (p *plain) pullDatagrams(ctx context.Context, conn *quic.Conn, meters []*meter) error {
	for {
		b, err := conn.ReceiveDatagram(ctx)
		if err != nil {
			return err
		}
		for _, m := range meters {
			if err := m.note(b, time.Now()); err != nil {
				return err
			}
		}
		for _, c := range p.to() { // a seat that plays has none
			_ = c.SendDatagram(b)
		}
	}
}

// pass copies a frame's stream to the children as it comes.
func (p *plain) pass(in *quic.ReceiveStream) {
	for _, c := range p.to() {
		out, err := c.OpenUniStream()
		if err != nil {
			continue
		}
		_ = out.SetWriteDeadline(time.Now().Add(plainDeadline))
		if _, err := io.Copy(out, in); err != nil {
			out.CancelWrite(1)
			in.CancelRead(1)
			continue
		}
		_ = out.Close()
	}
}

// readFrame reads the packets of one stream.
func readFrame(in *quic.ReceiveStream, meters []*meter) {
	r := bufio.NewReaderSize(in, 16<<10)
	b := make([]byte, 2048)
	for {
		if _, err := io.ReadFull(r, b[:2]); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint16(b))
		if n > len(b) {
			return
		}
		if _, err := io.ReadFull(r, b[:n]); err != nil {
			return
		}
		for _, m := range meters {
			if m.note(b[:n], time.Now()) != nil {
				return
			}
		}
	}
}

func (p *plain) publish(film) (sink, error) {
	if p.cfg.Way == wayDatagrams {
		s := &datagramSink{plain: p, queue: make(chan []byte, 4096)}
		go s.send()
		return s, nil
	}
	return &streamSink{plain: p}, nil
}

// streamSink gathers a frame and writes it to a stream of its own.
type streamSink struct {
	plain *plain
	frame []byte
}

func (s *streamSink) begin(uint32) { s.frame = nil } // the one before belongs to its writers

func (s *streamSink) packet(b []byte, _ time.Time) {
	s.frame = append(binary.BigEndian.AppendUint16(s.frame, uint16(len(b))), b...)
}

func (s *streamSink) end() {
	for _, c := range s.plain.to() {
		out, err := c.OpenUniStream()
		if err != nil { // too many that have not ended: the frame is lost, as is right for live
			continue
		}
		go func(frame []byte) {
			_ = out.SetWriteDeadline(time.Now().Add(plainDeadline))
			if _, err := out.Write(frame); err != nil {
				out.CancelWrite(1)
				return
			}
			_ = out.Close()
		}(s.frame)
	}
}

// datagramSink sends packets by a queue of two seconds, since SendDatagram waits while quic-go's own queue of 32 is full;
// what does not fit is lost.
type datagramSink struct {
	plain *plain
	queue chan []byte
}

func (s *datagramSink) begin(uint32) {}
func (s *datagramSink) end()         {}

func (s *datagramSink) packet(b []byte, _ time.Time) {
	if len(s.plain.to()) == 0 {
		return
	}
	select {
	case s.queue <- append([]byte(nil), b...):
	default:
	}
}

func (s *datagramSink) send() {
	for b := range s.queue {
		for _, c := range s.plain.to() {
			_ = c.SendDatagram(b)
		}
	}
}
