package h264

import (
	"encoding/hex"
	"slices"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The sets were made by x264 (ffmpeg -s SIZE -profile:v PROFILE), beside what
// ffprobe said about them.
var sets = []struct {
	name string
	hex  string
	want SPS
}{
	{"the clip", "6742c033da00f0010fb016a0202028000003000800000301e478c195", SPS{66, 0xc0, 51, 1, 3840, 2160}},
	{"1080p is cropped from 1088 lines", "6742c028da01e0089f970110000003001000000303c0f1832a", SPS{66, 0xc0, 40, 1, 1920, 1080}},
	{"main", "674d401feca02802dd8088000003000800000301e078c18cb0", SPS{77, 0x40, 31, 4, 1280, 720}},
	{"high, 4K", "67640033acd9403c0043ec0440000003004000000f03c60c6580", SPS{100, 0, 51, 4, 3840, 2160}},
	{"4:2:2, cropped", "677a001ebcd940a02ff9f0110000030001000003003c0f162d96", SPS{122, 0, 30, 4, 640, 362}},
	{"4:4:4, cropped by single pixels", "67f4000d919b282a10f1f1f80880000003008000001e078a14cb", SPS{244, 0, 13, 4, 322, 242}},
	{"interlaced", "674d401feca05a126c0440000003004000000f07c58b6580", SPS{77, 0x40, 31, 4, 720, 576}},
}

func TestParseSPS(t *testing.T) {
	for _, c := range sets {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseSPS(unhex(t, c.hex))
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}

func TestParseSPSRefusesWhatIsCutOff(t *testing.T) {
	for _, c := range sets {
		b := unhex(t, c.hex)
		for n := range 7 {
			if got, err := ParseSPS(b[:n]); err == nil {
				t.Errorf("%s: %d bytes were enough for %+v", c.name, n, got)
			}
		}
	}
	if _, err := ParseSPS([]byte{0x68, 0xce, 0x38, 0x80, 0}); err == nil {
		t.Error("a picture parameter set was taken for a sequence parameter set")
	}
}

func TestUnitsAreCutAtStartCodes(t *testing.T) {
	got := Units([]byte{0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 0, 1, 0x65, 0x88, 3, 0})
	want := [][]byte{{0x67, 1}, {0x68, 2}, {0x65, 0x88, 3}}
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %x, want %x", got, want)
	}
	if got := Units([]byte{1, 2, 3}); got != nil {
		t.Errorf("bytes without a start code gave %x", got)
	}
}

func TestPayloadFindsWhatAPacketBegins(t *testing.T) {
	cases := []struct {
		name    string
		payload string
		want    []string
	}{
		{"a single unit", "4188ff", []string{"4188ff"}},
		{"an aggregation", "780003674201000268ce", []string{"674201", "68ce"}},
		{"an aggregation that lies about a length", "780003674201ffff68ce", []string{"674201"}},
		{"the first fragment of a key frame", "7c85888080", []string{"65888080"}},
		{"a later fragment", "7c05888080", nil},
		{"the last fragment", "7c45888080", nil},
		{"a fragment without contents", "7c85", nil},
		{"nothing", "", nil},
		{"a type that is not ours", "7f0102", nil},
	}
	for _, c := range cases {
		var got []string
		Payload(unhex(t, c.payload), func(u []byte) { got = append(got, hex.EncodeToString(u)) })
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestFirstSlice(t *testing.T) {
	for _, c := range []struct {
		hex  string
		want bool
	}{{"6588", true}, {"419a", true}, {"6540", false}, {"6788", false}, {"65", false}, {"", false}} {
		if got := FirstSlice(unhex(t, c.hex)); got != c.want {
			t.Errorf("%s: got %v", c.hex, got)
		}
	}
}

// FuzzParse holds that no input makes the parsers run away, and that whatever
// passes for a picture has a size that a person could mean.
func FuzzParse(f *testing.F) {
	for _, c := range sets {
		f.Add(unhex(f, c.hex))
	}
	f.Add([]byte{0x78, 0, 3, 0x67, 0x42, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := ParseSPS(b); err == nil && (s.Width <= 0 || s.Height <= 0 || s.Width > 16*maxMacroblocks || s.Height > 32*maxMacroblocks) {
			t.Errorf("%x: %d x %d", b, s.Width, s.Height)
		}
		Payload(b, func(u []byte) {
			if len(u) == 0 || len(u) > len(b) {
				t.Errorf("%x: a unit of %d bytes", b, len(u))
			}
		})
		total := 0
		for _, u := range Units(b) {
			if Type(u) > 31 {
				t.Errorf("%x: type %d", u, Type(u))
			}
			total += len(u)
		}
		if total > len(b) {
			t.Errorf("%x: units of %d bytes together", b, total)
		}
	})
}
