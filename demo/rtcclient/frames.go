package rtcclient

import (
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"stentor/demo/h264"
)

// Frame is one picture as it arrived.
type Frame struct {
	Key     bool
	Whole   bool      // no packet of it is missing
	Time    uint32    // RTP time
	Capture time.Time // when it was taken, zero if it does not say
	First   time.Time // arrival of its first packet
	Arrived time.Time // arrival of its last packet
	Packets int
	Bytes   int
	// Data is the picture as a byte stream (annex B), if the player was asked for it
	// by OnFrame and the frame is whole.
	Data []byte
}

// frames joins packets in sequence to pictures.
type frames struct {
	capture uint8 // id of the extension with the capture time
	keep    bool  // fill in Data
	done    func(Frame)
	size    func(h264.SPS)

	current Frame
	open    bool
	broken  bool // the beginning of the next frame is missing
	units   codecs.H264Packet
}

// packet takes the next packet; missing ones before it were lost.
func (f *frames) packet(p arrival, missing int) {
	if len(p.Payload) == 0 { // padding: it belongs to no frame, but what was lost before it may
		f.current.Whole = f.current.Whole && missing == 0
		f.broken = f.broken || missing > 0
		return
	}
	switch {
	case f.open && p.Timestamp != f.current.Time:
		f.current.Whole = false // its marker is missing
		f.finish()
		// The lost packets may all have been of the frame before, or some of this one.
		// Nobody can tell, so a frame behind a gap counts as broken.
		f.broken = f.broken || missing > 0
	case f.open && missing > 0:
		f.current.Whole = false
	case missing > 0:
		f.broken = true
	}
	if !f.open {
		f.begin(p)
	}
	f.add(p)
	if p.Marker {
		f.finish()
	}
}

func (f *frames) begin(p arrival) {
	f.current = Frame{Time: p.Timestamp, First: p.at, Whole: !f.broken}
	f.open, f.broken = true, false
	f.units = codecs.H264Packet{}
}

func (f *frames) add(p arrival) {
	c := &f.current
	c.Packets++
	c.Bytes += len(p.Payload)
	if p.at.After(c.Arrived) {
		c.Arrived = p.at
	}
	if c.Capture.IsZero() && f.capture != 0 {
		c.Capture = captured(p.Packet, f.capture)
	}
	h264.Payload(p.Payload, func(u []byte) {
		switch h264.Type(u) {
		case h264.TypeIDR:
			c.Key = true
		case h264.TypeSPS:
			if s, err := h264.ParseSPS(u); err == nil {
				f.size(s)
			}
		}
	})
	if f.keep && c.Whole {
		b, err := f.units.Unmarshal(p.Payload)
		if err != nil {
			c.Whole = false
			return
		}
		c.Data = append(c.Data, b...)
	}
}

func (f *frames) finish() {
	if !f.current.Whole {
		f.current.Data = nil
	}
	f.open = false
	f.done(f.current)
	f.current = Frame{}
}

// captured reads when a packet's frame was taken, zero if it does not say.
func captured(p *rtp.Packet, id uint8) time.Time {
	var ext rtp.AbsCaptureTimeExtension
	if b := p.GetExtension(id); b == nil || ext.Unmarshal(b) != nil {
		return time.Time{}
	}
	return ext.CaptureTime()
}
