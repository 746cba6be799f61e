package wire

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var record = flag.Bool("record", false, "write the fixtures of the newest version again")

var video = TrackInfo{
	Kind: Video, Mime: "video/H264", Clock: 90000, Fmtp: "packetization-mode=1;profile-level-id=42e033", PayloadType: 96,
	Extensions: []Extension{{5, "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"}, {1, "urn:ietf:params:rtp-hdrext:sdes:mid"}},
	Layers:     []Layer{{"q", 960, 540, 800_000}, {"f", 3840, 2160, 20_000_000}},
}

var id = TrackID{"w_abcdefghijklmnop", "main", "video"}

// messages are one of each kind, by version and name of their fixture.
var messages = map[string]Message{
	"v1/hello":            Hello{1, 1, "n1"},
	"v1/subscribe":        Subscribe{Alias: 70, ID: id, Wants: []Want{{0, 0}, {1, 65537}}},
	"v1/subscribe-paused": Subscribe{Alias: 3, ID: id, Paused: true},
	"v1/unsubscribe":      Unsubscribe{70},
	"v1/keyframe":         KeyFrame{70, 1},
	"v1/accept":           Accept{Alias: 70, Epoch: 9, Instance: 1 << 60, Delay: 150_000, Path: []string{"n1", "n2"}, Info: video},
	"v1/accept-audio":     Accept{Alias: 1, Epoch: 1, Instance: 2, Path: []string{"n1"}, Info: TrackInfo{Kind: Audio, Mime: "audio/opus", Clock: 48000, Channels: 2, PayloadType: 111}},
	"v1/reject":           Reject{70, CodeNotFound},
	"v1/gone":             Gone{70, CodeSuperseded},
	"v2/hello":            Hello{2, 1, "n1"},
	"v2/leaving":          Leaving{},
	"v2/shed":             Shed{70, 1, true},
	"v2/shed-resumed":     Shed{70, 2, false},
	"v2/report":           Report{Sent: 1 << 40, Lost: 12345, Rate: 20_500_000, Window: 1 << 20},
	"v2/accept-data":      Accept{Alias: 5, Epoch: 2, Instance: 3, Path: []string{"n1"}, Info: TrackInfo{Kind: Data, Mime: "application/json", Clock: 1000}},
}

var (
	frame     = Frame{Alias: 70, Layer: 1, Flags: FlagKey | FlagSwitch, Frame: 65537, Time: 1<<32 + 90000, First: 65537, Capture: 1_790_000_000_000_000}
	audio     = AudioPacket{Alias: 71, Seq: 1 << 20, Packet: []byte{0x80, 111, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0xfc}}
	heartbeat = Heartbeat{1234567}
)

