package svc

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"stentor/relay/rtp"
	"stentor/relay/rtp/dependency"
)

// ddID is under which id the Chromium of the fixtures sent the descriptor.
const ddID = 13

// chromium returns the packets of testdata: a Chromium 156's, the payloads cut off after 40 bytes and filled up with zeros.
// They arrive as they were made: by the RTP time.
func chromium(t testing.TB, name string) (out []*rtp.Packet) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var seq rtp.Sequence
	var clock rtp.Clock
	for len(b) > 4 {
		raw := make([]byte, binary.BigEndian.Uint16(b))
		n := int(binary.BigEndian.Uint16(b[2:]))
		copy(raw, b[4:4+n])
		b = b[4+n:]
		raw[0] &^= 0x20
		p, err := rtp.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		p.Seq, p.Time = seq.Unwrap(uint16(p.Seq)), clock.Unwrap(uint32(p.Time))
		p.Arrived = int64(p.Time) * 1e9 / 90000
		out = append(out, &p)
	}
	slices.SortFunc(out, func(a, b *rtp.Packet) int { return int(a.Seq) - int(b.Seq) }) // two came late
	return out
}

// A viewer checks what it gets.
type viewer struct {
	t        *testing.T
	rewriter *rtp.Rewriter
	reader   dependency.Reader
	frames   map[uint16]bool // numbers that came
	next     uint16
	began    bool
	time     uint32
	marked   bool // the picture has had its last packet
	pictures map[Layer]int
	active   uint32 // as the viewer was told
	bytes    int
	keys     int
}

func newViewer(t *testing.T, s *Selector) *viewer {
	return &viewer{t: t, frames: make(map[uint16]bool), pictures: make(map[Layer]int), rewriter: rtp.NewRewriter(rtp.RewriterConfig{
		SSRC: 1, PayloadType: 98, Extensions: map[uint8]uint8{ddID: 5}, Dependency: ddID, Mask: s.Mask,
	})}
}

// take is given a packet and what the selector says of it.
func (v *viewer) take(p *rtp.Packet, verdict Verdict) {
	v.t.Helper()
	if !verdict.Forward {
		v.rewriter.Omit(p)
		return
	}
	out, _, ok := v.rewriter.RewriteAs(nil, p, verdict.As)
	if !ok {
		v.t.Fatalf("packet %d has no place", p.Seq)
	}
	q, err := rtp.Parse(out)
	if err != nil {
		v.t.Fatal(err)
	}
	v.bytes += len(out)
	if uint16(q.Seq) != v.next && v.began {
		v.t.Fatalf("number %d, want %d", q.Seq, v.next)
	}
	v.next, v.began = uint16(q.Seq)+1, true
	var d dependency.Descriptor
	if err := v.reader.Parse(q.Extension(5), &d); err != nil {
		v.t.Fatalf("%x: %v", q.Extension(5), err)
	}
	if d.Attached {
		v.keys++
		v.frames = make(map[uint16]bool)
	}
	if d.Attached || d.Masked {
		v.active = d.Active
	}
	for _, diff := range d.Refs() {
		if !v.frames[d.Number-diff] {
			v.t.Fatalf("frame %d (%d, %d) refers to %d, which did not come", d.Number, d.Spatial, d.Temporal, d.Number-diff)
		}
	}
	v.frames[d.Number] = true
	v.picture(q, &d)
}

func (v *viewer) picture(q rtp.Packet, d *dependency.Descriptor) {
	v.t.Helper()
	switch time := uint32(q.Time); {
	case time != v.time && v.time != 0 && !v.marked:
		v.t.Fatalf("the picture before frame %d has no last packet", d.Number)
	case time == v.time && v.marked:
		v.t.Fatalf("frame %d comes behind the last packet of its picture", d.Number)
	}
	v.time, v.marked = uint32(q.Time), q.Marker
	if q.Marker {
		v.pictures[Layer{d.Spatial, d.Temporal}]++
	}
}

