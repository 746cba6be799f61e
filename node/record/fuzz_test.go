package record

import (
	"bytes"
	"testing"
	"time"

	"stentor/relay/wire"
)

// FuzzIndex holds that no bytes make a name that leads out of a recording's folder.
func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"event":"begin","at":"2026-01-01T00:00:00Z","file":"0001-main-video.webm","zero":"2026-01-01T00:00:00Z"}` + "\n" + `{"event":"end","file":"0001-main-video.webm"`))
	f.Add([]byte(`{"event":"failed","reason":"disk_low"}` + "\n\n{}\n[]\n" + `{"event":"begin","file":"../x.webm"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, l := range ParseIndex(b) {
			if l.Event != EventFailed && !fileName(l.File) || bytes.ContainsAny([]byte(l.File), "/\\") && l.Event != EventFailed {
				t.Errorf("%q is taken for a file", l.File)
			}
		}
	})
}

// FuzzFrames holds that whatever a publisher sends as a frame is refused or can be written into a file.
func FuzzFrames(f *testing.F) {
	kinds := []string{"video/VP8", "video/VP9", "video/H264", "video/AV1", "audio/opus"}
	for i, name := range []string{"vp8", "vp9", "h264", "av1", "opus"} {
		c := clips(f)[name]
		for _, p := range c.payload.Payload(1100, c.frames[0].data) {
			f.Add(uint8(i), p, []byte{})
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, first, second []byte) {
		c, err := newCodec(wire.TrackInfo{Mime: kinds[int(kind)%len(kinds)], Fmtp: "sprop-parameter-sets=" + string(second)})
		if err != nil {
			t.Fatal(err)
		}
		data, _, err := c.frame([][]byte{first, second})
		if err != nil || len(data) == 0 {
			return
		}
		var m muxer
		if _, err := m.head(c.format()); err != nil {
			t.Error(err)
		}
		if err := m.block(0, true, data); err != nil {
			t.Error(err)
		}
	})
}

// FuzzSizes holds that the readers of sizes end, and believe nothing impossible.
func FuzzSizes(f *testing.F) {
	f.Add([]byte{0x67, 0x42, 0xc0, 0x0a, 0xdd, 0x08, 0x1f, 0x9b})
	f.Fuzz(func(t *testing.T, b []byte) {
		began := time.Now()
		h264 := newH264("")
		h264.keep(b)
		if h264.sps != nil && (h264.width <= 0 || h264.height <= 0 || h264.width > maxSide || h264.height > maxSide) {
			t.Errorf("%d x %d", h264.width, h264.height)
		}
		var c av1Codec
		if c.read(b) && (c.width <= 0 || c.height <= 0) {
			t.Errorf("%d x %d", c.width, c.height)
		}
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("that took %v", d)
		}
	})
}
