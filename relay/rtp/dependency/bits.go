package dependency

import "math/bits"

// A bitReader reads numbers of bits, highest first. Behind the end it reads zeros and is over.
type bitReader struct {
	b    []byte
	at   int // bit
	over bool
}

func (r *bitReader) read(n int) (v uint32) {
	if r.at+n > 8*len(r.b) {
		r.over = true
		return 0
	}
	for n > 0 {
		left := 8 - r.at&7
		take := min(left, n)
		v = v<<take | uint32(r.b[r.at>>3])>>(left-take)&(1<<take-1)
		r.at += take
		n -= take
	}
	return v
}

func (r *bitReader) flag() bool { return r.read(1) == 1 }

// least reads ns(n) of the AV1 bitstream specification, section 4.10.7: a number below n in as few bits as it takes.
func (r *bitReader) least(n int) uint32 {
	w := bits.Len(uint(n))
	m := uint32(1<<w - n)
	v := r.read(w - 1)
	if v < m {
		return v
	}
	return v<<1 - m + r.read(1)
}

// blank reports whether nothing but zeros is left.
func (r *bitReader) blank() bool {
	if r.at&7 != 0 && r.read(8-r.at&7) != 0 {
		return false
	}
	for _, b := range r.b[r.at>>3:] {
		if b != 0 {
			return false
		}
	}
	return true
}

// A bitWriter appends bits to b, whose last byte has room for some.
type bitWriter struct {
	b    []byte
	left int // bits free in the last byte
}

func (w *bitWriter) write(v uint32, n int) {
	for n > 0 {
		if w.left == 0 {
			w.b, w.left = append(w.b, 0), 8
		}
		take := min(w.left, n)
		w.b[len(w.b)-1] |= byte(v >> (n - take) & (1<<take - 1) << (w.left - take))
		w.left -= take
		n -= take
	}
}

func (w *bitWriter) flag(f bool) {
	if f {
		w.write(1, 1)
	} else {
		w.write(0, 1)
	}
}

// least writes ns(n).
func (w *bitWriter) least(v uint32, n int) {
	width := bits.Len(uint(n))
	m := uint32(1<<width - n)
	if v < m {
		w.write(v, width-1)
		return
	}
	v += m
	w.write(v>>1, width-1)
	w.write(v&1, 1)
}
