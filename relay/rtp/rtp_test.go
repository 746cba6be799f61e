package rtp

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	pion "github.com/pion/rtp"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func TestParse(t *testing.T) {
	tests := []struct {
		name    string
		raw     string
		err     error
		payload string
	}{
		{"plain", "80e0 0001 00000002 00000003 aabb", nil, "aabb"},
		{"CSRCs", "8260 0001 00000002 00000003 11111111 22222222 aa", nil, "aa"},
		{"one-byte extension", "9060 0001 00000002 00000003 bede0001 10aa0000 cc", nil, "cc"},
		{"padding", "a060 0001 00000002 00000003 aabb000003", nil, "aabb"},
		{"nothing but padding", "a060 0001 00000002 00000003 000003", nil, ""},
		{"short", "80e0 0001 00000002 000000", ErrShort, ""},
		{"version 1", "40e0 0001 00000002 00000003", ErrVersion, ""},
		{"CSRC cut off", "81e0 0001 00000002 00000003 1111", ErrShort, ""},
		{"extension cut off", "90e0 0001 00000002 00000003 bede0002 10aa0000", ErrShort, ""},
		{"padding of zero", "a060 0001 00000002 00000003 aa00", ErrPadding, ""},
		{"padding into the header", "a060 0001 00000002 00000003 aa03", ErrPadding, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := Parse(unhex(test.raw))
			if err != test.err {
				t.Fatalf("error %v, want %v", err, test.err)
			}
			if err == nil && !bytes.Equal(p.Payload(), unhex(test.payload)) {
				t.Errorf("payload %x", p.Payload())
			}
		})
	}
}

func TestExtension(t *testing.T) {
	tests := []struct {
		name, raw string
		id        uint8
		want      []byte
	}{
		{"one byte, behind padding", "9060000100000002 00000003 bede0002 10aa 00 21bbcc 00 00", 2, unhex("bbcc")},
		{"one byte, not there", "9060000100000002 00000003 bede0001 10aa0000", 3, nil},
		{"id 15 ends it", "9060000100000002 00000003 bede0002 f0aa 10bb 00000000", 1, nil},
		{"element longer than the block", "9060000100000002 00000003 bede0001 13aabbcc", 1, nil},
		{"two bytes", "9060000100000002 00000003 10000002 2002bbcc 11 00 00 00", 0x20, unhex("bbcc")},
		{"two bytes, empty", "9060000100000002 00000003 10000002 2002bbcc 11 00 00 00", 0x11, []byte{}},
		{"another profile", "9060000100000002 00000003 12340001 10aa0000", 1, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := Parse(unhex(test.raw))
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Extension(test.id); !bytes.Equal(got, test.want) || (got == nil) != (test.want == nil) {
				t.Errorf("got %x", got)
			}
		})
	}
}

func TestKeyFrames(t *testing.T) {
	tests := []struct {
		name, mime, payload string
		want                bool
	}{
		{"H264 SPS", "video/H264", "6742c01f", true},
		{"H264 IDR", "video/h264", "6588", true},
		{"H264 P slice", "video/H264", "419a", false},
		{"H264 PPS alone", "video/H264", "68ce", false},
		{"H264 AUD", "video/H264", "09f0", false},
		{"H264 STAP-A of AUD and SPS", "video/H264", "78 0002 09f0 0003 6742c0", true},
		{"H264 STAP-A of SEI and slice", "video/H264", "78 0002 0605 0002 419a", false},
		{"H264 STAP-A cut off", "video/H264", "78 0009 67", false},
		{"H264 FU-A begins an IDR", "video/H264", "7c 85 88", true},
		{"H264 FU-A in the middle of an IDR", "video/H264", "7c 05 88", false},
		{"H264 FU-A begins a slice", "video/H264", "7c 81 88", false},
		{"VP8 key", "video/VP8", "10 00 009d012a", true},
		{"VP8 delta", "video/VP8", "10 01", false},
		{"VP8 not the start", "video/VP8", "00 00", false},
		{"VP8 second partition", "video/VP8", "11 00", false},
		{"VP8 key with all fields", "video/VP8", "90 e0 8123 05 20 00", true},
		{"VP8 delta with all fields", "video/VP8", "90 e0 8123 05 20 01", false},
		{"VP8 cut off", "video/VP8", "90 e0 81", false},
		{"VP9 key", "video/VP9", "8c 8123", true},
		{"VP9 inter", "video/VP9", "c8 8123", false},
		{"VP9 key, upper spatial layer", "video/VP9", "a8 8123 02", false},
		{"VP9 key, lowest spatial layer", "video/VP9", "a8 8123 00", true},
		{"VP9 not the beginning", "video/VP9", "80 8123", false},
		{"AV1 new sequence", "video/AV1", "18 0a0b", true},
		{"AV1 goes on", "video/AV1", "88 0a0b", false},
		{"AV1 frame", "video/AV1", "10 3200", false},
		{"AV1 sequence header without N", "video/AV1", "20 02 0a0b 3200", true},
		{"AV1 delimiter, then sequence header, all with lengths", "video/AV1", "00 02 1200 02 0a0b", true},
		{"AV1 length too long", "video/AV1", "00 7f 1200", false},
		{"opus", "audio/opus", "6742c01f", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			detect := KeyFrames(test.mime)
			if got := detect(unhex(test.payload)); got != test.want {
				t.Errorf("got %v", got)
			}
			if detect(nil) {
				t.Error("nothing is a key frame")
			}
		})
	}
}

