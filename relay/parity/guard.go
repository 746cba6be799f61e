package parity

// depth is over how many blocks the packets of a group are dealt, one after the other, so that a burst of losses takes a
// few of each rather than many of one. It costs memory but no time: a group is closed by its deadline.
const depth = 4

// group is how many data packets are collected at most before their parity is made.
const group = depth * block

// A guard makes the parity of one peer: it collects data packets as shards, and turns a group of them into rows. It is
// a pure machine; what closes a group early is its owner's business.
type guard struct {
	coder   *coder
	parity  int    // packets for each 20
	next    uint32 // number of the next block
	n       int    // shards collected
	longest int    // bytes of the longest packet among them
	lens    [group]int
	slab    []byte // group shards of maxShard bytes: length, packet; zeros come when the group is closed
	out     []byte // rows of the last group
	spare   []byte // room for the pieces of one block
}

func newGuard(c *coder, parity int, first uint32) *guard {
	return &guard{
		coder: c, parity: parity, next: first,
		slab:  make([]byte, group*maxShard),
		spare: make([]byte, Most*maxShard),
	}
}

// add collects one data packet; the group must be closed when it says so.
func (g *guard) add(data []byte) (full bool) {
	shard := g.slab[g.n*maxShard:]
	shard[0], shard[1] = byte(len(data)>>8), byte(len(data))
	copy(shard[prefix:], data)
	g.lens[g.n] = len(data)
	g.longest = max(g.longest, len(data))
	g.n++
	return g.n == group
}

// A run is packets of the same size, one after the other, as UDP_SEGMENT takes them.
type run struct {
	size    int
	packets []byte
}

// close returns the rows of what was collected, and begins a new group. They are valid until the next call.
//
// Packet i is in block i mod the number of blocks. The rows of the blocks take turns, so that neither a burst among
// them takes all of one block.
func (g *guard) close() (runs [2]run, err error) {
	defer func() { g.n, g.longest = 0, 0 }()
	blocks := (g.n + block - 1) / block
	if blocks == 0 || g.parity == 0 {
		return runs, nil
	}
	s := shapeFor(g.longest, (g.n+blocks-1)/blocks)
	for i := range g.n {
		shard := g.slab[i*maxShard:][:s.size()]
		clear(shard[prefix+g.lens[i]:])
	}
	first := g.next
	g.next += uint32(blocks)
	g.out = g.out[:0]
	// The first of the blocks have one packet more than the others, so their rows are three bytes longer.
	longer := g.n % blocks
	begin := 0
	for i, part := range [2][2]int{{0, longer}, {longer, blocks}} {
		size, err := g.rows(first, s, part[0], part[1], blocks)
		if err != nil {
			return runs, err
		}
		runs[i] = run{size, g.out[begin:len(g.out):len(g.out)]}
		begin = len(g.out)
	}
	return runs, nil
}

// rows appends the rows of blocks from to until (of so many) to g.out, and returns their size.
func (g *guard) rows(first uint32, s shape, from, until, of int) (size int, err error) {
	if from == until {
		return 0, nil
	}
	count := (g.n - from + of - 1) / of
	rows := (g.parity*count + block - 1) / block
	size = head + count*tagLen + s.part
	base, n := len(g.out), until-from
	g.out = grow(g.out, n*rows*s.stripes*size)
	for b := from; b < until; b++ {
		if err := g.block(b, of, count, rows, s); err != nil {
			return 0, err
		}
		for r := range rows * s.stripes {
			p := row{count: count, block: first + uint32(b), stripes: s.stripes, stripe: r / rows, index: r % rows}
			at := g.out[base+(r*n+b-from)*size:]
			p.tags = g.tags(at[head:head:head+count*tagLen], b, of)
			p.piece = g.spare[(p.index*s.stripes+p.stripe)*s.part:][:s.part]
			p.append(at[:0:size])
		}
	}
	return size, nil
}

// block codes block b of so many into g.spare, row by row, the stripes of a row beside each other.
func (g *guard) block(b, of, count, rows int, s shape) error {
	var shards [block + Most][]byte
	for i := range count {
		shards[i] = g.slab[(b+i*of)*maxShard:][:s.size()]
	}
	for r := range rows {
		shards[count+r] = g.spare[r*s.size():][:s.size()]
	}
	return g.coder.encode(shards[:count+rows], rows)
}

// tags appends the tags of block b of so many.
func (g *guard) tags(dst []byte, b, of int) []byte {
	for i := b; i < g.n; i += of {
		end := i*maxShard + prefix + g.lens[i]
		dst = append(dst, g.slab[end-tagLen:end]...)
	}
	return dst
}

func grow(b []byte, n int) []byte {
	if cap(b)-len(b) < n {
		b = append(make([]byte, 0, 2*cap(b)+n), b...)
	}
	return b[:len(b)+n]
}