// TestFixtures: what a version wrote is on disk, and is written and read alike for as long as a node speaks it.
func TestFixtures(t *testing.T) {
	all := map[string][]byte{"v1/frame": frame.Append(nil), "v1/audio": audio.Append(nil), "v1/heartbeat": heartbeat.Append(nil)}
	for name, m := range messages {
		all[name] = Append(nil, m)
	}
	for name, b := range all {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", filepath.FromSlash(name)+".hex")
			if *record && strings.HasPrefix(name, fmt.Sprintf("v%d/", Version)) {
				if err := os.WriteFile(path, []byte(hex.EncodeToString(b)+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			recorded := fixture(t, path)
			if !bytes.Equal(b, recorded) {
				t.Errorf("written  %x\nrecorded %x", b, recorded)
			}
			if want := messages[name]; want != nil {
				if m, rest, err := Parse(recorded); err != nil || len(rest) > 0 || !reflect.DeepEqual(m, want) {
					t.Errorf("read as %+v, %d bytes left, %v", m, len(rest), err)
				}
			}
		})
	}
	onDisk, err := filepath.Glob(filepath.Join("testdata", "v*", "*.hex"))
	if err != nil || len(onDisk) != len(all) {
		t.Errorf("%d fixtures are on disk, %d are read (%v)", len(onDisk), len(all), err)
	}
}

// TestOlderVersionsMeetMedia: headers of frames and datagrams of version 1, as they were recorded.
func TestOlderVersionsMeetMedia(t *testing.T) {
	if h, rest, err := ParseFrame(fixture(t, "testdata/v1/frame.hex")); err != nil || len(rest) > 0 || h != frame {
		t.Errorf("frame: %+v, %v", h, err)
	}
	if a, _, isHeartbeat, err := ParseDatagram(fixture(t, "testdata/v1/audio.hex")); err != nil || isHeartbeat || !reflect.DeepEqual(a, audio) {
		t.Errorf("audio: %+v, %v", a, err)
	}
	if _, h, isHeartbeat, err := ParseDatagram(fixture(t, "testdata/v1/heartbeat.hex")); err != nil || !isHeartbeat || h != heartbeat {
		t.Errorf("heartbeat: %+v, %v", h, err)
	}
}

// TestVersion1SkipsWhatVersion2Adds: all that version 2 added to the control stream may be ignored by its number.
func TestVersion1SkipsWhatVersion2Adds(t *testing.T) {
	for _, m := range []Message{Leaving{}, Shed{}, Report{}} {
		if m.kind() < ignorable {
			t.Errorf("%T would end a link of version 1", m)
		}
	}
}

func fixture(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMessagesComeBack(t *testing.T) {
	var stream []byte
	var order []Message
	for name, m := range messages {
		got, rest, err := Parse(Append(nil, m))
		if err != nil || len(rest) != 0 || !reflect.DeepEqual(got, m) {
			t.Errorf("%s came back as %+v, %d bytes left, %v", name, got, len(rest), err)
		}
		stream = Append(stream, m)
		order = append(order, m)
	}
	r := bytes.NewReader(stream)
	for _, want := range order {
		if got, err := Read(r); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("read %+v, %v; want %+v", got, err, want)
		}
	}
	if _, err := Read(r); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func TestParseRefuses(t *testing.T) {
	long := strings.Repeat("x", MaxText+1)
	accept := messages["v1/accept"].(Accept)
	with := func(f func(a *Accept)) []byte {
		a := accept
		f(&a)
		return Append(nil, a)
	}
	tests := []struct {
		name string
		b    []byte
		want error
	}{
		{"nothing", nil, ErrShort},
		{"a body longer than what is there", []byte{1, 0, 9, 1}, ErrShort},
		{"a body longer than any", []byte{1, 0xff, 0xff}, ErrBound},
		{"a type that does not exist", []byte{0x7f, 0, 0}, ErrType},
		{"bytes behind the last field", []byte{3, 0, 2, 1, 1}, ErrTrailing},
		{"a number not in its shortest form", []byte{3, 0, 2, 0x40, 1}, ErrNumber},
		{"a name without bytes", Append(nil, Hello{1, 1, ""}), ErrBound},
		{"a name that is too long", Append(nil, Hello{1, 1, long}), ErrBound},
		{"a name that is not UTF-8", Append(nil, Hello{1, 1, "\xff"}), ErrText},
		{"a track's name with a slash", Append(nil, Subscribe{1, TrackID{"a", "b/c", "d"}, false, nil}), ErrText},
		{"a layer twice", Append(nil, Subscribe{1, id, false, []Want{{1, 0}, {1, 0}}}), ErrBound},
		{"a layer that cannot be", Append(nil, KeyFrame{1, MaxLayers}), ErrBound},
		{"more layers than can be", Append(nil, Subscribe{1, id, false, make([]Want, MaxLayers+1)}), ErrBound},
		{"no path", with(func(a *Accept) { a.Path = nil }), ErrBound},
		{"a path that is too long", with(func(a *Accept) { a.Path = strings.Split(strings.Repeat("n ", MaxPath)+"n", " ") }), ErrBound},
		{"a clock that stands", with(func(a *Accept) { a.Info.Clock = 0 }), ErrBound},
		{"a kind that does not exist", with(func(a *Accept) { a.Info.Kind = 4 }), ErrBound},
		{"a kind that is none", with(func(a *Accept) { a.Info.Kind = 0 }), ErrBound},
		{"a pause that is neither on nor off", []byte{2, 0, 9, 1, 1, 'a', 1, 'b', 1, 'c', 2, 0}, ErrBound},
		{"a layer that is neither shed nor sent", []byte{0x82, 0, 3, 1, 1, 2}, ErrBound},
		{"a layer shed that cannot be", Append(nil, Shed{1, MaxLayers, true}), ErrBound},
		{"leaving with something in it", []byte{0x81, 0, 1, 0}, ErrTrailing},
		{"half a report", []byte{0x83, 0, 2, 1, 1}, ErrShort},
		{"a payload type that cannot be", with(func(a *Accept) { a.Info.PayloadType = 128 }), ErrBound},
		{"an extension with id 15", with(func(a *Accept) { a.Info.Extensions = []Extension{{15, "u"}} }), ErrBound},
		{"too many extensions", with(func(a *Accept) { a.Info.Extensions = make([]Extension, MaxExtensions+1) }), ErrBound},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if m, _, err := Parse(test.b); !errors.Is(err, test.want) {
				t.Errorf("%+v, %v; want %v", m, err, test.want)
			}
		})
	}
}

