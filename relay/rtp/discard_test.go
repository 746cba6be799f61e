package rtp

import "testing"

func TestDiscardable(t *testing.T) {
	for _, c := range []struct {
		name, mime string
		payload    []byte
		want       bool
	}{
		{"H.264 slice that nothing refers to", "video/H264", []byte{0x01, 0x9a}, true},
		{"H.264 slice that something refers to", "video/H264", []byte{0x41, 0x9a}, false},
		{"H.264 IDR", "video/H264", []byte{0x65, 0x88}, false},
		{"H.264 access unit delimiter says nothing", "video/H264", []byte{0x09, 0xf0}, false},
		{"H.264 SEI says nothing", "video/H264", []byte{0x06, 0x05}, false},
		{"H.264 fragment of such a slice", "video/h264", []byte{0x1c, 0x81, 0x9a}, true},
		{"H.264 fragment of a reference", "video/h264", []byte{0x5c, 0x81, 0x9a}, false},
		{"H.264 fragment of SEI", "video/h264", []byte{0x1c, 0x86}, false},
		{"H.264 aggregate of delimiter and slice, neither referred to", "video/H264", []byte{0x18, 0, 2, 0x09, 0xf0, 0, 2, 0x01, 0x9a}, true},
		{"H.264 aggregate with a reference", "video/H264", []byte{0x58, 0, 2, 0x09, 0xf0, 0, 2, 0x41, 0x9a}, false},
		{"H.264 aggregate without a slice", "video/H264", []byte{0x18, 0, 2, 0x09, 0xf0}, false},
		{"H.264 aggregate that is cut off", "video/H264", []byte{0x18, 0, 200, 0x09, 0xf0}, false},
		{"H.264 too short", "video/H264", []byte{0x01}, false},
		{"VP8 frame that is no reference", "video/VP8", []byte{0x30}, true},
		{"VP8 frame that is one", "video/VP8", []byte{0x10}, false},
		{"VP8 in the middle of a frame", "video/VP8", []byte{0x20}, false},
		{"VP8 in a later partition", "video/VP8", []byte{0x31}, false},
		{"VP8 empty", "video/VP8", nil, false},
		{"VP9 says it elsewhere", "video/VP9", []byte{0xff, 0xff}, false},
		{"audio", "audio/opus", []byte{0x01, 0x01}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Discardable(c.mime)(c.payload); got != c.want {
				t.Errorf("%v", got)
			}
		})
	}
}

// FuzzDiscardable holds that what begins a key frame is not left out. An aggregate may hold both kinds of slices, which no
// encoder puts into one frame.
func FuzzDiscardable(f *testing.F) {
	f.Add([]byte{0x18, 0, 2, 0x09, 0xf0, 0, 2, 0x01, 0x9a})
	f.Add([]byte{0x1c, 0x85, 0x9a})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 0 && b[0]&0x1f != nalSTAPA && Discardable("video/H264")(b) && KeyFrames("video/H264")(b) {
			t.Errorf("%x begins a key frame", b)
		}
		Discardable("video/VP8")(b)
	})
}