func TestSequence(t *testing.T) {
	var s Sequence
	in := []uint16{65534, 65535, 0, 65533, 1, 40000}
	want := []uint64{131070, 131071, 131072, 131069, 131073, 1<<16 + 40000}
	for i, n := range in {
		if got := s.Unwrap(n); got != want[i] {
			t.Errorf("%d: %d, want %d", n, got, want[i])
		}
	}
	if got := s.Restart(0); got != 3<<16 {
		t.Errorf("restart at 0: %d", got)
	}
	if got := s.Restart(0); got != 4<<16 {
		t.Errorf("restart at the newest: %d", got)
	}
	if got := s.Restart(9); got != 4<<16+9 {
		t.Errorf("restart ahead: %d", got)
	}
}

func TestClock(t *testing.T) {
	var c Clock
	in := []uint32{1<<32 - 1, 5, 1<<32 - 2}
	want := []uint64{1<<33 - 1, 1<<33 + 5, 1<<33 - 2}
	for i, n := range in {
		if got := c.Unwrap(n); got != want[i] {
			t.Errorf("%d: %d, want %d", n, got, want[i])
		}
	}
	c.Restart()
	if got := c.Unwrap(7); got != 3<<32+7 {
		t.Errorf("restarted: %d", got)
	}
}

func TestCapture(t *testing.T) {
	for _, at := range []time.Time{time.Unix(0, 0), time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.UTC), time.Date(2036, 1, 1, 0, 0, 0, 999999999, time.UTC)} {
		got, ok := ParseCapture(AppendCapture(nil, at.UnixNano()))
		if d := got - at.UnixNano(); !ok || d < -1 || d > 1 {
			t.Errorf("%v: off by %d ns, %v", at, d, ok)
		}
	}
	for _, at := range []int64{-1, 1 << 62} {
		if _, ok := ParseCapture(AppendCapture(nil, at)); ok {
			t.Errorf("%d cannot be written", at)
		}
	}
	if _, ok := ParseCapture(make([]byte, 7)); ok {
		t.Error("seven bytes")
	}
}

func TestNacks(t *testing.T) {
	lost := []uint16{65530, 65530, 65535, 0, 10, 11, 27, 28, 500}
	pairs := AppendNacks(nil, lost)
	want := []Nack{{65530, 1<<4 | 1<<5 | 1<<15}, {11, 1 << 15}, {28, 0}, {500, 0}}
	if !slices.Equal(pairs, want) {
		t.Fatalf("pairs %v, want %v", pairs, want)
	}
	var got []uint16
	for _, n := range pairs {
		got = slices.AppendSeq(got, n.Each)
	}
	if !slices.Equal(got, slices.Compact(lost)) {
		t.Errorf("expanded %v", got)
	}
}

func TestRTX(t *testing.T) {
	packet := unhex("b0e0 1234 00000002 00000003 bede0001 10aa0000 ccdd 0002")
	got, ok := AppendRTX([]byte{1}, packet, 0xdeadbeef, 97, 0x7777)
	if want := unhex("01 90e1 7777 00000002 deadbeef bede0001 10aa0000 1234 ccdd"); !ok || !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	if _, ok := AppendRTX(nil, []byte{1, 2}, 1, 2, 3); ok {
		t.Error("RTX of what is not RTP")
	}
}

// packet makes a packet with an extended number and time.
func packet(seq, time uint64, arrived time.Duration) *Packet {
	raw := make([]byte, 14)
	raw[0], raw[1] = 0x80, 96
	binary.BigEndian.PutUint16(raw[2:], uint16(seq))
	binary.BigEndian.PutUint32(raw[4:], uint32(time))
	p, _ := Parse(raw)
	p.Seq, p.Time, p.Arrived = seq, time, int64(arrived)
	return &p
}

