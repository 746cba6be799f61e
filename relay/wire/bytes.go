package wire

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

// Errors of the parsers. They name the broken rule and go into the reason with which a link ends.
var (
	ErrShort    = errors.New("wire: cut off")
	ErrTrailing = errors.New("wire: bytes left over")
	ErrNumber   = errors.New("wire: number not in its shortest form")
	ErrBound    = errors.New("wire: out of bounds")
	ErrText     = errors.New("wire: not text")
	ErrType     = errors.New("wire: unknown type")
)

// maxNumber is the highest number that a variable-length integer can hold.
const maxNumber = 1<<62 - 1

// appendNumber writes v in its shortest form. Higher bits than it can hold are cut off; callers stay below.
func appendNumber(b []byte, v uint64) []byte {
	v &= maxNumber
	switch {
	case v < 1<<6:
		return append(b, uint8(v))
	case v < 1<<14:
		return binary.BigEndian.AppendUint16(b, uint16(v)|0x4000)
	case v < 1<<30:
		return binary.BigEndian.AppendUint32(b, uint32(v)|0x80000000)
	}
	return binary.BigEndian.AppendUint64(b, v|0xc000000000000000)
}

func appendText(b []byte, s string) []byte {
	return append(appendNumber(b, uint64(len(s))), s...)
}

func appendFlag(b []byte, on bool) []byte {
	if on {
		return append(b, 1)
	}
	return append(b, 0)
}

// A scanner reads values off the front of b. The first error sticks, and what is read after it is zero.
type scanner struct {
	b   []byte
	err error
}

func (s *scanner) fail(err error) {
	if s.err == nil {
		s.err = err
	}
	s.b = nil
}

func (s *scanner) u8() uint8 {
	if len(s.b) < 1 {
		s.fail(ErrShort)
		return 0
	}
	v := s.b[0]
	s.b = s.b[1:]
	return v
}

// flag reads a byte that is 1 or 0.
func (s *scanner) flag() bool {
	v := s.u8()
	if v > 1 {
		s.fail(ErrBound)
	}
	return v == 1
}

// number reads a variable-length integer that is at most most.
func (s *scanner) number(most uint64) uint64 {
	if len(s.b) < 1 {
		s.fail(ErrShort)
		return 0
	}
	n := 1 << (s.b[0] >> 6)
	if len(s.b) < n {
		s.fail(ErrShort)
		return 0
	}
	v := uint64(s.b[0] & 0x3f)
	for _, c := range s.b[1:n] {
		v = v<<8 | uint64(c)
	}
	if n > 1 && v < 1<<(8*(n/2)-2) {
		s.fail(ErrNumber)
		return 0
	}
	if v > most {
		s.fail(ErrBound)
		return 0
	}
	s.b = s.b[n:]
	return v
}

// text reads a text of least to most bytes.
func (s *scanner) text(least, most int) string {
	n := int(s.number(uint64(most)))
	if s.err == nil && n < least {
		s.fail(ErrBound)
	}
	if len(s.b) < n {
		s.fail(ErrShort)
		return ""
	}
	if !utf8.Valid(s.b[:n]) {
		s.fail(ErrText)
		return ""
	}
	t := string(s.b[:n])
	s.b = s.b[n:]
	return t
}

// end says that nothing may follow.
func (s *scanner) end() error {
	if s.err == nil && len(s.b) > 0 {
		s.err = ErrTrailing
	}
	return s.err
}
