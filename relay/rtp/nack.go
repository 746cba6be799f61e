package rtp

// A Nack is one pair of a generic NACK (RFC 4585 section 6.2.1): a lost packet, and a bit for each of the
// sixteen behind it.
type Nack struct {
	ID   uint16 // sequence number of a lost packet
	Lost uint16 // bit i: ID+i+1 is lost too
}

// Each calls yield for every sequence number of the pair until it says false. It is an iterator.
func (n Nack) Each(yield func(uint16) bool) {
	if !yield(n.ID) {
		return
	}
	for i := range uint16(16) {
		if n.Lost>>i&1 == 1 && !yield(n.ID+i+1) {
			return
		}
	}
}

// AppendNacks packs lost sequence numbers, oldest first, into pairs.
func AppendNacks(dst []Nack, lost []uint16) []Nack {
	start := len(dst)
	for _, seq := range lost {
		if len(dst) > start {
			last := &dst[len(dst)-1]
			d := seq - last.ID
			if d == 0 {
				continue
			}
			if d <= 16 {
				last.Lost |= 1 << (d - 1)
				continue
			}
		}
		dst = append(dst, Nack{ID: seq})
	}
	return dst
}
