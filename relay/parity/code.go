package parity

import (
	"fmt"
	"sync"

	"github.com/klauspost/reedsolomon"
)

// A coder holds the codes of every size of block. In a Cauchy matrix a row's coefficients do not depend on how many
// rows there are, so the receiver needs not know how many the sender made.
type coder struct {
	mu    sync.Mutex // guards the following
	codes [block + 1][Most + 1]reedsolomon.Encoder
}

// code returns the code for so many data shards and rows; 10 us and 4 KB when it was not used before.
func (c *coder) code(data, rows int) (reedsolomon.Encoder, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.codes[data][rows]; e != nil {
		return e, nil
	}
	// One goroutine: the shards are small. No cache of inverted matrices: which packets are lost is for others to
	// choose, and there are 30 million ways to lose seven of 27.
	e, err := reedsolomon.New(data, rows, reedsolomon.WithCauchyMatrix(), reedsolomon.WithMaxGoroutines(1), reedsolomon.WithInversionCache(false))
	if err != nil {
		return nil, fmt.Errorf("parity: a code of %d and %d: %w", data, rows, err)
	}
	c.codes[data][rows] = e
	return e, nil
}

// encode fills the last rows of shards, which are as long as the data before them.
func (c *coder) encode(shards [][]byte, rows int) error {
	e, err := c.code(len(shards)-rows, rows)
	if err != nil {
		return err
	}
	return e.Encode(shards)
}

// restore fills the data among shards that have no length; the last [Most] are rows, of which some have a length too.
// It uses the missing shards' capacity.
func (c *coder) restore(shards [][]byte) error {
	e, err := c.code(len(shards)-Most, Most)
	if err != nil {
		return err
	}
	return e.ReconstructData(shards)
}

// A shape is how the data packets of a group become shards: all of the same length, in one stripe or two.
type shape struct {
	stripes int
	part    int // bytes of a shard in one stripe
}

// shapeFor returns the shape for packets up to longest bytes, in blocks of up to count.
func shapeFor(longest, count int) shape {
	n := longest + prefix
	if head+count*tagLen+n <= maxRow {
		return shape{1, n}
	}
	return shape{2, (n + 1) / 2}
}

// size is how long a shard is with all its stripes.
func (s shape) size() int { return s.stripes * s.part }

// shard writes the shard of data to dst, which is s.size() long.
func (s shape) shard(dst, data []byte) {
	dst[0], dst[1] = byte(len(data)>>8), byte(len(data))
	clear(dst[prefix+copy(dst[prefix:], data):])
}

// data returns the packet in a shard, nil when there can be none.
func (s shape) data(shard []byte) []byte {
	n := int(shard[0])<<8 | int(shard[1])
	if n > len(shard)-prefix || !protectable(shard[prefix:prefix+n]) {
		return nil
	}
	return shard[prefix : prefix+n]
}

// stripe returns the part of a shard that is in stripe i.
func (s shape) stripe(shard []byte, i int) []byte {
	return shard[i*s.part : (i+1)*s.part : (i+1)*s.part]
}
