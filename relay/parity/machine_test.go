package parity

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
)

// datum is a data packet of n bytes, as random as QUIC's are.
func datum(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := 0; i+8 <= n; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], r.Uint64())
	}
	b[0] = 0x40 | b[0]&0x3f
	// In 24 bits of chance, two of the thousands of packets of a test are the same now and then.
	last := tag(uniques.Add(0x9e3779b1))
	b[n-3], b[n-2], b[n-1] = byte(last>>16), byte(last>>8), byte(last)
	return b
}

var uniques atomic.Uint32

// data are n such packets; sizes take turns.
func data(r *rand.Rand, n int, sizes ...int) (all [][]byte) {
	for i := range n {
		all = append(all, datum(r, sizes[i%len(sizes)]))
	}
	return all
}

func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, 4)) }

// rows turns a group into packets of parity.
func rows(t testing.TB, g *guard, all [][]byte) (rows [][]byte) {
	t.Helper()
	for i, d := range all {
		if full := g.add(d); full != (i == len(all)-1 && len(all) == group) {
			t.Fatalf("packet %d: full %v", i, full)
		}
	}
	runs, err := g.close()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		if len(r.packets) > 0 && len(r.packets)%r.size != 0 {
			t.Fatalf("a run of %d bytes in packets of %d", len(r.packets), r.size)
		}
		for p := r.packets; len(p) > 0; p = p[r.size:] {
			rows = append(rows, bytes.Clone(p[:r.size]))
		}
	}
	return rows
}

// hear gives a packet to the mender as Conn does, and returns what it mended.
func hear(t testing.TB, m *mender, b []byte) (mended [][]byte) {
	t.Helper()
	if b[0] == kindRow {
		r, err := parseRow(b)
		if err != nil {
			t.Fatalf("a row of %d bytes: %v", len(b), err)
		}
		m.row(r)
	} else {
		m.data(b)
	}
	for d := m.take(); d != nil; d = m.take() {
		mended = append(mended, bytes.Clone(d))
	}
	return mended
}

func TestMending(t *testing.T) {
	first := func(n int) func(int) bool { return func(i int) bool { return i < n } }
	at := func(lost ...int) func(int) bool { return func(i int) bool { return slices.Contains(lost, i) } }
	none := func(int) bool { return false }
	for _, c := range []struct {
		name       string
		n, parity  int
		sizes      []int
		data, rows func(i int) bool // what is lost
		want       int              // how many come back
	}{
		{"nothing is lost, nothing comes back", 20, 3, []int{1452}, none, none, 0},
		{"one of twenty comes back", 20, 1, []int{1452}, at(7), none, 1},
		{"the first and the last come back", 20, 2, []int{1452}, at(0, 19), none, 2},
		{"three of twenty come back by three", 20, 3, []int{1452}, at(3, 4, 5), none, 3},
		{"four of twenty do not by three", 20, 3, []int{1452}, at(3, 4, 5, 6), none, 0},
		{"one comes back when two stripes of three rows lost one each", 20, 3, []int{1452}, at(9), at(0, 5), 1},
		{"two come back by any two rows of each stripe", 20, 3, []int{1452}, at(9, 10), at(1, 4), 2},
		{"two do not when a stripe lost two rows", 20, 3, []int{1452}, at(9, 10), at(0, 1), 0},
		{"lost parity alone costs nothing", 20, 3, []int{1452}, none, at(0, 1, 2, 3, 4, 5), 0},
		{"packets of many sizes come back as they were", 20, 5, []int{1452, 72, 900, 1451, 333}, at(0, 1, 2, 3, 4), none, 5},
		{"small packets need one stripe", 20, 2, []int{72, 100, 131}, at(0, 2), none, 2},
		{"one lonely packet comes back by its copy", 1, 1, []int{90}, first(1), none, 1},
		{"one lonely full packet comes back by its halves", 1, 3, []int{1452}, first(1), none, 1},
		{"a burst of twelve in a group of eighty is three of each block", 80, 3, []int{1452}, first(12), none, 12},
		{"a burst of thirteen is too much for one block of four", 80, 3, []int{1452}, first(13), none, 9},
		{"57 packets, one frame at 20 Mbps: nine in a row", 57, 3, []int{1452}, first(9), none, 9},
		{"21 packets are two blocks of eleven and ten", 21, 10, []int{1452}, first(11), none, 11},
		{"as many as ten of twenty", 20, 10, []int{1452}, first(10), none, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := seeded(1)
			g, m := newGuard(&coder{}, c.parity, ^uint32(0)), newMender(&coder{})
			sent := data(r, c.n, c.sizes...)
			var back [][]byte
			for i, d := range sent {
				if !c.data(i) {
					back = append(back, hear(t, m, d)...)
				}
			}
			for i, p := range rows(t, g, sent) {
				if !c.rows(i) {
					back = append(back, hear(t, m, p)...)
				}
			}
			lost := map[string]bool{}
			for i, d := range sent {
				if c.data(i) {
					lost[string(d)] = true
				}
			}
			for _, d := range back {
				if !lost[string(d)] {
					t.Fatalf("a packet of %d bytes came back that was not lost, or twice, or changed", len(d))
				}
				delete(lost, string(d))
			}
			if len(back) != c.want {
				t.Errorf("%d came back, want %d", len(back), c.want)
			}
			if got := int(m.sums.recovered); got != c.want && c.n > 1 { // with nothing else there, nothing was missed
				t.Errorf("counted %d, want %d", got, c.want)
			}
		})
	}
}

