package relay

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"stentor/relay/wire"
)

// pieces gives what a stream would: as much as happens to be there.
type pieces struct {
	r      io.Reader
	random *rand.Rand
}

func (p *pieces) Read(b []byte) (int, error) {
	return p.r.Read(b[:1+p.random.IntN(min(len(b), 5000))])
}

func TestIntakeGivesWhatTheStreamHolds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	s := new(slab)
	for frame := range 200 {
		var want [][]byte
		var stream []byte
		for range random.IntN(100) {
			p := make([]byte, 1+random.IntN(wire.MaxPacket))
			for i := range p {
				p[i] = byte(random.Uint32())
			}
			want = append(want, p)
			stream = wire.AppendPacket(stream, p)
		}
		first := random.IntN(min(64, len(stream)+1))
		in := newIntake(&pieces{bytes.NewReader(stream[first:]), random}, s, stream[:first], nil)
		var got [][]byte
		for in.err == nil {
			in.fill()
			for {
				p, err := in.next()
				if err != nil {
					t.Fatal(err)
				}
				if p == nil {
					break
				}
				got = append(got, p)
			}
		}
		if in.err != io.EOF || len(in.read) != 0 || len(got) != len(want) {
			t.Fatalf("frame %d: %d packets of %d, %d bytes over, %v", frame, len(got), len(want), len(in.read), in.err)
		}
		for i := range want { // after all is read: nothing was written over
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("frame %d: packet %d is another", frame, i)
			}
			if cap(got[i]) != len(got[i]) {
				t.Fatal("a packet reaches into the next one")
			}
		}
	}
}

func TestIntakeSaysWhatIsWrongWithTheStream(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name    string
		stream  io.Reader
		packets int
		err     error // of next
		end     error // of the stream
		over    int
	}{
		{"a packet without length is out of bounds", bytes.NewReader([]byte{0, 0}), 0, wire.ErrBound, nil, 2},
		{"a packet that is too long is out of bounds", bytes.NewReader([]byte{0xff, 0xff}), 0, wire.ErrBound, nil, 2},
		{"a packet that is cut off is left over", bytes.NewReader([]byte{0, 1, 7, 0, 2, 7}), 1, nil, io.EOF, 3},
		{"what came before an error is given first", io.MultiReader(bytes.NewReader([]byte{0, 1, 7}), iotest.ErrReader(broken)), 1, nil, broken, 0},
		{"an empty stream has no packets", bytes.NewReader(nil), 0, nil, io.EOF, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := newIntake(c.stream, new(slab), nil, nil)
			packets, bad := 0, error(nil)
			for in.err == nil && bad == nil {
				in.fill()
				for p, err := in.next(); p != nil || err != nil; p, err = in.next() {
					if bad = err; bad != nil {
						break
					}
					packets++
				}
			}
			if packets != c.packets || !errors.Is(bad, c.err) || c.end != nil && in.err != c.end || len(in.read) != c.over {
				t.Errorf("%d packets, %v, %v, %d bytes over", packets, bad, in.err, len(in.read))
			}
		})
	}
}

func TestSlabsAreNotLeftBeforeTheyAreFull(t *testing.T) {
	s := new(slab)
	stream := wire.AppendPacket(nil, make([]byte, 1000))
	slabs := map[*byte]bool{}
	for range 3200 { // frames of a low layer
		in := newIntake(bytes.NewReader(stream), s, nil, nil)
		in.fill()
		p, err := in.next()
		if p == nil || err != nil {
			t.Fatal(err)
		}
		slabs[&p[:1][0]] = true
		if s.packet() == nil {
			t.Fatal("no packet")
		}
	}
	allocs := testing.AllocsPerRun(1000, func() {
		in := newIntake(bytes.NewReader(stream), s, nil, nil)
		in.fill()
		_, _ = in.next()
		s.packet()
	})
	if allocs > 3 { // the reader, the intake, and now and then a slab
		t.Errorf("%v allocations for a frame of one packet", allocs)
	}
	if len(slabs) != 3200 {
		t.Errorf("%d packets share memory", 3200-len(slabs))
	}
}
