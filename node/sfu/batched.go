package sfu

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"stentor/node/sfu/send"
)

// keptAudio is how many packets of audio wait for room in the socket's buffer: 200 ms
// of Opus, about as late as a listener's jitter buffer still takes it.
const keptAudio = 10

// batched seals packets where they lie and hands a batch of them to the kernel with
// one call that never waits. It has an arena only while it has packets: a forward
// holds one from the first packet of a batch to its flush, so there are as many as
// forwards at work, not as viewers.
type batched struct {
	way   *way
	media *send.Stream
	rtx   *send.Stream // nil: not negotiated
	keep  bool         // audio: what the buffer has no room for goes with the next packet
	batch *send.Batch  // nil: none is lent
	lost  int          // since the last flush
	mail  *mail        // of the shard whose turn it is; nil: what is flushed goes out at once

	posted sync.Mutex                 // held as long as a batch is in a mail
	late   atomic.Int64               // packets that a mail lost
	kept   atomic.Pointer[send.Batch] // audio that a mail had no room for
}

// newBatched takes the streams of a forward's SSRCs; rtx is 0 where there is none.
func newBatched(w *way, media, rtx uint32, keep bool) (*batched, error) {
	s := &batched{way: w, keep: keep}
	var err error
	if s.media, err = w.stream(media); err != nil {
		return nil, err
	}
	if rtx != 0 {
		if s.rtx, err = w.stream(rtx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *batched) kind() string { return "batched" }
func (s *batched) waits() bool  { return false }

func (s *batched) buffer() []byte {
	if s.batch != nil && s.batch.Full() { // repairs may be many
		s.lost = s.flush()
	}
	if s.batch == nil {
		if s.batch = s.kept.Swap(nil); s.batch == nil {
			s.batch = s.way.socket.Batch()
		}
	}
	return s.batch.Next()
}

func (s *batched) write(packet []byte) error {
	stream := s.media
	if len(packet) >= 12 && s.rtx != nil && binary.BigEndian.Uint32(packet[8:]) == s.rtx.SSRC() {
		stream = s.rtx
	}
	sealed, err := stream.Seal(packet)
	if err != nil {
		return err
	}
	return s.batch.Add(sealed)
}

func (s *batched) flush() (lost int) {
	lost, s.lost = s.lost+int(s.late.Swap(0)), 0
	if s.batch == nil {
		return lost
	}
	if s.mail != nil {
		s.mail.add(s, s.batch)
		s.batch = nil
		return lost
	}
	err := s.way.socket.Send(s.batch, s.way.dest.Load())
	if s.stays(s.batch, err) && s.batch.Left() > 0 {
		return lost
	}
	left := s.batch.Left()
	s.way.socket.Return(s.batch)
	s.batch = nil
	return lost + left
}
