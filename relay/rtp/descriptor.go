package rtp

// Where the payload descriptors of VP8 and VP9 keep the numbers that decoders look for continuity in. All offsets are
// in bytes of the payload; 0 is "not there", since none of them stands first.
type numbers struct {
	picture int  // of the picture id
	wide    bool // which has 15 bits, else 7
	base    int  // of TL0PICIDX, 8 bits
	key     int  // of KEYIDX, the low 5 bits (VP8)
}

// numbersVP8 reads the descriptor of RFC 7741 section 4.2.
func numbersVP8(b []byte) (n numbers, ok bool) {
	if len(b) < 2 || b[0]&0x80 == 0 {
		return n, false
	}
	x, at := b[1], 2
	if x&0x80 != 0 {
		if len(b) <= at {
			return numbers{}, false
		}
		n.picture, n.wide = at, b[at]&0x80 != 0
		at++
		if n.wide {
			at++
		}
	}
	if x&0x40 != 0 {
		n.base = at
		at++
	}
	if x&0x30 != 0 {
		if x&0x10 != 0 {
			n.key = at
		}
		at++
	}
	if len(b) < at {
		return numbers{}, false
	}
	return n, true
}

// descriptorVP8 is the length of the descriptor, which is there.
func descriptorVP8(b []byte) int {
	n := 1
	if b[0]&0x80 == 0 {
		return n
	}
	n++
	x := b[1]
	if x&0x80 != 0 {
		if b[n]&0x80 != 0 {
			n++
		}
		n++
	}
	if x&0x40 != 0 {
		n++
	}
	if x&0x30 != 0 {
		n++
	}
	return n
}

// numbersVP9 reads the descriptor of RFC 9628 section 4.2.
func numbersVP9(b []byte) (n numbers, ok bool) {
	if len(b) < 2 {
		return n, false
	}
	at := 1
	if b[0]&0x80 != 0 {
		n.picture, n.wide = at, b[at]&0x80 != 0
		at++
		if n.wide {
			at++
		}
	}
	if b[0]&0x20 != 0 { // layer indices
		at++
		if b[0]&0x10 == 0 { // not flexible
			n.base = at
			at++
		}
	}
	if len(b) < at {
		return numbers{}, false
	}
	return n, true
}

// descriptorVP9 is the length of the descriptor and where its scalability structure begins, both 0 where it is cut off.
func descriptorVP9(b []byte) (length, structure int) {
	n, ok := numbersVP9(b)
	if !ok {
		return 0, 0
	}
	at := 1
	if n.picture > 0 {
		at = n.picture + 1
		if n.wide {
			at++
		}
	}
	if b[0]&0x20 != 0 {
		at++
		if b[0]&0x10 == 0 {
			at++
		}
	}
	if b[0]&0x50 == 0x50 { // reference indices
		for range 3 {
			if len(b) <= at {
				return 0, 0
			}
			at++
			if b[at-1]&1 == 0 {
				break
			}
		}
	}
	if b[0]&0x02 == 0 {
		return at, 0
	}
	structure = at
	if len(b) <= at {
		return 0, 0
	}
	s := b[at]
	at++
	if s&0x10 != 0 {
		at += 4 * (int(s>>5) + 1)
	}
	if s&0x08 != 0 {
		if len(b) <= at {
			return 0, 0
		}
		groups := int(b[at])
		at++
		for range groups {
			if len(b) <= at {
				return 0, 0
			}
			at += 1 + int(b[at]>>2&3)
		}
	}
	if len(b) < at {
		return 0, 0
	}
	return at, structure
}
