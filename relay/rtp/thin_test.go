package rtp

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// thinned is a Rewriter of a viewer for whom frames are left out.
func thinned() *Rewriter {
	return NewRewriter(RewriterConfig{
		SSRC: 7, PayloadType: 96, Seq: 100, Extensions: map[uint8]uint8{3: 4}, Dependency: 3,
		Mask: func(dst, d []byte, active uint32, always bool) []byte {
			if !always {
				return append(dst, d...)
			}
			return append(append(dst, d...), byte(active))
		},
	})
}

// described is a packet with a dependency descriptor of three bytes.
func described(t *testing.T, seq uint64, marker bool) *Packet {
	t.Helper()
	raw := []byte{0x90, 98, byte(seq >> 8), byte(seq), 0, 0, 0, 0, 0, 0, 0, 1, 0xbe, 0xde, 0, 1, 3<<4 | 2, 0, byte(seq >> 8), byte(seq), byte(seq)}
	if marker {
		raw[1] |= 0x80
	}
	p, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	p.Seq, p.Time = seq, 1<<32
	return &p
}

func TestWhatIsLeftOutLeavesNoHole(t *testing.T) {
	const omit, lost, late, sent = 'o', 'l', 'L', 's' // what becomes of a packet; late ones come at the end
	for _, test := range []struct {
		name string
		fate string
		want []uint16 // the numbers of those that are sent, in order of their coming
	}{
		{"all are sent", "sss", []uint16{100, 101, 102}},
		{"one in the middle", "soss", []uint16{100, 101, 102}},
		{"some that follow each other", "soooss", []uint16{100, 101, 102}},
		{"some that do not", "sososos", []uint16{100, 101, 102, 103}},
		{"what is lost is missed", "slss", []uint16{100, 102, 103}},
		{"what is lost before what is left out is missed", "slos", []uint16{100, 102}},
		{"and after it", "sols", []uint16{100, 102}},
		{"and between", "solos", []uint16{100, 102}},
		{"what comes late has its place", "sLss", []uint16{100, 102, 103, 101}},
		{"before what is left out", "sLos", []uint16{100, 102, 101}},
		{"after it", "soLs", []uint16{100, 102, 101}},
		{"between", "soLoLs", []uint16{100, 103, 101, 102}},
		{"what comes before the first has none", "oos", []uint16{100}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := thinned()
			var got []uint16
			send := func(i int) {
				out, seq, ok := r.Rewrite(nil, described(t, 1000+uint64(i), false))
				if !ok || binary.BigEndian.Uint16(out[2:]) != uint16(seq) {
					t.Fatalf("packet %d: %v, %x", i, ok, out)
				}
				got = append(got, uint16(seq))
			}
			for i, fate := range test.fate {
				switch fate {
				case sent:
					send(i)
				case omit:
					r.Omit(described(t, 1000+uint64(i), false))
				}
			}
			for i, fate := range test.fate {
				if fate == late {
					send(i)
				}
			}
			if len(got) != len(test.want) {
				t.Fatalf("%v, want %v", got, test.want)
			}
			for i := range got {
				if got[i] != test.want[i] {
					t.Fatalf("%v, want %v", got, test.want)
				}
			}
		})
	}
}

func TestAPacketThatComesLateWhereOneWasLeftOutIsRefused(t *testing.T) {
	r := thinned()
	r.Rewrite(nil, described(t, 1000, false))
	r.Omit(described(t, 1001, false))
	r.Rewrite(nil, described(t, 1002, false))
	if _, _, ok := r.Rewrite(nil, described(t, 1001, false)); ok {
		t.Error("it got a number, which is another packet's")
	}
	if _, _, ok := r.Rewrite(nil, described(t, 999, false)); ok {
		t.Error("one from before the beginning got a number")
	}
}

