package svc

import (
	"math/rand/v2"
	"testing"

	"stentor/relay/rtp"
)

// TestVP9WithoutADescriptor selects by payload descriptors, and looks at what it did by the dependency descriptors that
// the selector was not told of.
func TestVP9WithoutADescriptor(t *testing.T) {
	for _, test := range []struct {
		name   string
		stream string
		want   Layer
		most   Layer
	}{
		{"all", "vp9-l3t3-key.rtp", Layer{7, 7}, Layer{2, 2}},
		{"the middle size", "vp9-l3t3-key.rtp", Layer{1, 7}, Layer{1, 2}},
		{"the smallest size", "vp9-l3t3-key.rtp", Layer{0, 7}, Layer{0, 2}},
		{"the fewest frames", "vp9-l3t3-key.rtp", Layer{2, 0}, Layer{2, 0}},
		{"the smallest of two, half the frames", "vp9-l2t2.rtp", Layer{0, 0}, Layer{0, 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := New("video/VP9", 0, nil)
			v := newViewer(t, s)
			s.Aim(test.want, false)
			for _, p := range chromium(t, test.stream) {
				v.take(p, unmasked(s.Take(p)))
			}
			var most Layer
			for l := range v.pictures {
				most.Spatial, most.Temporal = max(most.Spatial, l.Spatial), max(most.Temporal, l.Temporal)
			}
			if most != test.most {
				t.Errorf("pictures by their layers: %v", v.pictures)
			}
		})
	}
}

func TestVP9WithoutADescriptorRefersOnlyToWhatWasForwarded(t *testing.T) {
	for _, stream := range []string{"vp9-l3t3-key.rtp", "vp9-l2t2.rtp"} {
		packets := chromium(t, stream)
		for seed := range uint64(12) {
			rnd := rand.New(rand.NewPCG(seed, 9))
			s := New("video/VP9", 0, nil)
			v := newViewer(t, s)
			for _, p := range packets {
				if rnd.IntN(15) == 0 {
					s.Aim(Layer{uint8(rnd.IntN(4)), uint8(rnd.IntN(4))}, false)
				}
				v.take(p, unmasked(s.Take(p)))
			}
		}
	}
}

// unmasked takes away what the selector does not know of.
func unmasked(v Verdict) Verdict {
	v.As = rtp.As{Marker: v.As.Marker}
	return v
}

func TestTheRungsOfVP9WithoutADescriptor(t *testing.T) {
	s := New("video/VP9", 0, nil)
	for _, p := range chromium(t, "vp9-l3t3-key.rtp") {
		s.Take(p)
	}
	rungs := s.Rungs()
	if len(rungs) != 5 || rungs[0].Height != 180 || rungs[2].Height != 180 || rungs[4].Height != 720 || !rungs[4].Whole || rungs[0].Whole {
		t.Fatalf("%+v", rungs)
	}
	if s.Active() != 4 || s.NeedsKey() {
		t.Errorf("rung %d, key frame %v", s.Active(), s.NeedsKey())
	}
	s.Aim(Layer{0, 7}, false)
	s.Restart()
	for _, p := range chromium(t, "vp9-l3t3-key.rtp")[:100] {
		s.Take(p)
	}
	s.Aim(Layer{2, 7}, false)
	if !s.NeedsKey() {
		t.Error("a larger size takes a key frame")
	}
}

func TestAStreamWithoutLayersIsForwarded(t *testing.T) {
	for _, test := range []struct {
		mime    string
		payload []byte
	}{
		{"video/VP9", []byte{0x8c, 0x01, 0x82, 0x49}}, // no layer indices
		{"video/VP9", nil},
		{"video/AV1", []byte{0x10, 0x0a, 0x01}},
	} {
		s := New(test.mime, ddID, nil)
		for i := range 4 {
			raw := append([]byte{0x80, 98, 0, byte(i), 0, 0, 0, byte(i), 0, 0, 0, 1}, test.payload...)
			p, err := rtp.Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			v := s.Take(&p)
			if v != (Verdict{Forward: len(test.payload) > 0}) {
				t.Errorf("%s %x: %+v", test.mime, test.payload, v)
			}
			if len(s.Rungs()) > 1 || s.NeedsKey() || s.Active() >= 0 {
				t.Errorf("%s %x: rungs %v", test.mime, test.payload, s.Rungs())
			}
		}
	}
	if Scalable("video/H264") || !Scalable("VIDEO/vp9") || !Scalable("video/AV1") {
		t.Error("which codecs have layers in one stream")
	}
}

// FuzzTake: whatever comes, nothing panics, and the active layer is one of the rungs.
func FuzzTake(f *testing.F) {
	for _, name := range []string{"vp9-l3t3-key.rtp", "av1-l3t3.rtp"} {
		var steps []byte
		for _, p := range chromium(f, name)[:60] {
			d := p.Extension(ddID)
			steps = append(append(steps, byte(len(d)), 8), append(d, p.Payload()[:8]...)...)
		}
		f.Add(steps, uint16(0x0201))
	}
	f.Fuzz(func(t *testing.T, steps []byte, wants uint16) {
		described, payloads := New("video/AV1", 1, nil), New("video/VP9", 0, nil)
		for n := 0; len(steps) > 2 && n < 400; n++ {
			a, b := min(int(steps[0]), len(steps)-2), int(steps[1]&15)
			d := steps[2 : 2+a]
			steps = steps[2+a:]
			b = min(b, len(steps))
			payload := steps[:b]
			steps = steps[b:]
			raw := append([]byte{0x90, 98, 0, byte(n), 0, 0, 0, byte(n / 3), 0, 0, 0, 1, 0x10, 0, 0, byte((len(d) + 5) / 4), 1, byte(len(d))}, d...)
			for (len(raw)-16)%4 != 0 {
				raw = append(raw, 0)
			}
			p, err := rtp.Parse(append(raw, payload...))
			if err != nil {
				t.Fatal(err)
			}
			p.Seq, p.Time, p.Arrived = 1<<16+uint64(n), 1<<32+uint64(n/3), int64(n)*1e8
			for _, s := range []*Selector{described, payloads} {
				if n%7 == 0 {
					s.Aim(Layer{uint8(wants>>(n%3)) & 7, uint8(wants>>(n%5)) & 7}, n%2 == 0)
				}
				s.Take(&p)
				if i := s.Active(); i >= len(s.Rungs()) {
					t.Fatalf("rung %d of %d", i, len(s.Rungs()))
				}
			}
		}
	})
}
