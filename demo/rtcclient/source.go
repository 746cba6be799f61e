package rtcclient

import (
	"context"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"stentor/demo/clip"
)

// maxPayload keeps packets below 1,280 bytes, the size that every IPv6 path takes,
// with all headers, extensions and tags around them.
const maxPayload = 1200

const (
	// A frame's packets go out in bursts with pauses between them: a 4K key frame of
	// 300 packets at line rate would overrun the first small buffer on its way.
	burst = 12
	pause = time.Millisecond
	// tooLate is when a source that was held up (a suspended laptop) leaves frames
	// out instead of sending them all at once.
	tooLate = time.Second
)

// source plays one track of the clip in real time, round after round. Frame n is
// due n/rate seconds after the start, whatever the ones before it did, so that
// nothing drifts and no round has a seam.
type source struct {
	frames []frame
	rate   int    // frames a second
	ticks  uint32 // RTP time of a frame
	marks  bool   // the last packet of a frame carries the marker, as video's does

	capture uint8 // id of the extension with the capture time, 0: none
	seq     uint16
	base    uint32 // RTP time of frame 0
	write   func(*rtp.Packet) error
	sent    func(packets, bytes int, key, late bool) // called for each frame
}

// frame is cut into RTP payloads once, not once a round.
type frame struct {
	payloads [][]byte
	key      bool
}

func videoSource(c *clip.Clip) *source {
	s := &source{rate: clip.FrameRate, ticks: 90000 / clip.FrameRate, marks: true}
	var p codecs.H264Payloader
	for _, f := range c.Video {
		s.frames = append(s.frames, frame{p.Payload(maxPayload, f.Data), f.Key})
	}
	return s
}

func audioSource(c *clip.Clip) *source {
	s := &source{rate: int(time.Second / clip.PacketDuration), ticks: uint32(48000 * clip.PacketDuration / time.Second)}
	for _, p := range c.Audio {
		s.frames = append(s.frames, frame{[][]byte{p}, true})
	}
	return s
}

// due is when frame n is to be sent.
func (s *source) due(start time.Time, n int) time.Time {
	return start.Add(time.Duration(n) * time.Second / time.Duration(s.rate))
}

// run sends frames until ctx is done or writing fails.
func (s *source) run(ctx context.Context, start time.Time) error {
	for n := 0; ; n++ {
		n = s.catchUp(start, n)
		if err := sleepUntil(ctx, s.due(start, n)); err != nil {
			return err
		}
		if err := s.send(ctx, start, n); err != nil {
			return err
		}
	}
}

// catchUp returns n, or the next key frame to come if n is long overdue.
func (s *source) catchUp(start time.Time, n int) int {
	late := time.Since(s.due(start, n))
	if late < tooLate {
		return n
	}
	n += int(late * time.Duration(s.rate) / time.Second)
	for !s.frames[n%len(s.frames)].key {
		n++
	}
	return n
}

func (s *source) send(ctx context.Context, start time.Time, n int) error {
	f := s.frames[n%len(s.frames)]
	due := s.due(start, n)
	interval := time.Second / time.Duration(s.rate)
	late := time.Since(due) > interval
	gap := spacing(len(f.payloads), interval)
	bytes := 0
	for i, payload := range f.payloads {
		if i > 0 && i%burst == 0 {
			if err := sleepUntil(ctx, due.Add(time.Duration(i/burst)*gap)); err != nil {
				return err
			}
		}
		p := s.packet(n, i == len(f.payloads)-1, payload)
		if i == 0 {
			s.stamp(p, due)
		}
		if err := s.write(p); err != nil {
			return err
		}
		bytes += len(payload)
	}
	if s.sent != nil {
		s.sent(len(f.payloads), bytes, f.key, late)
	}
	return nil
}

// spacing is the time between the bursts of a frame: a pause each, or less where
// the frame would not be out after three quarters of its time.
func spacing(packets int, interval time.Duration) time.Duration {
	return min(pause, interval*3/4/time.Duration(max(1, packets/burst)))
}

func (s *source) packet(n int, last bool, payload []byte) *rtp.Packet {
	p := &rtp.Packet{
		Header:  rtp.Header{Version: 2, Marker: s.marks && last, SequenceNumber: s.seq, Timestamp: s.base + uint32(n)*s.ticks},
		Payload: payload,
	}
	s.seq++
	return p
}

// stamp says in the packet when its frame was taken. The wall clock is read now:
// it may have been set since the start.
func (s *source) stamp(p *rtp.Packet, due time.Time) {
	if s.capture == 0 {
		return
	}
	now := time.Now()
	b, err := rtp.NewAbsCaptureTimeExtension(now.Add(-now.Sub(due))).Marshal()
	if err == nil {
		_ = p.Header.SetExtension(s.capture, b) // ids of negotiated extensions are valid
	}
}

func sleepUntil(ctx context.Context, t time.Time) error {
	wait := time.Until(t)
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