func TestUnknownMessagesMayBeIgnored(t *testing.T) {
	b := Append([]byte{0xfe, 0, 2, 1, 2}, Unsubscribe{7})
	m, rest, err := Parse(b)
	if m != nil || err != nil {
		t.Fatalf("%v, %v", m, err)
	}
	if m, _, err = Parse(rest); m != (Unsubscribe{7}) {
		t.Errorf("behind it: %v, %v", m, err)
	}
}

func TestFrameIsReadAndNothingBehindIt(t *testing.T) {
	packet := bytes.Repeat([]byte{7}, 100)
	r := bufio.NewReaderSize(iotest{bytes.NewReader(AppendPacket(frame.Append(nil), packet))}, 64)
	got, err := ReadFrame(r)
	if err != nil || got != frame {
		t.Fatalf("%+v, %v", got, err)
	}
	var length [2]byte
	_, _ = io.ReadFull(r, length[:])
	n, err := PacketLength(length)
	if rest, _ := io.ReadAll(r); err != nil || n != 100 || !bytes.Equal(rest, packet) {
		t.Errorf("behind it: %d, %v", n, err)
	}
	for _, bad := range [][2]byte{{0, 0}, {0xff, 0xff}} {
		if _, err := PacketLength(bad); !errors.Is(err, ErrBound) {
			t.Errorf("length %v: %v", bad, err)
		}
	}
	if _, err := ReadFrame(bufio.NewReader(strings.NewReader("F"))); err == nil {
		t.Error("half a header")
	}
	if _, err := ReadFrame(bufio.NewReader(bytes.NewReader(make([]byte, 100)))); !errors.Is(err, ErrType) {
		t.Errorf("zeros: %v", err)
	}
}

// iotest gives one byte at a time.
type iotest struct{ r io.Reader }

func (t iotest) Read(b []byte) (int, error) { return t.r.Read(b[:min(1, len(b))]) }

func TestTrackID(t *testing.T) {
	if got, err := ParseTrackID(id.String()); err != nil || got != id {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "a/b", "a/b/c/d", "a//c", "a/b c/d", "a/b/" + strings.Repeat("x", 65), "a/b/é"} {
		if _, err := ParseTrackID(bad); err == nil {
			t.Errorf("%q is no track", bad)
		}
	}
	if video.Check() != nil || video.LayerCount() != 2 || (TrackInfo{}).LayerCount() != 1 || (TrackInfo{}).Check() == nil {
		t.Error("what a track says of itself")
	}
	if video.Extension("urn:ietf:params:rtp-hdrext:sdes:mid") != 1 || video.Extension("urn:x") != 0 {
		t.Error("ids of extensions")
	}
}

// FuzzMessage: what parses is written again byte for byte.
func FuzzMessage(f *testing.F) {
	for _, m := range messages {
		f.Add(Append(nil, m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, rest, err := Parse(b)
		if err != nil || m == nil {
			return
		}
		if again := Append(nil, m); !bytes.Equal(again, b[:len(b)-len(rest)]) {
			t.Fatalf("%+v\nread    %x\nwritten %x", m, b[:len(b)-len(rest)], again)
		}
	})
}

// FuzzFrame: what parses is written again byte for byte, and the reader reads the same.
func FuzzFrame(f *testing.F) {
	f.Add(frame.Append(nil))
	f.Add(append(Frame{}.Append(nil), 0, 1, 2))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, rest, err := ParseFrame(b)
		r := bufio.NewReaderSize(bytes.NewReader(b), 128)
		read, readErr := ReadFrame(r)
		if (err == nil) != (readErr == nil) || read != h {
			t.Fatalf("parsed %+v %v, read %+v %v", h, err, read, readErr)
		}
		if err != nil {
			return
		}
		if again := h.Append(nil); !bytes.Equal(again, b[:len(b)-len(rest)]) {
			t.Fatalf("read %x, written %x", b[:len(b)-len(rest)], again)
		}
		if left, _ := io.ReadAll(r); !bytes.Equal(left, rest) {
			t.Fatalf("left %x, want %x", left, rest)
		}
	})
}

// FuzzDatagram: what parses is written again byte for byte.
func FuzzDatagram(f *testing.F) {
	f.Add(audio.Append(nil))
	f.Add(heartbeat.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, h, isHeartbeat, err := ParseDatagram(b)
		if err != nil {
			return
		}
		again := a.Append(nil)
		if isHeartbeat {
			again = h.Append(nil)
		}
		if !bytes.Equal(again, b) {
			t.Fatalf("read %x, written %x", b, again)
		}
	})
}

// FuzzTrackID: what parses is written again byte for byte.
func FuzzTrackID(f *testing.F) {
	f.Add(id.String())
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParseTrackID(s); err == nil && id.String() != s {
			t.Fatalf("%q became %q", s, id)
		}
	})
}