// TestEverySize codes groups of every size and every shape, and loses as many as should come back.
func TestEverySize(t *testing.T) {
	r := seeded(2)
	g, m := newGuard(&coder{}, 0, 0), newMender(&coder{})
	for n := 1; n <= group; n++ {
		for parity := 1; parity <= Most; parity += 1 + n%3 {
			g.parity = parity
			sent := data(r, n, minData+r.IntN(maxData-minData+1), minData+r.IntN(200))
			blocks := (n + block - 1) / block
			var back, lost [][]byte
			for i, d := range sent {
				// The first of each block, as many as it has parity for.
				if count := (n - i%blocks + blocks - 1) / blocks; i/blocks < (parity*count+block-1)/block {
					lost = append(lost, d)
				} else {
					hear(t, m, d)
				}
			}
			all := rows(t, g, sent)
			r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			for _, p := range all {
				if len(p) > maxRow {
					t.Fatalf("a row of %d bytes", len(p))
				}
				back = append(back, hear(t, m, p)...)
			}
			if !same(back, lost) {
				t.Fatalf("%d packets, parity %d: lost %d, %d came back", n, parity, len(lost), len(back))
			}
		}
	}
}

func same(a, b [][]byte) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.SortFunc(a, bytes.Compare)
	slices.SortFunc(b, bytes.Compare)
	return slices.EqualFunc(a, b, bytes.Equal)
}

// TestOrder reorders data and parity together: what is late is still of use, and nothing comes twice by parity.
func TestOrder(t *testing.T) {
	for seed := range uint64(20) {
		r := seeded(seed)
		g, m := newGuard(&coder{}, 3, r.Uint32()), newMender(&coder{})
		var lost, back [][]byte
		for range 10 {
			sent := data(r, group, 1452)
			var way [][]byte
			for i, d := range sent {
				if i%block < depth*3 && i < depth*3 {
					lost = append(lost, d)
				} else {
					way = append(way, d)
				}
			}
			way = append(way, rows(t, g, sent)...)
			r.Shuffle(len(way), func(i, j int) { way[i], way[j] = way[j], way[i] })
			for _, p := range way {
				back = append(back, hear(t, m, p)...)
			}
		}
		seen := map[string]int{}
		for _, d := range back {
			seen[string(d)]++
		}
		for _, d := range lost {
			if seen[string(d)] != 1 {
				t.Fatalf("seed %d: a lost packet came back %d times", seed, seen[string(d)])
			}
		}
		if len(m.broken) > open {
			t.Fatalf("%d blocks are broken", len(m.broken))
		}
	}
}