func TestAViewerGetsWhatItsLayerNeedsAndNothingElse(t *testing.T) {
	for _, test := range []struct {
		name    string
		stream  string
		want    Layer
		spatial uint8
		tempo   uint8
		share   [2]float64 // of the bytes, from and to
	}{
		{"all of VP9 with three sizes", "vp9-l3t3-key.rtp", Layer{2, 2}, 2, 2, [2]float64{0.4, 0.9}},
		{"the middle size", "vp9-l3t3-key.rtp", Layer{1, 2}, 1, 2, [2]float64{0.05, 0.4}},
		{"the smallest size", "vp9-l3t3-key.rtp", Layer{0, 2}, 0, 2, [2]float64{0.01, 0.2}},
		{"the smallest size with the fewest frames", "vp9-l3t3-key.rtp", Layer{0, 0}, 0, 0, [2]float64{0.005, 0.1}},
		{"the largest with half the frames", "vp9-l3t3-key.rtp", Layer{2, 1}, 2, 1, [2]float64{0.3, 0.8}},
		{"more than there is is all", "av1-l3t3.rtp", Layer{7, 7}, 2, 2, [2]float64{0.99, 1.01}},
		{"AV1 with sizes that refer to each other: the middle", "av1-l3t3.rtp", Layer{1, 2}, 1, 2, [2]float64{0.05, 0.6}},
		{"the smallest", "av1-l3t3.rtp", Layer{0, 2}, 0, 2, [2]float64{0.01, 0.3}},
		{"one size of VP9 of two", "vp9-l2t2.rtp", Layer{0, 1}, 0, 1, [2]float64{0.03, 0.5}},
		{"half the frames of AV1", "av1-l1t3.rtp", Layer{0, 1}, 0, 1, [2]float64{0.4, 0.95}},
		{"a quarter of them", "av1-l1t3.rtp", Layer{0, 0}, 0, 0, [2]float64{0.2, 0.8}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := New("video/AV1", ddID, nil)
			v := newViewer(t, s)
			s.Aim(test.want, false)
			all := 0
			for _, p := range chromium(t, test.stream) {
				v.take(p, s.Take(p))
				all += len(p.Raw)
			}
			if s.NeedsKey() {
				t.Error("it waits for a key frame")
			}
			if v.keys < 2 {
				t.Errorf("%d key frames", v.keys)
			}
			var most Layer
			for l := range v.pictures {
				most.Spatial, most.Temporal = max(most.Spatial, l.Spatial), max(most.Temporal, l.Temporal)
			}
			if most != (Layer{test.spatial, test.tempo}) {
				t.Errorf("pictures by their layers: %v", v.pictures)
			}
			if share := float64(v.bytes) / float64(all); share < test.share[0] || share > test.share[1] {
				t.Errorf("%.3f of the bytes", share)
			}
			if st := v.reader.Structure(); v.active == 0 || (v.active == st.All()) != (test.want.within(Layer{7, 7}) && test.want.Spatial >= 2 && test.want.Temporal >= 2 && test.stream[:3] == "av1") {
				t.Errorf("the viewer was told of the active targets %b of %b", v.active, st.All())
			}
		})
	}
}

func TestTheRungsAreWhatTheStreamSays(t *testing.T) {
	for _, test := range []struct {
		stream  string
		heights []int
		whole   int
	}{
		{"vp9-l3t3-key.rtp", []int{180, 180, 180, 360, 720}, 3},
		{"av1-l3t3.rtp", []int{180, 180, 180, 360, 720}, 3},
		{"vp9-l2t2.rtp", []int{360, 360, 720}, 2},
		{"av1-l1t3.rtp", []int{720, 720, 720}, 1},
	} {
		t.Run(test.stream, func(t *testing.T) {
			fresh := 0
			s := New("video/AV1", ddID, func() { fresh++ })
			for _, p := range chromium(t, test.stream) {
				s.Take(p)
			}
			var heights []int
			whole := 0
			rate := 0.0
			for _, r := range s.Rungs() {
				heights = append(heights, r.Height)
				if r.Whole {
					whole++
				}
				if r.Rate <= rate || !r.Sent {
					t.Errorf("rung %+v above %.0f bits a second", r, rate)
				}
				rate = r.Rate
			}
			if !slices.Equal(heights, test.heights) || whole != test.whole || fresh != 1 {
				t.Errorf("heights %v, %d of them whole, told %d times", heights, whole, fresh)
			}
			if s.Active() != len(heights)-1 {
				t.Errorf("rung %d is active", s.Active())
			}
		})
	}
}

