// Package clip is the stream that the demo publishes: eight seconds of real 4K with
// sound, made by make.sh and embedded, so that a demo needs Go and nothing else.
//
// It only cuts the two files into frames and packets. Their times follow from
// their numbers: frame n begins n/30 s after the start, packet k k/50 s after it,
// and both files last equally long, so a loop runs on without a seam.
package clip

import (
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"time"

	"stentor/demo/h264"
)

//go:generate ./make.sh

//go:embed clip.h264
var video []byte

//go:embed clip.ogg
var audio []byte

// The times of the clip, as make.sh sets them.
const (
	FrameRate      = 30
	PacketDuration = 20 * time.Millisecond
)

// Frame is one picture: its NAL units with their start codes (annex B), key
// frames with the parameter sets that they need.
type Frame struct {
	Data []byte
	Key  bool
}

// Clip is the stream in pieces. It is shared: nobody changes it.
type Clip struct {
	Video []Frame
	Audio [][]byte // Opus packets
	SPS   h264.SPS
}

// Duration is how long one round of the loop lasts.
func (c *Clip) Duration() time.Duration {
	return time.Duration(len(c.Video)) * time.Second / FrameRate
}

// Load returns the embedded clip, cut into pieces once.
var Load = sync.OnceValues(func() (*Clip, error) { return parse(video, audio) })

func parse(video, audio []byte) (*Clip, error) {
	frames, sps, err := cut(video)
	if err != nil {
		return nil, fmt.Errorf("clip: %w", err)
	}
	packets, err := opusPackets(audio)
	if err != nil {
		return nil, fmt.Errorf("clip: %w", err)
	}
	c := &Clip{Video: frames, Audio: packets, SPS: sps}
	if got := time.Duration(len(packets)) * PacketDuration; got != c.Duration() {
		return nil, fmt.Errorf("clip: the sound lasts %v and the picture %v", got, c.Duration())
	}
	return c, nil
}

// cut cuts a byte stream into frames. Each begins with the parameter sets before
// its first slice.
func cut(b []byte) (frames []Frame, sps h264.SPS, err error) {
	var current Frame
	sliced := false // current has a slice, so that parameter sets open the next frame
	flush := func() {
		if sliced {
			frames = append(frames, current)
		}
		current, sliced = Frame{}, false
	}
	for _, u := range h264.Units(b) {
		switch h264.Type(u) {
		case h264.TypeSlice, h264.TypeIDR:
			if sliced && h264.FirstSlice(u) {
				flush()
			}
			sliced = true
			current.Key = current.Key || h264.Type(u) == h264.TypeIDR
		default:
			if sliced {
				flush()
			}
		}
		if h264.Type(u) == h264.TypeSPS {
			if sps, err = h264.ParseSPS(u); err != nil {
				return nil, sps, err
			}
		}
		current.Data = append(append(current.Data, 0, 0, 0, 1), u...)
	}
	flush()
	if len(frames) == 0 || !frames[0].Key || sps.Width == 0 {
		return nil, sps, errors.New("the video does not begin with a key frame and its parameter sets")
	}
	return frames, sps, nil
}
