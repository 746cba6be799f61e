package parity

import (
	"encoding/binary"
	"errors"
)

// The first bytes of this package's packets.
const (
	kindRow  = 0x3e
	kindTold = 0x3f
)

const (
	maxData  = 1452  // bytes of the largest packet that quic-go sends
	prefix   = 2     // of a shard: the length of what it holds
	head     = 7     // of a row, before the tags
	tagLen   = 3     //
	whole    = 1200  // a packet that long passes wherever QUIC does (RFC 9000 section 14)
	maxRow   = whole // so no row is longer
	toldLen  = 17    //
	maxShard = maxData + prefix
)

const (
	// minData is the shortest data packet that is protected: none that QUIC would take is shorter (RFC 9000 section 10.3).
	minData = 21
	// minAlone is the shortest that parity is made for when nothing else is sent. Acknowledgements alone have 30 to 38 bytes
	// and are made good by the next one; but the end of a stream is as short, and a frame is not whole without it, so
	// what is short goes along when there is something.
	minAlone = 40
)

var errPacket = errors.New("parity: not a packet of this format")

// A tag names a data packet: its last three bytes.
type tag uint32

func tagOf(data []byte) tag {
	n := len(data)
	return tag(data[n-3])<<16 | tag(data[n-2])<<8 | tag(data[n-1])
}

// protectable reports whether b is a data packet that can get parity: QUIC with a short header (1-RTT). Handshakes
// have long headers and are padded, few and repeated.
func protectable(b []byte) bool {
	return len(b) >= minData && len(b) <= maxData && b[0]&0xc0 == 0x40
}

// A row is one packet of parity. What parseRow returns aliases its input.
type row struct {
	count   int    // data packets in the block, 1 to 20
	block   uint32 // which block
	stripes int    // 1 or 2
	stripe  int    // 0 or 1: which of them
	index   int    // which row of the code, below [Most]
	tags    []byte // of the data packets, 3 bytes each
	piece   []byte // the row's part in this stripe
}

func (r *row) tag(i int) tag { return tagOf(r.tags[i*tagLen : (i+1)*tagLen]) }

// append writes r after b.
func (r *row) append(b []byte) []byte {
	place := byte(r.stripe<<6 | r.index)
	if r.stripes == 2 {
		place |= 0x80
	}
	b = append(b, kindRow, byte(r.count))
	b = binary.BigEndian.AppendUint32(b, r.block)
	b = append(b, place)
	b = append(b, r.tags...)
	return append(b, r.piece...)
}

// parseRow reads a packet whose first byte is kindRow.
func parseRow(b []byte) (row, error) {
	if len(b) < head || len(b) > maxRow || b[0] != kindRow {
		return row{}, errPacket
	}
	r := row{count: int(b[1]), block: binary.BigEndian.Uint32(b[2:]), stripes: 1, index: int(b[6] & 0x0f)}
	if b[6]&0x80 != 0 {
		r.stripes = 2
	}
	if b[6]&0x40 != 0 {
		r.stripe = 1
	}
	if r.count < 1 || r.count > block || r.index >= Most || r.stripe >= r.stripes || b[6]&0x30 != 0 {
		return row{}, errPacket
	}
	b = b[head:]
	if len(b) < r.count*tagLen {
		return row{}, errPacket
	}
	r.tags, r.piece = b[:r.count*tagLen], b[r.count*tagLen:]
	if n := len(r.piece) * r.stripes; n < minData+prefix || n > maxShard {
		return row{}, errPacket // it could hold no data packet, or none so short
	}
	return r, nil
}

// A told is what a peer tells of the parity that it got, about twice a second while it gets some. The numbers count from
// the peer's first row, and wrap.
type told struct {
	block     uint32 // the newest that was seen
	covered   uint32 // data packets in blocks that are over
	missed    uint32 // of these, what did not come by itself
	recovered uint32 // of these, what parity gave back
}

func (t told) append(b []byte) []byte {
	b = append(b, kindTold)
	for _, n := range [...]uint32{t.block, t.covered, t.missed, t.recovered} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

func parseTold(b []byte) (told, error) {
	if len(b) != toldLen || b[0] != kindTold {
		return told{}, errPacket
	}
	n := func(i int) uint32 { return binary.BigEndian.Uint32(b[1+4*i:]) }
	return told{n(0), n(1), n(2), n(3)}, nil
}