func TestDownAtOnceUpWhereTheStreamSaysSo(t *testing.T) {
	for _, test := range []struct {
		name           string
		stream         string
		from, to       Layer
		hurry          bool
		atOnce         bool // within a picture or two, without a key frame
		meanwhileSlows bool
	}{
		{"AV1 down to the smallest size", "av1-l3t3.rtp", Layer{2, 2}, Layer{0, 2}, false, true, false},
		{"AV1 down by one size", "av1-l3t3.rtp", Layer{2, 2}, Layer{1, 2}, false, true, false},
		{"AV1 up by a size waits for a key frame", "av1-l3t3.rtp", Layer{0, 2}, Layer{1, 2}, false, false, false},
		{"VP9 in key mode down waits for one too", "vp9-l3t3-key.rtp", Layer{2, 2}, Layer{0, 2}, false, false, false},
		{"with fewer frames until then, in a hurry", "vp9-l3t3-key.rtp", Layer{2, 2}, Layer{0, 2}, true, false, true},
		{"fewer frames come at once", "vp9-l3t3-key.rtp", Layer{2, 2}, Layer{2, 0}, false, true, false},
		{"more frames soon", "vp9-l3t3-key.rtp", Layer{2, 0}, Layer{2, 2}, false, true, false},
		{"more frames soon, AV1", "av1-l1t3.rtp", Layer{0, 0}, Layer{0, 2}, false, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := New("video/AV1", ddID, nil)
			v := newViewer(t, s)
			s.Aim(test.from, false)
			keys, turned, pictures, time := 0, -1, 0, uint64(0)
			for i, p := range chromium(t, test.stream) {
				if i == 100 {
					s.Aim(test.to, test.hurry)
					keys, pictures = v.keys, 0
				}
				if p.Time != time {
					time = p.Time
					pictures++
				}
				v.take(p, s.Take(p))
				if i < 100 {
					continue
				}
				if s.active == test.to && turned < 0 {
					turned = pictures
					if test.atOnce && v.keys != keys {
						t.Error("it took a key frame")
					}
					if !test.atOnce && v.keys != keys+1 {
						t.Errorf("it took no key frame, or more than one: %d", v.keys-keys)
					}
				}
				if turned < 0 && i > 140 && !test.atOnce {
					if !s.NeedsKey() {
						t.Fatal("it does not say that it needs a key frame")
					}
					if slow := s.active.Temporal == 0; slow != test.meanwhileSlows {
						t.Fatalf("meanwhile layer %+v", s.active)
					}
				}
			}
			if turned < 0 || test.atOnce && turned > 5 {
				t.Errorf("it came after %d pictures", turned)
			}
		})
	}
}

// TestWhatIsForwardedRefersOnlyToWhatWasForwarded changes its mind at random, and holds the law of the package; with loss and
// delay on the way here it holds for what was left out.
func TestWhatIsForwardedRefersOnlyToWhatWasForwarded(t *testing.T) {
	for _, stream := range []string{"vp9-l3t3-key.rtp", "vp9-l2t2.rtp", "av1-l3t3.rtp", "av1-l1t3.rtp"} {
		packets := chromium(t, stream)
		for seed := range uint64(12) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			s := New("video/AV1", ddID, nil)
			v := newViewer(t, s)
			for _, p := range packets {
				if rnd.IntN(15) == 0 {
					s.Aim(Layer{uint8(rnd.IntN(4)), uint8(rnd.IntN(4))}, rnd.IntN(2) == 0)
				}
				v.take(p, s.Take(p))
			}
			if v.bytes == 0 {
				t.Fatal("nothing was forwarded")
			}
		}
		for seed := range uint64(12) {
			lossy(t, packets, rand.New(rand.NewPCG(seed, 8)))
		}
	}
}