// TestWrongPackets shows that nothing comes out that does not bear the tag of what was lost, whatever goes in. Whether it is
// that packet, QUIC finds out.
func TestWrongPackets(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(r *rand.Rand, p []byte) []byte
	}{
		{"a spoilt piece", func(r *rand.Rand, p []byte) []byte { p[len(p)-1-r.IntN(100)] ^= 1; return p }},
		{"a spoilt length", func(r *rand.Rand, p []byte) []byte { p[head+20*tagLen] ^= 0x80; return p }},
		{"another block's number", func(r *rand.Rand, p []byte) []byte { p[5]++; return p }},
		{"a shorter piece", func(r *rand.Rand, p []byte) []byte { return p[:len(p)-1] }},
		{"fewer packets", func(r *rand.Rand, p []byte) []byte { p[1]--; return p }},
		{"one stripe for two", func(r *rand.Rand, p []byte) []byte { p[6] &^= 0xc0; return p }},
		{"wrong tags", func(r *rand.Rand, p []byte) []byte { p[head+3*4] ^= 1; return p }},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(40) {
				r := seeded(seed)
				g, m := newGuard(&coder{}, 2, 7), newMender(&coder{})
				sent := data(r, block, 1300)
				for i, d := range sent {
					if i != 3 && i != 4 {
						hear(t, m, d)
					}
				}
				for i, p := range rows(t, g, sent) {
					if i == int(seed%4) {
						p = c.spoil(r, p)
					}
					for _, d := range hear(t, m, p) {
						if t3 := tagOf(d); t3 != tagOf(sent[3]) && t3 != tagOf(sent[4]) || !protectable(d) {
							t.Fatalf("seed %d: %d bytes came out that nobody sent", seed, len(d))
						}
					}
				}
			}
		})
	}
}

// TestForgetting shows that a block whose packets were overwritten is given up, and counted.
func TestForgetting(t *testing.T) {
	r := seeded(3)
	g, m := newGuard(&coder{}, 2, 0), newMender(&coder{})
	sent := data(r, block, 500)
	for _, d := range sent[2:] {
		hear(t, m, d)
	}
	all := rows(t, g, sent)
	hear(t, m, all[0]) // the block is known, and waits
	for range recent {
		hear(t, m, datum(r, 100))
	}
	if back := hear(t, m, all[1]); back != nil {
		t.Errorf("%d packets came from nothing", len(back))
	}
	for range open / depth {
		for _, p := range rows(t, g, data(r, group, 100)) {
			hear(t, m, p)
		}
	}
	if m.sums.missed < block || m.sums.recovered != 0 || len(m.broken) > open {
		t.Errorf("missed %d, recovered %d, %d broken", m.sums.missed, m.sums.recovered, len(m.broken))
	}
}

// TestCodeOfFewRows shows that a receiver needs not know how many rows there were.
func TestCodeOfFewRows(t *testing.T) {
	c, r := &coder{}, seeded(4)
	for data := 1; data <= block; data++ {
		shards := make([][]byte, data+Most)
		for i := range shards {
			shards[i] = datum(r, 64)
		}
		if err := c.encode(shards, Most); err != nil {
			t.Fatal(err)
		}
		for few := 1; few < Most; few++ {
			less := append([][]byte{}, shards[:data]...)
			for range few {
				less = append(less, make([]byte, 64))
			}
			if err := c.encode(less, few); err != nil {
				t.Fatal(err)
			}
			for i := range few {
				if !bytes.Equal(less[data+i], shards[data+i]) {
					t.Fatalf("row %d of %d differs for %d packets", i, few, data)
				}
			}
		}
	}
}

// TestAllocations measures both machines when they are warm: what is left is the code's own, for the matrices of the three
// blocks that lost something.
func TestAllocations(t *testing.T) {
	r := seeded(5)
	g, m := newGuard(&coder{}, 3, 0), newMender(&coder{})
	sent := data(r, group, 1452)
	n := uint32(0)
	work := func() {
		for i, d := range sent {
			binary.BigEndian.PutUint32(d[len(d)-4:], n)
			n += 0x01000193
			if g.add(d); i > 2 {
				m.data(d)
			}
		}
		runs, _ := g.close()
		for _, run := range runs {
			for p := run.packets; len(p) > 0; p = p[run.size:] {
				if row, err := parseRow(p[:run.size]); err == nil {
					m.row(row)
				}
			}
		}
	}
	for range recent / group * 3 {
		work()
	}
	if got := testing.AllocsPerRun(20, work); got > 300 {
		t.Errorf("%v allocations for %d packets", got, group)
	}
}
