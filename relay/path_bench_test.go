package relay

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"stentor/relay/wire"
)

// BenchmarkPath takes packets of 4K on their way through a node without QUIC: out of a stream's bytes, into the ring, and out
// of it into the bytes of the next stream. One operation is one packet; what is allocated for it is its share of the slabs
// that the ring keeps.
func BenchmarkPath(b *testing.B) {
	track := newVideo()
	defer track.Close()
	const size = 70 // packets of a frame
	var frame []byte
	cam := camera{}
	for _, p := range cam.frame(false, size) {
		frame = wire.AppendPacket(frame, append(p, make([]byte, 1200)...)[:1200])
	}
	l, out := track.layers[0], &outgoing{}
	r := track.readerFrom(0, 1)
	defer r.Close()
	stream, memory := bytes.NewReader(nil), new(slab)
	b.SetBytes(1200)
	b.ReportAllocs()
	for n := uint64(1); b.Loop(); n++ {
		if n%size != 1 {
			continue // one operation is one packet
		}
		for i := range uint64(size) {
			p := frame[int(i)*(2+1200)+2:]
			binary.BigEndian.PutUint16(p[2:], uint16(n+i))
			binary.BigEndian.PutUint32(p[4:], uint32(n)*90)
		}
		stream.Reset(frame)
		f := incoming{track: track, layer: l, head: wire.Frame{Frame: n, First: n, Time: n * 90}}
		for i := newIntake(stream, memory, nil, nil); i.err == nil; i.fill() {
			if _, err := f.take(i, time.Now()); err != nil {
				b.Fatal(err)
			}
		}
		for p := r.Try(); p != nil; p = r.Try() {
			out.add(p)
		}
		out.buf = out.buf[:0]
	}
}
