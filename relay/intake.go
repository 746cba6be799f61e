package relay

import (
	"io"

	"stentor/relay/rtp"
	"stentor/relay/wire"
)

const (
	// slabSize is the largest size that Go's allocator gives from its caches. Some 26 packets of a 4K frame share one.
	slabSize = 32 << 10
	// slabPackets is how many parsed packets are allocated at once.
	slabPackets = 32
	// slabLeast is what must be left of a slab for another read: a packet with its length.
	slabLeast = 2 + wire.MaxPacket
)

// A slab is memory for the packets of one layer: what is read from a parent's streams stays where it was read to, so that
// a hop costs no copy and no allocation for each packet. Slabs are not shared between layers, since a slab lives as long
// as its last packet: the ring of a layer turns over as a whole, those of two layers do not.
type slab struct {
	free    []byte // never written before
	packets []rtp.Packet
}

// packet returns memory for one parsed packet.
func (s *slab) packet() *rtp.Packet {
	if len(s.packets) == 0 {
		s.packets = make([]rtp.Packet, slabPackets)
	}
	p := &s.packets[0]
	s.packets = s.packets[1:]
	return p
}

// An intake reads the packets of one frame.
type intake struct {
	stream io.Reader
	slab   *slab
	read   []byte // read and not taken; slab.free follows in memory
	err    error  // of the stream, after what was read
}

// newIntake returns an intake that begins with first, which was read already.
func newIntake(stream io.Reader, s *slab, first []byte, err error) *intake {
	i := &intake{stream: stream, slab: s, err: err}
	i.room()
	n := copy(i.slab.free, first)
	i.read, i.slab.free = i.slab.free[:n], i.slab.free[n:]
	return i
}

// room sees to it that another packet can be read.
func (i *intake) room() {
	if len(i.slab.free)+len(i.read) >= slabLeast {
		return
	}
	b := make([]byte, slabSize)
	n := copy(b, i.read) // less than a packet
	i.read, i.slab.free = b[:n], b[n:]
}

// fill waits for more. After an error of the stream there is none.
func (i *intake) fill() {
	i.room()
	n, err := i.stream.Read(i.slab.free)
	i.read = i.read[:len(i.read)+n] // the slab goes on behind what is read
	i.slab.free, i.err = i.slab.free[n:], err
}

// next takes the next packet that is there as a whole; nil when there is none.
func (i *intake) next() (raw []byte, err error) {
	if len(i.read) < 2 {
		return nil, nil
	}
	n, err := wire.PacketLength([2]byte(i.read))
	if err != nil || len(i.read) < 2+n {
		return nil, err
	}
	raw, i.read = i.read[2:2+n:2+n], i.read[2+n:]
	return raw, nil
}