// TestNoTwoPacketsGetOneNumber loses, delays and leaves out at random, and holds: no number is given twice, none is missing
// but of what was lost, the order of the source is kept, and what is sent again is what was sent.
func TestNoTwoPacketsGetOneNumber(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		r := thinned()
		went := make(map[uint16]*Packet)
		bytesOf := make(map[uint16][]byte)
		numbers := make(map[uint64]uint64) // by the source's
		var late []*Packet
		lost, mask, top := 0, uint32(0), uint64(0)
		give := func(p *Packet) {
			newest := p.Seq > top
			top = max(top, p.Seq)
			as := As{Marker: newest && rnd.IntN(4) == 0, Masked: true, Mask: mask}
			if rnd.IntN(3) == 0 {
				r.Omit(p)
				return
			}
			out, seq, ok := r.RewriteAs(nil, p, as)
			if !ok {
				if newest {
					t.Fatalf("seed %d: packet %d was refused", seed, p.Seq)
				}
				return
			}
			if went[uint16(seq)] != nil {
				t.Fatalf("seed %d: number %d is that of %d and of %d", seed, seq, went[uint16(seq)].Seq, p.Seq)
			}
			went[uint16(seq)], bytesOf[uint16(seq)], numbers[p.Seq] = p, out, seq
		}
		for i := range uint64(100) {
			p := described(t, 5000+i, false)
			switch rnd.IntN(10) {
			case 0:
				lost++
			case 1:
				late = append(late, p)
				lost++
			default:
				give(p)
			}
			if rnd.IntN(20) == 0 {
				mask = rnd.Uint32N(8)
			}
			if len(late) > 0 && rnd.IntN(4) == 0 {
				give(late[0])
				late = late[1:]
			}
		}
		for a, x := range numbers {
			for b, y := range numbers {
				if a < b && x >= y {
					t.Fatalf("seed %d: %d went as %d, %d as %d", seed, a, x, b, y)
				}
			}
		}
		if span := r.next - 100 - 1<<16; span > uint64(len(went)+lost) {
			t.Fatalf("seed %d: %d numbers for %d packets, %d lost", seed, span, len(went), lost)
		}
		for seq, p := range went {
			again, ok := r.Resend(nil, seq, func(_ int, in uint64) *Packet {
				if in != p.Seq {
					t.Fatalf("seed %d: %d was %d, now it is %d", seed, seq, p.Seq, in)
				}
				return p
			})
			if !ok || !bytes.Equal(again, bytesOf[seq]) {
				t.Fatalf("seed %d: %x went, and again %v %x", seed, bytesOf[seq], ok, again)
			}
		}
	}
}

func TestWhatIsSentAgainHasTheMarkerAndTheMaskThatItHad(t *testing.T) {
	r := thinned()
	packets := make(map[uint64]*Packet)
	sent := make(map[uint16][]byte)
	give := func(seq uint64, as As) {
		packets[seq] = described(t, seq, false)
		out, n, ok := r.RewriteAs(nil, packets[seq], as)
		if !ok || out[1]>>7 == 1 != as.Marker {
			t.Fatalf("packet %d: %v %x", seq, ok, out)
		}
		sent[uint16(n)] = out
	}
	for i := range uint64(40) {
		at := 1000 + 4*i
		as := As{Masked: true, Mask: uint32(i / 10), Always: i%10 == 0}
		give(at, as)
		as.Marker = true
		if i%3 != 0 {
			give(at+1, as)
		}
		r.Omit(described(t, at+2, false))
		r.Omit(described(t, at+3, true))
		if i%3 == 0 { // the last one of the frame comes late
			give(at+1, as)
		}
	}
	for n, out := range sent {
		again, ok := r.Resend(nil, n, func(_ int, in uint64) *Packet { return packets[in] })
		if !ok || !bytes.Equal(again, out) {
			t.Errorf("%d went as %x, and again as %x", n, out, again)
		}
	}
	if len(sent) != 80 || r.next != 1<<16+180 {
		t.Errorf("%d packets, the next number is %d", len(sent), r.next)
	}
}

func TestToLeavePacketsOutCostsNoAllocation(t *testing.T) {
	r := thinned()
	a, b := described(t, 1000, false), described(t, 1001, true)
	buf := make([]byte, 0, 1500)
	if n := testing.AllocsPerRun(1000, func() {
		r.RewriteAs(buf, a, As{Marker: true, Masked: true, Mask: 3, Always: true})
		r.Omit(b)
		a.Seq, b.Seq = a.Seq+2, b.Seq+2
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
