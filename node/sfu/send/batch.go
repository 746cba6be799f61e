package send

import "errors"

// arenaPackets is how many packets a batch holds. Twice of what a viewer gets at
// once leaves room for repairs; at 1,680 bytes each an arena stays small enough
// (54 KB) that what is sealed into it is still in the nearest caches when the kernel
// copies it out.
const arenaPackets = 32

// A Batch is sealed packets for one destination, one behind the other in an arena,
// in the order in which they go out. Whoever fills it writes each packet once, at
// its end:
//
//	packet := append(b.Next(), ...)
//	sealed, err := stream.Seal(packet)
//	err = b.Add(sealed)
//
// It belongs to one goroutine at a time, and is lent by a [Socket].
type Batch struct {
	arena []byte
	ends  [arenaPackets]int // where each packet ends
	count int
	gone  int // packets that are off already
	mail  envelope
}

func newBatch() *Batch {
	b := &Batch{arena: make([]byte, 0, arenaPackets*MaxPacket)}
	b.mail.prepare()
	return b
}

// Next returns the place of the next packet: empty, with room for one of
// [MaxPacket] bytes. There is none when the batch is full.
func (b *Batch) Next() []byte {
	n := len(b.arena)
	if b.Full() {
		return nil
	}
	return b.arena[n:n:min(n+MaxPacket, cap(b.arena))]
}

// Add takes the packet that was written at [Batch.Next], with its tag. One that lies
// elsewhere (it was too long, and append moved it) is refused with [ErrPacket].
func (b *Batch) Add(sealed []byte) error {
	n := len(b.arena)
	if len(sealed) == 0 || b.Full() || &sealed[0] != &b.arena[:n+1][n] {
		return ErrPacket
	}
	b.arena = b.arena[:n+len(sealed)]
	b.ends[b.count] = n + len(sealed)
	b.count++
	return nil
}

// Full reports whether there is no room for another packet.
func (b *Batch) Full() bool { return b.count == arenaPackets }

// Left is how many packets wait to be sent.
func (b *Batch) Left() int { return b.count - b.gone }

// Clear empties the batch.
func (b *Batch) Clear() { b.arena, b.count, b.gone = b.arena[:0], 0, 0 }

// packet returns the i-th packet of the batch.
func (b *Batch) packet(i int) []byte {
	begin := 0
	if i > 0 {
		begin = b.ends[i-1]
	}
	return b.arena[begin:b.ends[i]]
}

// run returns how many packets from the i-th on can go as segments of one message:
// all of one size but the last, which may be shorter (Linux, udp(7), UDP_SEGMENT).
func (b *Batch) run(i int) int {
	size, n := len(b.packet(i)), 1
	for i+n < b.count && n < maxSegments {
		next := len(b.packet(i + n))
		if next > size {
			break
		}
		n++
		if next < size {
			break
		}
	}
	return n
}

// maxSegments is UDP_MAX_SEGMENTS of the kernels that have the fewest (4.18 to 6.8).
// A whole arena is shorter than the longest datagram (65,507), so bytes need no limit
// of their own.
const maxSegments = 64

// A Rung is a way of handing packets to the kernel.
type Rung int32

// The rungs, from the cheapest down. On a kernel that is not Linux there is only the
// last.
const (
	Segments Rung = iota // a run of equal packets as one message: UDP_SEGMENT and sendmmsg
	Messages             // a message per packet, all in one sendmmsg
	Single               // a system call per packet
	rungs
)

// String is the rung's name in metrics.
func (r Rung) String() string { return [...]string{"gso", "sendmmsg", "single"}[r] }

// Errors of [Socket.Send]. What was not sent is still in the batch.
var (
	ErrFull    = errors.New("send: the socket's buffer is full")
	ErrRefused = errors.New("send: the kernel refused the destination")
)
