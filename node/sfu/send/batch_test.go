package send

import (
	"errors"
	"slices"
	"testing"
)

func TestRunsAreOfOneSizeButTheLast(t *testing.T) {
	for name, c := range map[string]struct{ sizes, runs []int }{
		"one packet":                                 {[]int{100}, []int{1}},
		"all equal":                                  {[]int{100, 100, 100}, []int{3}},
		"the last is shorter":                        {[]int{100, 100, 40}, []int{3}},
		"a shorter one ends the run":                 {[]int{100, 40, 40, 40}, []int{2, 2}},
		"a longer one begins another":                {[]int{40, 100, 100}, []int{1, 2}},
		"the two sizes of libwebrtc's frames":        {[]int{1101, 1101, 1100, 1100, 1100}, []int{3, 2}},
		"sizes that only fall, two by two":           {[]int{5, 4, 3, 2}, []int{2, 2}},
		"an audio packet before a frame's":           {[]int{80, 1200, 1200, 700, 1200}, []int{1, 3, 1}},
		"a whole arena of one size is a single run":  {slices.Repeat([]int{1200}, arenaPackets), []int{arenaPackets}},
		"a whole arena of the longest is one, still": {slices.Repeat([]int{MaxPacket}, arenaPackets), []int{arenaPackets}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBatch()
			for _, n := range c.sizes {
				add(t, b, make([]byte, n))
			}
			var got []int
			for i := 0; i < b.count; {
				n := b.run(i)
				got = append(got, n)
				i += n
			}
			if !slices.Equal(got, c.runs) {
				t.Errorf("%v, want %v", got, c.runs)
			}
			if last := b.ends[b.count-1]; last > 65507 {
				t.Errorf("a run could be %d bytes, more than a datagram", last)
			}
		})
	}
}

func TestABatchHoldsWhatWasWrittenAndNoMore(t *testing.T) {
	b := newBatch()
	for i := range arenaPackets {
		if b.Full() || b.Left() != i {
			t.Fatalf("%d: full %v, left %d", i, b.Full(), b.Left())
		}
		next := b.Next()
		if len(next) != 0 || cap(next) != MaxPacket {
			t.Fatalf("%d: room of %d and %d", i, len(next), cap(next))
		}
		add(t, b, slices.Repeat([]byte{byte(i)}, 100+i))
	}
	if !b.Full() || b.Next() != nil {
		t.Error("not full")
	}
	for i := range arenaPackets {
		if p := b.packet(i); len(p) != 100+i || p[0] != byte(i) || p[len(p)-1] != byte(i) {
			t.Errorf("packet %d: %d bytes of %d", i, len(p), p[0])
		}
	}
	b.Clear()
	if b.Left() != 0 || b.Full() || cap(b.Next()) != MaxPacket {
		t.Error("not empty")
	}
}

func add(t testing.TB, b *Batch, p []byte) {
	t.Helper()
	if err := b.Add(append(b.Next(), p...)); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsNotInTheArenaIsNotTaken(t *testing.T) {
	for name, p := range map[string]func(b *Batch) []byte{
		"nothing":           func(*Batch) []byte { return nil },
		"from elsewhere":    func(*Batch) []byte { return make([]byte, 100) },
		"too long for it":   func(b *Batch) []byte { return append(b.Next(), make([]byte, MaxPacket+1)...) },
		"from its middle":   func(b *Batch) []byte { return append(b.Next(), make([]byte, 100)...)[1:] },
		"from where it was": func(b *Batch) []byte { return b.packet(0) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBatch()
			add(t, b, []byte("first"))
			if err := b.Add(p(b)); !errors.Is(err, ErrPacket) || b.Left() != 1 {
				t.Errorf("%v, %d left", err, b.Left())
			}
		})
	}
}
