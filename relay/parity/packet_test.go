package parity

import (
	"bytes"
	"testing"
)

func sample(count, stripes, stripe, index, piece int) row {
	r := seeded(1)
	return row{
		count: count, block: 0xfedcba98, stripes: stripes, stripe: stripe, index: index,
		tags: datum(r, count*tagLen), piece: datum(r, max(piece, 8))[:piece],
	}
}

func TestRows(t *testing.T) {
	first := sample(2, 2, 1, 9, 727)
	b := first.append(nil)
	if want := []byte{0x3e, 2, 0xfe, 0xdc, 0xba, 0x98, 0xc9}; !bytes.HasPrefix(b, want) || len(b) != 7+6+727 {
		t.Errorf("a row begins %x and has %d bytes", b[:8], len(b))
	}
	change := func(at int, to byte) []byte { c := bytes.Clone(b); c[at] = to; return c }
	for _, c := range []struct {
		name string
		b    []byte
		ok   bool
	}{
		{"as it was written", b, true},
		{"20 packets in one stripe", packed(sample(20, 1, 0, 0, 1133)), true},
		{"longer than QUIC's least", packed(sample(20, 1, 0, 0, 1134)), false},
		{"one packet of 21 bytes", packed(sample(1, 1, 0, 0, 23)), true},
		{"a piece that holds no packet", packed(sample(1, 1, 0, 0, 22)), false},
		{"two stripes of a packet that QUIC does not send", packed(sample(2, 2, 1, 9, 728)), false},
		{"nothing", nil, false},
		{"only a head", b[:7], false},
		{"tags cut off", b[:12], false},
		{"another kind", change(0, 0x3d), false},
		{"no packets", change(1, 0), false},
		{"21 packets", change(1, 21), false},
		{"row ten", change(6, 0xca), false},
		{"the second stripe of one", change(6, 0x40), false},
		{"a bit that means nothing", change(6, 0xd9), false},
		{"another such bit", change(6, 0xe9), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := parseRow(c.b)
			if (err == nil) != c.ok {
				t.Fatalf("it is read as %+v, %v", r, err)
			}
			if c.ok && !bytes.Equal(r.append(nil), c.b) {
				t.Error("it is written otherwise")
			}
		})
	}
}

func packed(r row) []byte { return r.append(nil) }

// TestFirstBytes holds the kinds apart from QUIC's and memberlist's.
func TestFirstBytes(t *testing.T) {
	for _, kind := range []byte{kindRow, kindTold} {
		if kind&0xc0 != 0 || kind < 16 {
			t.Errorf("%#x may be QUIC's or memberlist's", kind)
		}
	}
}

func TestProtectable(t *testing.T) {
	for _, c := range []struct {
		name  string
		first byte
		n     int
		want  bool
	}{
		{"1-RTT", 0x41, 1000, true},
		{"1-RTT with the other bits", 0x7f, 1452, true},
		{"the shortest", 0x40, 21, true},
		{"too short for QUIC", 0x40, 20, false},
		{"longer than quic-go sends", 0x40, 1453, false},
		{"a handshake", 0xc1, 1200, false},
		{"version negotiation", 0x80, 100, false},
		{"gossip", 1, 1000, false},
		{"parity", kindRow, 800, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := make([]byte, c.n)
			b[0] = c.first
			if got := protectable(b); got != c.want {
				t.Errorf("%v", got)
			}
		})
	}
}

// FuzzPacket holds the law: what is read is written again byte for byte. What is a row then goes into a mender that knows the
// packets of a block, and nothing comes out that does not bear one of its tags.
func FuzzPacket(f *testing.F) {
	g := newGuard(&coder{}, 2, 0)
	sent := data(seeded(1), 22, 1400, 60)
	for _, p := range rows(f, g, sent) {
		f.Add(p)
	}
	f.Add(packed(sample(1, 1, 0, 0, 30)))
	f.Add(told{1, 2, 3, 4}.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if o, err := parseTold(b); err == nil && !bytes.Equal(o.append(nil), b) {
			t.Fatalf("%x is written as %x", b, o.append(nil))
		}
		r, err := parseRow(b)
		if err != nil {
			return
		}
		if again := r.append(nil); !bytes.Equal(again, b) {
			t.Fatalf("%x is written as %x", b, again)
		}
		m := newMender(&coder{})
		for _, d := range sent[3:] {
			m.data(d)
		}
		for range 2 {
			m.row(r)
			for d := m.take(); d != nil; d = m.take() {
				if !protectable(d) || !bytes.Contains(r.tags, d[len(d)-3:]) {
					t.Fatalf("%x came out", d)
				}
			}
			r.index = (r.index + 1) % Most
		}
	})
}
