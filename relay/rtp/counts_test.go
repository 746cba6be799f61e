package rtp

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// a picture's first packet of VP8: picture id of 15 bits, TL0PICIDX, KEYIDX.
func pictureVP8(seq, time uint64, key bool, picture uint16, base, index uint8) *Packet {
	b := []byte{0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x90, 0xd0, 0x80 | byte(picture>>8), byte(picture), base, 0x40 | index, 1, 9, 9}
	if key {
		b[18] = 0
	}
	return numbered(b, seq, time, key)
}

// of VP9: not flexible, picture id of 15 bits, TL0PICIDX.
func pictureVP9(seq, time uint64, key bool, picture uint16, base uint8) *Packet {
	b := []byte{0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xe8, 0x80 | byte(picture>>8), byte(picture), 0, base, 9, 9}
	if key {
		b[12] = 0xa8
	}
	return numbered(b, seq, time, key)
}

// of AV1 with a dependency descriptor under id 5.
func pictureAV1(seq, time uint64, key bool, frame uint16) *Packet {
	b := []byte{0x90, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xbe, 0xde, 0, 1, 0x52, 0xc0, byte(frame >> 8), byte(frame), 0x10, 0x30, 9}
	return numbered(b, seq, time, key)
}

func numbered(b []byte, seq, time uint64, key bool) *Packet {
	binary.BigEndian.PutUint16(b[2:], uint16(seq))
	binary.BigEndian.PutUint32(b[4:], uint32(time))
	p, err := Parse(b)
	if err != nil {
		panic(err)
	}
	p.Seq, p.Time, p.Key, p.Arrived = seq, time, key, int64(time)
	return &p
}

func TestDecodersSeeNoHoleWhereTheLayerChanges(t *testing.T) {
	type step struct {
		name string
		to   int // another layer from here, 0: no
		p    *Packet
		want string // what stands where the numbers do
	}
	for _, test := range []struct {
		name   string
		config RewriterConfig
		read   func(p *Packet) []byte
		steps  []step
	}{
		{"VP8", RewriterConfig{Mime: "video/VP8"}, func(p *Packet) []byte { return p.Payload()[2:6] }, []step{
			{"as it comes", 1, pictureVP8(100, 0, true, 0x7ffe, 254, 31), "fffe fe 5f"},
			{"over the turn", 0, pictureVP8(101, 3000, false, 0x7fff, 255, 31), "ffff ff 5f"},
			{"another layer's key frame", 2, pictureVP8(7000, 9, true, 0x0123, 7, 3), "8000 00 40"},
			{"its next", 0, pictureVP8(7001, 3009, false, 0x0124, 8, 3), "8001 01 40"},
			{"its one after a loss, which stays one", 0, pictureVP8(7003, 9009, false, 0x0126, 10, 3), "8003 03 40"},
			{"back again", 1, pictureVP8(190, 270000, true, 0x0060, 60, 1), "8004 04 41"},
			{"not at a key frame: what is missing shows", 1, pictureVP8(290, 570000, false, 0x00c0, 160, 1), "8064 68 41"},
		}},
		{"VP9", RewriterConfig{Mime: "video/VP9"}, func(p *Packet) []byte { return []byte{p.Payload()[1], p.Payload()[2], p.Payload()[4]} }, []step{
			{"as it comes", 1, pictureVP9(100, 0, true, 0x7fff, 255), "ffff ff"},
			{"another layer's key frame", 2, pictureVP9(7000, 9, true, 0x0123, 7), "8000 00"},
			{"its next", 0, pictureVP9(7001, 3009, false, 0x0124, 8), "8001 01"},
		}},
		{"AV1 by its dependency descriptor", RewriterConfig{Mime: "video/AV1", Dependency: 5, Extensions: map[uint8]uint8{5: 9}},
			func(p *Packet) []byte { return p.Extension(9)[1:3] }, []step{
				{"as it comes", 1, pictureAV1(100, 0, true, 0xffff), "ffff"},
				{"another layer's key frame", 2, pictureAV1(7000, 9, true, 0x0123), "0000"},
				{"its next", 0, pictureAV1(7001, 3009, false, 0x0124), "0001"},
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := NewRewriter(test.config)
			for _, s := range test.steps {
				if s.to > 0 {
					r.Switch(s.to)
				}
				raw := bytes.Clone(s.p.Raw)
				out, seq, ok := r.Rewrite(nil, s.p)
				if !ok || !bytes.Equal(raw, s.p.Raw) {
					t.Fatalf("%s: rewritten %v, the ring's packet changed %v", s.name, ok, !bytes.Equal(raw, s.p.Raw))
				}
				p, err := Parse(out)
				if err != nil {
					t.Fatal(err)
				}
				if got := test.read(&p); !bytes.Equal(got, unhex(s.want)) {
					t.Errorf("%s: %x, want %s", s.name, got, s.want)
				}
				again, ok := r.Resend(nil, uint16(seq), func(int, uint64) *Packet { return s.p })
				if !ok || !bytes.Equal(again, out) {
					t.Errorf("%s: again %x, first %x", s.name, again, out)
				}
			}
		})
	}
}

func TestRewritingAllocatesNothing(t *testing.T) {
	r := NewRewriter(RewriterConfig{Mime: "video/VP8"})
	dst := make([]byte, 0, 2048)
	a, b := pictureVP8(100, 0, true, 5, 5, 5), pictureVP8(9000, 0, true, 500, 50, 6)
	n := 0
	if allocs := testing.AllocsPerRun(100, func() {
		n++
		r.Switch(n)
		for _, p := range []*Packet{a, b} {
			if _, _, ok := r.Rewrite(dst, p); !ok {
				t.Fatal("not rewritten")
			}
			r.Switch(-n)
		}
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
