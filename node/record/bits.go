package record

// bits reads a header bit by bit. After its end it gives zeros and is bad.
type bits struct {
	data []byte
	pos  int
	bad  bool
}

// take returns the next n bits, up to 64.
func (b *bits) take(n int) (v uint64) {
	for range n {
		if b.pos >= len(b.data)*8 {
			b.bad = true
			return 0
		}
		v = v<<1 | uint64(b.data[b.pos/8]>>(7-b.pos%8)&1)
		b.pos++
	}
	return v
}

func (b *bits) skip(n int) { b.take(n) }

// golomb returns an unsigned number in Exp-Golomb code (ITU-T H.264, section 9.1) of at most 32 bits.
func (b *bits) golomb() uint64 {
	zeros := 0
	for b.take(1) == 0 {
		if zeros++; b.bad || zeros > 32 {
			b.bad = true
			return 0
		}
	}
	return 1<<zeros - 1 + b.take(zeros)
}

// uvlc is golomb under AV1's name (AV1 specification, section 4.10.3).
func (b *bits) uvlc() uint64 { return b.golomb() }
