package rtcclient

import (
	"bytes"
	"testing"
	"time"

	"github.com/pion/rtp"

	"stentor/demo/h264"
)

// packetsOf returns the first frames of the clip as a publisher sends them.
func packetsOf(t *testing.T, n int) (packets []*rtp.Packet) {
	t.Helper()
	s := videoSource(loadClip(t))
	s.capture = testCapture
	for i := range n {
		f := s.frames[i]
		for j, payload := range f.payloads {
			p := s.packet(i, j == len(f.payloads)-1, payload)
			if j == 0 {
				s.stamp(p, time.Now())
			}
			packets = append(packets, p)
		}
	}
	return packets
}

func TestFramesComeOutAsTheyWentIn(t *testing.T) {
	c := loadClip(t)
	var got []Frame
	var size h264.SPS
	f := &frames{capture: testCapture, keep: true, done: func(f Frame) { got = append(got, f) }, size: func(s h264.SPS) { size = s }}
	for i, p := range packetsOf(t, 32) {
		f.packet(arrival{p, time.Unix(int64(i), 0)}, 0)
	}
	if len(got) != 32 || size.Width != 3840 || size.Height != 2160 {
		t.Fatalf("%d frames of %+v", len(got), size)
	}
	for i, f := range got {
		if !f.Whole || f.Key != (i%30 == 0) || f.Capture.IsZero() || f.Arrived.Sub(f.First) != time.Duration(f.Packets-1)*time.Second {
			t.Errorf("frame %d: %+v", i, f)
		}
		if !bytes.Equal(f.Data, c.Video[i].Data) {
			t.Errorf("frame %d came out with %d bytes, and had %d", i, len(f.Data), len(c.Video[i].Data))
		}
	}
}

func TestAFrameThatLacksAPacketIsNotWhole(t *testing.T) {
	all := packetsOf(t, 5)
	var starts []int // of each frame
	for i, p := range all {
		if i == 0 || all[i-1].Timestamp != p.Timestamp {
			starts = append(starts, i)
		}
	}
	end := len(all) - 1
	for _, c := range []struct {
		name string
		drop int
		want []bool
	}{
		{"the first packet of a frame", starts[2], []bool{true, true, false, true, true}},
		{"a packet in the middle", starts[0] + 7, []bool{false, true, true, true, true}},
		// Behind a lost marker nobody knows whose packets are missing.
		{"the last packet of a frame", starts[3] - 1, []bool{true, true, false, false, true}},
		{"the last of all", end, []bool{true, true, true, true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []bool
			f := &frames{done: func(f Frame) { got = append(got, f.Whole) }, size: func(h264.SPS) {}}
			missing := 0
			for i, p := range all {
				if i == c.drop {
					missing = 1
					continue
				}
				f.packet(arrival{p, time.Now()}, missing)
				missing = 0
			}
			if len(got) != len(c.want) {
				t.Fatalf("got %v, want %v", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("got %v, want %v", got, c.want)
					break
				}
			}
		})
	}
}

func TestPaddingBelongsToNoFrame(t *testing.T) {
	count := 0
	f := &frames{done: func(f Frame) {
		if count++; !f.Whole {
			t.Errorf("frame %d is broken", count)
		}
	}, size: func(h264.SPS) {}}
	for _, p := range packetsOf(t, 3) {
		f.packet(arrival{p, time.Now()}, 0)
		if p.Marker {
			f.packet(arrival{&rtp.Packet{Header: rtp.Header{Timestamp: p.Timestamp}}, time.Now()}, 0)
		}
	}
	if count != 3 {
		t.Errorf("%d frames", count)
	}
}

func TestQuantiles(t *testing.T) {
	var l latencies
	if q := l.quantiles(0.5, 1); q[0] != 0 || q[1] != 0 {
		t.Errorf("of nothing: %v", q)
	}
	for i := range 100 {
		l.add(time.Duration(99-i) * time.Millisecond)
	}
	if q := l.quantiles(0.5, 0.99, 1); q[0] != 50*time.Millisecond || q[1] != 99*time.Millisecond || q[2] != 99*time.Millisecond {
		t.Errorf("of 0 to 99 ms: %v", q)
	}
	for range samples {
		l.add(time.Second)
	}
	if q := l.quantiles(0); q[0] != time.Second {
		t.Errorf("old measurements stayed: %v", q)
	}
}

func TestRestored(t *testing.T) {
	b, err := (&rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, PayloadType: 103, SequenceNumber: 9, Timestamp: 77}, Payload: []byte{0x12, 0x34, 'x'}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	p := restored(b)
	if p == nil || p.SequenceNumber != 0x1234 || p.Timestamp != 77 || !p.Marker || string(p.Payload) != "x" {
		t.Errorf("got %+v", p)
	}
	for _, bad := range [][]byte{nil, b[:8], b[:13]} {
		if p := restored(bad); p != nil {
			t.Errorf("%x became %+v", bad, p)
		}
	}
}

// FuzzReceive feeds a player's whole path with packets of a hostile server.
func FuzzReceive(f *testing.F) {
	f.Add([]byte{0x80, 0xe7, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x7c, 0x85, 1, 2}, uint16(3))
	f.Fuzz(func(t *testing.T, b []byte, jump uint16) {
		var o order
		pictures := &frames{capture: 1, keep: true, done: func(Frame) {}, size: func(h264.SPS) {}}
		at := time.Unix(100, 0)
		for i := range uint16(4) {
			p := restored(bytes.Clone(b))
			if p == nil {
				return
			}
			p.SequenceNumber += i * jump
			at = at.Add(patience / 3)
			o.push(arrival{p, at}, pictures.packet)
			if n := len(o.missing(at)); n > window {
				t.Fatalf("%d missing", n)
			}
		}
	})
}
