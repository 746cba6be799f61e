package rtp

import "testing"

// What encoders wrote of 854 by 478 (libx264, libvpx, libaom, SVT-AV1), behind the payload descriptor
// of the format.
func TestSizes(t *testing.T) {
	const sps = "6764001facd940d83de6ac0440000003004000000f03c60c6580"
	const vp9 = "824983420035501dd63838241c184a10"
	tests := []struct {
		name, mime, payload string
		width, height       int
	}{
		{"H.264, parameters alone", "video/H264", sps, 854, 478},
		{"H.264, aggregated with the picture parameters", "video/H264", "78 001a" + sps + "0009 68ebe3cb22c0000001", 854, 478},
		{"H.264, aggregated behind a delimiter", "video/H264", "78 0002 09f0 001a" + sps, 854, 478},
		{"H.264, a slice", "video/H264", "65888400ff", 0, 0},
		{"H.264, cut off", "video/H264", sps[:16], 0, 0},
		{"VP8, short descriptor", "video/VP8", "10 d0e200 9d012a 5603 de01", 854, 478},
		{"VP8, with picture id, TL0PICIDX and TID", "video/VP8", "90 f0 8123 05 20 d0e200 9d012a 5603 de01", 854, 478},
		{"VP8, scaled by the display", "video/VP8", "10 d0e200 9d012a 5643 de81", 854, 478},
		{"VP8, no key frame", "video/VP8", "10 d1e200 9d012a 5603 de01", 0, 0},
		{"VP8, cut off", "video/VP8", "10 d0e200 9d012a 56", 0, 0},
		{"VP9, the picture's own header", "video/VP9", "8c 8123" + vp9, 854, 478},
		{"VP9, layers with sizes: the largest", "video/VP9", "aa 8123 00 05 30 01ab 00ef 0356 01de" + vp9, 854, 478},
		{"VP9, layers without sizes", "video/VP9", "aa 8123 00 05 20" + vp9, 854, 478},
		{"VP9, cut off", "video/VP9", "8c 8123 8249", 0, 0},
		{"AV1, libaom", "video/AV1", "18 08 00000024c6abdd3ffe6010", 854, 478},
		{"AV1, SVT, with its length", "video/AV1", "18 0a0b 00000024c6abdd3efe6010", 854, 478},
		{"AV1, several elements", "video/AV1", "28 0c 08 00000024c6abdd3ffe6010 3000", 854, 478},
		{"AV1, no sequence header", "video/AV1", "10 3000", 0, 0},
		{"of sound", "audio/opus", "fc", 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, h, ok := Sizes(test.mime)(unhex(test.payload))
			if !ok {
				w, h = 0, 0
			}
			if w != test.width || h != test.height {
				t.Errorf("%d by %d, want %d by %d", w, h, test.width, test.height)
			}
		})
	}
}

// FuzzSizes holds that no payload ends the process, and that what is called a size is one.
func FuzzSizes(f *testing.F) {
	f.Add(unhex("6764001facd940d83de6ac0440000003004000000f03c60c6580"))
	f.Add(unhex("90 f0 8123 05 20 d0e200 9d012a 5603 de01"))
	f.Add(unhex("aa 8123 00 05 30 01ab 00ef 0356 01de 824983420035501dd63838241c184a10"))
	f.Add(unhex("28 0c 08 00000024c6abdd3ffe6010 3000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, mime := range []string{"video/H264", "video/VP8", "video/VP9", "video/AV1"} {
			if w, h, ok := Sizes(mime)(b); ok && (w < 1 || h < 1 || w > 1<<16 || h > 1<<16) {
				t.Errorf("%s: %d by %d", mime, w, h)
			}
		}
	})
}