func TestRewriterIsContinuous(t *testing.T) {
	r := NewRewriter(RewriterConfig{SSRC: 0xabcd, PayloadType: 100, Seq: 65534, Time: 1000})
	at := func(d time.Duration) time.Duration { return time.Hour + d*time.Millisecond }
	steps := []struct {
		name  string
		to    int // switch to this source first, -1 not
		p     *Packet
		out   bool
		seq   uint16
		time  uint32
		later string
	}{
		{"first packet", 1, packet(70000, 9000, at(0)), true, 65534, 1000, ""},
		{"next frame", -1, packet(70001, 12000, at(33)), true, 65535, 4000, ""},
		{"hole of one, over the turn", -1, packet(70003, 15000, at(66)), true, 1, 7000, ""},
		{"late one fills the hole", -1, packet(70002, 15000, at(70)), true, 0, 7000, ""},
		{"from before the beginning", -1, packet(69999, 6000, at(70)), false, 0, 0, ""},
		{"another source, 100 ms later", 2, packet(500000, 77, at(166)), true, 2, 7000 + 9000, ""},
		{"its next", -1, packet(500001, 3077, at(199)), true, 3, 19000, ""},
		{"its key frame's elder", -1, packet(499999, 0, at(199)), false, 0, 0, ""},
		{"a third, whose key frame came long before", 3, packet(10, 5, at(20)), true, 4, 19090, ""},
		{"a jump too wide to be asked for", -1, packet(10+2000, 5+90000, at(1020)), true, 5, 19090 + 90000, ""},
	}
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			if s.to >= 0 {
				r.Switch(s.to)
			}
			out, seq, ok := r.Rewrite(nil, s.p)
			if ok != s.out {
				t.Fatalf("ok %v", ok)
			}
			if !ok {
				return
			}
			q, err := Parse(out)
			if err != nil {
				t.Fatal(err)
			}
			if uint16(q.Seq) != s.seq || uint16(seq) != s.seq || uint32(q.Time) != s.time {
				t.Errorf("seq %d (%d), time %d; want %d, %d", q.Seq, seq, q.Time, s.seq, s.time)
			}
			if q.SSRC() != 0xabcd || q.PayloadType != 100 || !bytes.Equal(q.Payload(), s.p.Payload()) {
				t.Errorf("%x", out)
			}
		})
	}
	back := []struct {
		out    uint16
		source int
		in     uint64
		ok     bool
	}{
		{65534, 1, 70000, true}, {0, 1, 70002, true}, {1, 1, 70003, true}, {2, 2, 500000, true}, {3, 2, 500001, true},
		{4, 3, 10, true}, {5, 3, 2010, true}, {6, 0, 0, false}, {65533, 0, 0, false},
	}
	for _, b := range back {
		source, in, ok := r.Source(b.out)
		if source != b.source || in != b.in || ok != b.ok {
			t.Errorf("%d came from %d %d %v, want %+v", b.out, source, in, ok, b)
		}
	}
}

func TestRewriterUsesTheCaptureClock(t *testing.T) {
	for _, test := range []struct {
		name            string
		to              int
		arrival, clocks time.Duration // between the two packets
		want            uint64
	}{
		{"a skip in one source goes by capture", 0, 4 * time.Second, time.Second, 90000},
		{"another publisher's clock is 5 s ahead", 1, 40 * time.Millisecond, 5040 * time.Millisecond, 3600},
		{"another publisher's clock is 5 s behind", 1, 40 * time.Millisecond, -4960 * time.Millisecond, 3600},
	} {
		r := NewRewriter(RewriterConfig{Time: 0})
		a, b := packet(1, 0, time.Second), packet(9, 0, time.Second+test.arrival)
		a.Capture, b.Capture = int64(10*time.Second), int64(10*time.Second+test.clocks)
		r.Rewrite(nil, a)
		r.Switch(test.to)
		out, _, _ := r.Rewrite(nil, b)
		if q, _ := Parse(out); q.Time != test.want {
			t.Errorf("%s: time went on by %d ticks, want %d", test.name, q.Time, test.want)
		}
	}
}

