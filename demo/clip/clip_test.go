package clip

import (
	"bytes"
	"testing"
	"time"

	"stentor/demo/h264"
)

func load(t *testing.T) *Clip {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheClipIs4KThatEveryBrowserDecodes(t *testing.T) {
	c := load(t)
	if c.SPS.Width != 3840 || c.SPS.Height != 2160 {
		t.Errorf("the picture has %d x %d pixels", c.SPS.Width, c.SPS.Height)
	}
	if !c.SPS.ConstrainedBaseline() || c.SPS.Level != 51 || c.SPS.Refs != 1 {
		t.Errorf("not constrained baseline 5.1 with one reference: %+v", c.SPS)
	}
	if n := len(video) + len(audio); n > 4<<20 {
		t.Errorf("the clip has %d bytes; every clone of the repository carries them", n)
	}
}

func TestEverySecondBeginsWithAKeyFrameThatStandsAlone(t *testing.T) {
	c := load(t)
	if len(c.Video) != 8*FrameRate {
		t.Errorf("%d frames", len(c.Video))
	}
	for i, f := range c.Video {
		if f.Key != (i%FrameRate == 0) {
			t.Errorf("frame %d: key is %v", i, f.Key)
		}
		var types []int
		for _, u := range h264.Units(f.Data) {
			types = append(types, h264.Type(u))
		}
		want := []int{h264.TypeSlice}
		if f.Key {
			want = []int{h264.TypeSPS, h264.TypePPS, h264.TypeIDR}
		}
		if len(types) != len(want) || types[len(types)-1] != want[len(want)-1] || types[0] != want[0] {
			t.Errorf("frame %d holds the units %v, not %v", i, types, want)
		}
	}
}

func TestNoFrameIsLostByCutting(t *testing.T) {
	c := load(t)
	var units, pieces int
	for _, u := range h264.Units(video) {
		units += len(u)
	}
	for _, f := range c.Video {
		for _, u := range h264.Units(f.Data) {
			pieces += len(u)
		}
	}
	if units != pieces || units == 0 {
		t.Errorf("the file holds %d bytes of NAL units, the frames %d", units, pieces)
	}
}

func TestSoundAndPictureLastEquallyLong(t *testing.T) {
	c := load(t)
	if c.Duration() != 8*time.Second || time.Duration(len(c.Audio))*PacketDuration != c.Duration() {
		t.Errorf("%v of picture, %d packets of sound", c.Duration(), len(c.Audio))
	}
	for i, p := range c.Audio {
		// RFC 6716, section 3.1: configurations 1, 5, 9 (SILK) 13, 15 (hybrid), 19, 23,
		// 27, 31 (CELT) are frames of 20 ms; code 0 is one of them in the packet.
		config, mono, code := p[0]>>3, p[0]&4 == 0, p[0]&3
		twenty := config < 12 && config%4 == 1 || config >= 12 && config < 16 && config%2 == 1 || config >= 16 && config%4 == 3
		if !twenty || !mono || code != 0 {
			t.Errorf("packet %d is not one frame of 20 ms: %#02x", i, p[0])
		}
	}
}

func TestBrokenFilesAreRefused(t *testing.T) {
	damage := []struct {
		name         string
		video, audio []byte
	}{
		{"no video", nil, audio},
		{"a video that begins in the middle", video[500000:], audio},
		{"no sound", video, nil},
		{"a sound that is cut off", video, audio[:len(audio)-7]},
		{"a sound that is shorter by a page", video, audio[:bytes.LastIndex(audio, []byte("OggS"))]},
		{"something else", video, []byte("RIFF....WAVEfmt and so on, more than a header's worth")},
	}
	for _, c := range damage {
		if _, err := parse(c.video, c.audio); err == nil {
			t.Errorf("%s: no error", c.name)
		}
	}
}

func FuzzOgg(f *testing.F) {
	f.Add(audio[:2000])
	f.Add([]byte("OggS\x00\x02"))
	f.Fuzz(func(t *testing.T, b []byte) {
		packets, err := oggPackets(b)
		total := 0
		for _, p := range packets {
			total += len(p)
		}
		if err == nil && total > len(b) {
			t.Errorf("%d bytes of packets out of %d", total, len(b))
		}
	})
}