// lossy is one run with packets that are lost, or come late: no frame that was forwarded may refer to one that was left
// out although it had come.
func lossy(t *testing.T, packets []*rtp.Packet, rnd *rand.Rand) {
	s := New("video/AV1", ddID, nil)
	v := newViewer(t, s)
	var waiting []*rtp.Packet
	left := make(map[uint64]bool) // frames that were left out, by their extended number
	var r dependency.Reader
	take := func(p *rtp.Packet) {
		verdict := s.Take(p)
		if !verdict.Forward {
			v.rewriter.Omit(p)
		} else {
			v.rewriter.RewriteAs(nil, p, verdict.As)
		}
		var d dependency.Descriptor
		if r.Parse(p.Extension(ddID), &d) != nil {
			return
		}
		n := s.deps.number
		if uint16(n) != d.Number {
			return // an old key frame's
		}
		if !verdict.Forward {
			left[n] = true
			return
		}
		for _, diff := range d.Refs() {
			if left[n-uint64(diff)] {
				t.Fatalf("frame %d refers to %d, which was left out", n, n-uint64(diff))
			}
		}
	}
	for i, p := range packets {
		if rnd.IntN(20) == 0 {
			s.Aim(Layer{uint8(rnd.IntN(4)), uint8(rnd.IntN(4))}, rnd.IntN(2) == 0)
		}
		switch {
		case i > 0 && rnd.IntN(20) == 0:
			waiting = append(waiting, p)
			continue
		case i > 0 && rnd.IntN(30) == 0:
			continue
		}
		take(p)
		if len(waiting) > 0 && rnd.IntN(5) == 0 {
			take(waiting[0])
			waiting = waiting[1:]
		}
	}
}

func TestBehindALongOutageAKeyFrameIsNeeded(t *testing.T) {
	packets := chromium(t, "av1-l3t3.rtp")
	s := New("video/AV1", ddID, nil)
	for i, p := range packets[:300] {
		if v := s.Take(p); i < 300 && (!v.Forward || s.NeedsKey()) {
			t.Fatalf("packet %d: %+v", i, v)
		}
	}
	for _, p := range packets[300:] {
		d := p.Extension(ddID)
		if len(d) > 3 && d[3]&0x80 != 0 {
			break // a key frame
		}
		binary.BigEndian.PutUint16(d[1:], binary.BigEndian.Uint16(d[1:])+far+1)
		if s.Take(p).Forward || !s.NeedsKey() {
			t.Fatal("it goes on without what it refers to, or does not ask for a key frame")
		}
	}
	v := newViewer(t, s)
	for _, p := range chromium(t, "av1-l1t3.rtp") {
		d := p.Extension(ddID)
		binary.BigEndian.PutUint16(d[1:], binary.BigEndian.Uint16(d[1:])+1000)
		v.take(p, s.Take(p))
	}
	if v.keys == 0 || s.NeedsKey() {
		t.Error("a key frame does not mend it")
	}
}

func TestWhatCannotBeReadIsForwarded(t *testing.T) {
	s := New("video/AV1", ddID, nil)
	for i, p := range chromium(t, "av1-l1t3.rtp")[:60] {
		d := p.Extension(ddID)
		d[len(d)-1] ^= 0xff
		d[0] |= 0x3f // a template that there is not
		if v := s.Take(p); v != (Verdict{Forward: true}) {
			t.Fatalf("packet %d: %+v", i, v)
		}
	}
}

func TestToJudgeAPacketCostsNoAllocation(t *testing.T) {
	packets := chromium(t, "vp9-l3t3-key.rtp")
	s := New("video/VP9", ddID, nil)
	i := 0
	if n := testing.AllocsPerRun(len(packets)-1, func() {
		s.Take(packets[i])
		i++
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTake(b *testing.B) {
	packets := chromium(b, "av1-l3t3.rtp")
	s := New("video/AV1", ddID, nil)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i == len(packets) {
			i = 0
			s.Restart()
		}
		s.Take(packets[i])
	}
}