func TestRewriterTranslatesExtensions(t *testing.T) {
	raw := unhex("9060 0001 00000002 00000003 bede0004 10aa 21bbcc 32ddeeff 40 99 00 00 00 00 00 77")
	tests := []struct {
		name string
		ids  map[uint8]uint8
		want string
	}{
		{"all dropped", nil, "80"},
		{"one kept under another id", map[uint8]uint8{2: 7}, "90 bede0001 71bbcc00"},
		{"an id that needs two bytes", map[uint8]uint8{1: 1, 3: 20}, "90 10000002 0101aa 1403ddeeff"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			out, _, _ := NewRewriter(RewriterConfig{Extensions: test.ids}).Rewrite(nil, &p)
			got := append(out[:1:1], out[12:len(out)-1]...)
			if !bytes.Equal(got, unhex(test.want)) || out[len(out)-1] != 0x77 {
				t.Errorf("got  %x\nwant %s 77", got, test.want)
			}
		})
	}
}

// What nearly all packets take is what all could.
func TestTheShortWayWritesWhatTheLongOneDoes(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	short := 0
	for range 20_000 {
		raw := append(unhex("9060 0001 00000002 00000003 bede0004"), make([]byte, 17)...)
		for i := 16; i < len(raw); i++ {
			raw[i] = byte(rng.Uint32()) >> rng.IntN(8)
		}
		p, err := Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		var table [256]uint8
		for i := range 16 {
			table[i] = uint8(rng.IntN(16))
		}
		d := descriptor{id: uint8(rng.IntN(4)), shift: uint16(rng.Uint32())}
		got, ok := appendNarrow([]byte{7}, &p, &table, d)
		if want := appendAny([]byte{7}, &p, &table, d); ok && !bytes.Equal(got, want) {
			t.Fatalf("%x: got  %x\nwant %x", raw, got, want)
		} else if !ok && !bytes.Equal(got, []byte{7}) {
			t.Fatalf("%x: leaves %x", raw, got)
		}
		if ok {
			short++
		}
	}
	if short < 5000 {
		t.Errorf("only %d went the short way", short)
	}
}

// Nor does it matter whether a packet is copied as a whole.
func TestAPacketIsCopiedAsAWholeOnlyWhereThatIsTheSame(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	whole := 0
	for range 20_000 {
		raw := unhex("9060 0001 00000002 00000003 bede0002")
		for n := rng.IntN(3); len(raw) < 24 && n >= 0; n-- { // elements, some of them cut off or strange, and what fills up
			data := make([]byte, rng.IntN(4)+1)
			raw = append(append(raw, byte(rng.IntN(16))<<4|byte(len(data)-1)), data...)
		}
		raw = append(append(raw, make([]byte, 8)...)[:24], 1, 2, 3, 4)
		p, err := Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		r := NewRewriter(RewriterConfig{SSRC: 5})
		for i := range 16 {
			r.extensions[i] = uint8(rng.IntN(17))
		}
		got := bytes.Clone(raw)
		if !r.rename(got, p.Header()) {
			continue
		}
		whole++
		want := append(appendAny(bytes.Clone(raw[:minHeader]), &p, &r.extensions, descriptor{}), p.Raw[p.header:]...)
		if !bytes.Equal(got, want) {
			t.Fatalf("%x by %v:\ngot  %x\nwant %x", raw, r.extensions[:16], got, want)
		}
	}
	if whole < 1000 {
		t.Errorf("only %d were copied as a whole", whole)
	}
}

func TestResendIsWhatWent(t *testing.T) {
	r := NewRewriter(RewriterConfig{SSRC: 5, PayloadType: 99, Seq: 10})
	ring := map[uint64]*Packet{}
	var sent [][]byte
	for i := range 40 {
		p := packet(uint64(1000+i), uint64(i)*3000, time.Duration(i)*time.Millisecond)
		p.Raw[13] = byte(i)
		if i == 20 {
			r.Switch(1)
			p.Seq += 5000
		} else if i > 20 {
			p.Seq += 5000
		}
		ring[p.Seq] = p
		out, _, _ := r.Rewrite(nil, p)
		sent = append(sent, out)
	}
	for i, want := range sent {
		got, ok := r.Resend(nil, uint16(10+i), func(source int, in uint64) *Packet {
			if source != i/20 {
				t.Errorf("packet %d from source %d", i, source)
			}
			return ring[in]
		})
		if !ok || !bytes.Equal(got, want) {
			t.Errorf("packet %d: %x, went as %x", i, got, want)
		}
	}
	if _, ok := r.Resend(nil, 9, nil); ok {
		t.Error("a packet that never went")
	}
}

