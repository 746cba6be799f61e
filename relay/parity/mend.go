package parity

import (
	"errors"
	"math/bits"
	"time"
)

const (
	// recent is how many data packets are kept for what their parity may ask for. A group is 80 and its parity follows at
	// once, so the rest is for reordering: 5 ms of jitter at 1 Gbps.
	recent = 512
	// open is how many blocks are kept, whole or not: of eight groups.
	open = 32
	// sieve is of how many bits of a tag the mender knows at once whether it has one that ends so: one in eight is there
	// by chance.
	sieve = 12
	// tellEvery is how often the peer is told what came of its parity: a few times within what [Dose] waits for.
	tellEvery = 500 * time.Millisecond
)

// A mender makes again what was lost of one peer's data packets. It is a pure machine and belongs to one goroutine. What it
// keeps is bounded: 512 packets and 32 blocks' rows, 1.2 MB when all are of full size.
type mender struct {
	coder  *coder
	ring   [recent][]byte // data packets
	tags   [recent]tag
	among  [1 << sieve]uint16 // how many of tags end so
	next   int64              // data packets seen; the newest is at next-1
	blocks [open]pending
	broken []*pending // blocks that wait for rows or for packets that are late

	scratch []byte   // shards of the block that was mended last
	mended  [][]byte // packets in it, not yet handed over

	sums   told
	toldAt time.Time
}

// A pending is a block of which at least one row came.
type pending struct {
	known   bool
	over    bool // nothing more is to be done
	before  bool // its packets came before anything was kept, or so it seems: it does not count
	number  uint32
	count   int
	shape   shape
	tags    [block]tag
	at      [block]int64 // which of the data packets seen; below 0 when it did not come
	missing int
	got     [2]uint16 // rows by bits, of each stripe
	rows    [Most][]byte
}

func (t tag) end() int { return int(t & (1<<sieve - 1)) }

func newMender(c *coder) *mender { return &mender{coder: c, scratch: make([]byte, block*maxShard)} }

// data keeps a data packet that arrived, and mends what waited for it. b may be used again.
func (m *mender) data(b []byte) {
	t, seq := tagOf(b), m.next
	slot := seq % recent
	if seq >= recent {
		m.among[m.tags[slot].end()]--
	}
	m.among[t.end()]++
	m.tags[slot], m.ring[slot] = t, append(m.ring[slot][:0], b...)
	m.next++
	for _, p := range m.broken {
		for i := range p.count {
			if p.at[i] < 0 && p.tags[i] == t {
				p.at[i] = seq
				p.missing--
				m.try(p)
				return
			}
		}
	}
}

// row takes a row of parity; why is not empty when it was of no use.
func (m *mender) row(r row) (why string) {
	p := &m.blocks[r.block%open]
	if !p.known || p.number != r.block {
		m.end(p)
		m.begin(p, &r)
	}
	if r.count != p.count || r.stripes != p.shape.stripes || len(r.piece) != p.shape.part {
		return "contradiction"
	}
	bit := uint16(1) << r.index
	if p.over || p.got[r.stripe]&bit != 0 {
		return ""
	}
	if size := p.shape.size(); cap(p.rows[r.index]) < size {
		p.rows[r.index] = make([]byte, size)
	} else if other := p.got[0] | p.got[1]; other&bit == 0 {
		p.rows[r.index] = p.rows[r.index][:size]
	}
	copy(p.shape.stripe(p.rows[r.index], r.stripe), r.piece)
	p.got[r.stripe] |= bit
	m.try(p)
	return ""
}

// begin finds out which packets of a new block are here.
func (m *mender) begin(p *pending, r *row) {
	p.known, p.over, p.got = true, false, [2]uint16{}
	p.number, p.count, p.shape = r.block, r.count, shape{r.stripes, len(r.piece)}
	p.missing = 0
	for i := range p.count {
		p.tags[i] = r.tag(i)
		if p.at[i] = m.find(p.tags[i]); p.at[i] < 0 {
			p.missing++
		}
	}
	p.before = p.missing == p.count && m.next < group
	m.sums.block = r.block
	if p.missing > 0 {
		m.broken = append(m.broken, p)
	} else {
		m.over(p, 0, 0)
	}
}