// FuzzParse: what parses is header, payload and padding and nothing else, and pion reads the same from it.
func FuzzParse(f *testing.F) {
	f.Add(unhex("80e00001000000020000000300aabb"))
	f.Add(unhex("9060000100000002 00000003 bede0001 10aa0000 cc"))
	f.Add(unhex("a260 0001 00000002 00000003 11111111 22222222 aa0002"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := Parse(raw)
		if err != nil {
			return
		}
		if p.Header()+len(p.Payload())+int(p.padding) != len(raw) {
			t.Fatal("the parts are not the whole")
		}
		for id := range 256 {
			p.Extension(uint8(id))
		}
		var q pion.Packet
		if q.Unmarshal(raw) != nil {
			return // stricter about extensions
		}
		if uint64(q.SequenceNumber) != p.Seq || uint64(q.Timestamp) != p.Time || q.SSRC != p.SSRC() || q.Marker != p.Marker || q.PayloadType != p.PayloadType {
			t.Fatal("pion reads another header")
		}
		if !bytes.Equal(q.Payload, p.Payload()) {
			t.Fatalf("pion reads the payload %x, we %x", q.Payload, p.Payload())
		}
	})
}

// FuzzKeyFrames: no payload makes a detector fail.
func FuzzKeyFrames(f *testing.F) {
	f.Add(unhex("78 0002 09f0 0003 6742c0"))
	f.Add(unhex("90 e0 8123 05 20 00"))
	f.Add(unhex("00 02 1200 02 0a0b"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, mime := range []string{"video/H264", "video/VP8", "video/VP9", "video/AV1"} {
			KeyFrames(mime)(payload)
		}
	})
}

// FuzzRewrite: whatever comes in whatever order, every packet that goes out is RTP with the same payload and marker,
// two different packets never share a number, a number leads back to its packet, and RTX gives the payload back.
func FuzzRewrite(f *testing.F) {
	f.Add([]byte{1, 2, 3, 0, 0xff, 9, 0x80, 4}, uint16(65530))
	f.Fuzz(func(t *testing.T, steps []byte, start uint16) {
		r := NewRewriter(RewriterConfig{SSRC: 1, PayloadType: 96, Seq: start, Extensions: map[uint8]uint8{1: 2}})
		type origin struct {
			source int
			in     uint64
		}
		went := map[uint64]origin{}
		source, seq := 0, uint64(1<<20)
		for i, s := range steps {
			if s >= 0xf0 {
				source++
				seq = uint64(s)<<18 + uint64(i)
				r.Switch(source)
			}
			seq += uint64(s&0x0f) - 4
			p := packet(seq, seq*100, time.Duration(i)*time.Millisecond)
			p.Raw[12], p.Marker = s, s&1 == 1
			p.Raw[1] |= s & 1 << 7
			out, n, ok := r.Rewrite(nil, p)
			if !ok {
				continue
			}
			q, err := Parse(out)
			if err != nil || !bytes.Equal(q.Payload(), p.Payload()) || q.Marker != p.Marker || uint16(n) != uint16(q.Seq) {
				t.Fatalf("went out as %x: %v", out, err)
			}
			if o, there := went[n]; there && o != (origin{source, seq}) {
				t.Fatalf("number %d for %v and for %v", n, o, origin{source, seq})
			}
			went[n] = origin{source, seq}
			if src, in, ok := r.Source(uint16(n)); !ok || src != source || in != seq {
				t.Fatalf("number %d leads to %d %d %v, not to %d %d", n, src, in, ok, source, seq)
			}
			rtx, ok := AppendRTX(nil, out, 2, 97, 7)
			x, err := Parse(rtx)
			if !ok || err != nil || !bytes.Equal(x.Payload()[2:], p.Payload()) || binary.BigEndian.Uint16(x.Payload()) != uint16(n) {
				t.Fatalf("RTX %x", rtx)
			}
		}
	})
}

// FuzzNacks: pairs and back is the same set, in order.
func FuzzNacks(f *testing.F) {
	f.Add(uint16(65530), []byte{1, 1, 16, 17, 2})
	f.Fuzz(func(t *testing.T, first uint16, gaps []byte) {
		lost := []uint16{first}
		for _, g := range gaps[:min(len(gaps), 200)] {
			lost = append(lost, lost[len(lost)-1]+uint16(g)+1)
		}
		var got []uint16
		for _, n := range AppendNacks(nil, lost) {
			got = slices.AppendSeq(got, n.Each)
		}
		if !slices.Equal(got, lost) {
			t.Fatalf("%v became %v", lost, got)
		}
	})
}

func BenchmarkRewrite(b *testing.B) {
	r := NewRewriter(RewriterConfig{})
	raw := append(unhex("9060 0001 00000002 00000003 bede0001 10aa0000"), make([]byte, 1180)...)
	p, _ := Parse(raw)
	buf := make([]byte, 0, 1500)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		p.Seq++
		r.Rewrite(buf, &p)
	}
}