// find returns which data packet has a tag: the newest, as one after the other is asked for soon after it came.
func (m *mender) find(t tag) int64 {
	if m.among[t.end()] == 0 {
		return -1 // most that are asked for in vain: a forged block costs 20 looks, not 20 searches
	}
	for seq := m.next - 1; seq >= max(0, m.next-recent); seq-- {
		if m.tags[seq%recent] == t {
			return seq
		}
	}
	return -1
}

// here returns the packet at seq, nil when it was overwritten or cannot be of the block.
func (m *mender) here(p *pending, i int) []byte {
	seq := p.at[i]
	if seq < 0 || m.next-seq > recent {
		return nil
	}
	if d := m.ring[seq%recent]; len(d)+prefix <= p.shape.size() {
		return d
	}
	return nil
}

// try mends p when there is enough of it.
func (m *mender) try(p *pending) {
	if p.missing == 0 {
		m.over(p, 0, 0)
		return
	}
	for s := range p.shape.stripes {
		if bits.OnesCount16(p.got[s]) < p.missing {
			return
		}
	}
	missing := 0
	for i := range p.count {
		if d := m.here(p, i); d != nil {
			p.shape.shard(m.shard(p, i), d)
		} else {
			p.at[i] = -1
			missing++
		}
	}
	if missing != p.missing { // some that were here are gone: more rows are needed
		p.missing = missing
		m.try(p)
		return
	}
	m.mend(p)
}

// shard is the place of data shard i in the scratch.
func (m *mender) shard(p *pending, i int) []byte {
	return m.scratch[i*p.shape.size() : (i+1)*p.shape.size()]
}

// mend makes the missing packets of p, of which enough is here.
func (m *mender) mend(p *pending) {
	both := p.got[0] & p.got[1]
	var err error
	if s := p.shape; s.stripes == 2 && bits.OnesCount16(both) < p.missing {
		err = errors.Join(m.restore(p, p.got[0], 0, s.part), m.restore(p, p.got[1], s.part, s.size()))
	} else if s.stripes == 2 {
		err = m.restore(p, both, 0, s.size()) // both stripes by the same rows, at once
	} else {
		err = m.restore(p, p.got[0], 0, s.size())
	}
	if err != nil {
		m.over(p, p.missing, 0)
		return
	}
	m.mended = m.mended[:0]
	for i := range p.count {
		if p.at[i] >= 0 {
			continue
		}
		// What came out must bear the tag; else something in the block was not what it seemed. QUIC
		// looks closer.
		if d := p.shape.data(m.shard(p, i)); d != nil && tagOf(d) == p.tags[i] {
			m.mended = append(m.mended, d)
		}
	}
	m.over(p, p.missing, len(m.mended))
}

// restore makes bytes from until to of the missing shards, by the rows whose bits are set.
func (m *mender) restore(p *pending, rows uint16, from, to int) error {
	var shards [block + Most][]byte
	for i := range p.count {
		shards[i] = m.shard(p, i)[from:to:to]
		if p.at[i] < 0 {
			shards[i] = shards[i][:0]
		}
	}
	for r := range Most {
		if rows&(1<<r) != 0 {
			shards[p.count+r] = p.rows[r][from:to]
		}
	}
	return m.coder.restore(shards[:p.count+Most])
}

// take returns a packet that was mended, nil when there is none. It is valid until the next call of data or row, before
// which all must be taken.
func (m *mender) take() []byte {
	if len(m.mended) == 0 {
		return nil
	}
	d := m.mended[0]
	m.mended = m.mended[1:]
	return d
}

// end closes a block whose place is needed.
func (m *mender) end(p *pending) {
	if p.known && !p.over {
		m.over(p, p.missing, 0)
	}
}

// over counts a block and forgets what it held.
func (m *mender) over(p *pending, missed, recovered int) {
	p.over = true
	if !p.before {
		m.sums.covered += uint32(p.count)
		m.sums.missed += uint32(missed)
		m.sums.recovered += uint32(recovered)
	}
	for i, q := range m.broken {
		if p == q {
			m.broken = append(m.broken[:i], m.broken[i+1:]...)
			return
		}
	}
}

// tell returns what the peer is to be told now, if anything.
func (m *mender) tell(now time.Time) (told, bool) {
	if now.Sub(m.toldAt) < tellEvery {
		return told{}, false
	}
	m.toldAt = now
	return m.sums, true
}
