package send

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
)

// A Session seals what one DTLS session sends. It hands out one [Stream] per SSRC,
// ever: together with Stream, which seals no number twice, that is what keeps a
// nonce from being used twice, which with GCM would give the key away (RFC 7714
// section 8.4). It is for one goroutine at a time.
type Session struct {
	aead    cipher.AEAD
	salt    [saltLength]byte
	streams map[uint32]struct{}
}

// NewSession derives the session's keys (RFC 3711 section 4.3, with AES-CM of the
// key's length and a derivation rate of zero) and wipes k. From now on nobody but
// this session may seal RTP with k; SRTCP has keys of its own and stays pion's.
func NewSession(k Keys) (*Session, error) {
	defer k.Wipe()
	if len(k.Salt) != saltLength || len(k.Key) != 16 && len(k.Key) != 32 {
		return nil, ErrNoKeys
	}
	const encryption, salting = 0x00, 0x02 // labels
	key, err := derive(k, encryption, len(k.Key))
	if err != nil {
		return nil, err
	}
	defer clear(key)
	salt, err := derive(k, salting, saltLength)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	s := &Session{salt: [saltLength]byte(salt), streams: make(map[uint32]struct{})}
	if s.aead, err = cipher.NewGCM(block); err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	return s, nil
}

// derive is the key derivation function of RFC 3711 section 4.3.3; RFC 7714 section
// 11 puts the 96-bit salt at the front of the 112 bits that it works on.
func derive(k Keys, label byte, length int) ([]byte, error) {
	block, err := aes.NewCipher(k.Key)
	if err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	var in [aes.BlockSize]byte
	copy(in[:], k.Salt)
	in[7] ^= label
	out := make([]byte, (length+aes.BlockSize-1)/aes.BlockSize*aes.BlockSize)
	for n := 0; n < len(out); n += aes.BlockSize {
		binary.BigEndian.PutUint16(in[14:], uint16(n/aes.BlockSize))
		block.Encrypt(out[n:], in[:])
	}
	return out[:length], nil
}

// Stream returns the one writer of an SSRC, or [ErrTaken].
func (s *Session) Stream(ssrc uint32) (*Stream, error) {
	if _, taken := s.streams[ssrc]; taken {
		return nil, ErrTaken
	}
	s.streams[ssrc] = struct{}{}
	st := &Stream{aead: s.aead, ssrc: ssrc}
	st.nonce.base = s.salt
	for i := range 4 { // RFC 7714 section 8.1: 00 00, SSRC, roll-over counter, sequence number
		st.nonce.base[2+i] ^= byte(ssrc >> (24 - 8*i))
	}
	st.nonce.iv = st.nonce.base
	return st, nil
}

// sealWindow is how far back a packet may be sealed that is not the newest. A ring
// gives packets as they came, so a few are out of order; what is older than the jump
// that closes a hole (1,024, relay/rtp) has no place in a viewer's stream.
const sealWindow = 1024

// lastIndex is the last packet that may be sealed (RFC 3711 section 9.2): nobody
// gets there (at 100,000 packets a second it takes 89 years), and nobody may.
const lastIndex = 1<<48 - 1

// A Stream seals the packets of one SSRC, each number once. It belongs to one
// goroutine: to the shard or forward that owns it.
type Stream struct {
	aead   cipher.AEAD // of the session
	ssrc   uint32
	begun  bool
	newest uint64                              // the highest index sealed: roll-over counter and sequence number
	nonce  struct{ base, iv [saltLength]byte } // of index 0, and of the packet that is sealed
	sealed [sealWindow / 64]uint64             // a bit for each of the last indices, at index % sealWindow
}

// SSRC returns whose packets the stream seals.
func (s *Stream) SSRC() uint32 { return s.ssrc }

// Seal encrypts the payload of an RTP packet where it lies, authenticates it with its
// header, CSRCs and extensions, and returns it with the tag, for which packet must
// have room (its capacity). An error means that packet is as it was and must not go
// out: it is of another stream, or its number was sealed before. The sequence number
// is extended here, from the packets sealed so far, and the receiver's roll-over
// counter begins at zero with the first (RFC 3711 section 3.3.1).
func (s *Stream) Seal(packet []byte) ([]byte, error) {
	header := headerLength(packet)
	if header == 0 || binary.BigEndian.Uint32(packet[8:]) != s.ssrc || cap(packet)-len(packet) < tagLength {
		return nil, ErrPacket
	}
	index, err := s.use(binary.BigEndian.Uint16(packet[2:]))
	if err != nil {
		return nil, err
	}
	binary.BigEndian.PutUint64(s.nonce.iv[4:], binary.BigEndian.Uint64(s.nonce.base[4:])^index) // of 48 bits: what is before stays
	return s.aead.Seal(packet[:header], s.nonce.iv[:], packet[header:], packet[:header]), nil
}

// use extends seq to an index and marks it as used.
func (s *Stream) use(seq uint16) (uint64, error) {
	if !s.begun {
		s.begun, s.newest = true, uint64(seq)
		s.mark(s.newest)
		return s.newest, nil
	}
	index := int64(s.newest) + int64(int16(seq-uint16(s.newest)))
	switch {
	case index > lastIndex:
		return 0, ErrWornOut
	case index > int64(s.newest):
		s.advance(uint64(index))
	case index < 0 || uint64(index)+sealWindow <= s.newest || s.marked(uint64(index)):
		return 0, ErrReused
	}
	s.mark(uint64(index))
	return uint64(index), nil
}

// advance moves the window on to index.
func (s *Stream) advance(index uint64) {
	if index-s.newest >= sealWindow {
		clear(s.sealed[:])
	} else {
		for i := s.newest + 1; i < index; i++ {
			s.sealed[i%sealWindow/64] &^= 1 << (i % 64)
		}
	}
	s.newest = index
}

func (s *Stream) mark(index uint64)        { s.sealed[index%sealWindow/64] |= 1 << (index % 64) }
func (s *Stream) marked(index uint64) bool { return s.sealed[index%sealWindow/64]&(1<<(index%64)) != 0 }

// headerLength returns the length of an RTP header with its CSRCs and extensions, 0
// if packet is no RTP packet (RFC 3550 section 5.1).
func headerLength(packet []byte) int {
	const fixed = 12
	if len(packet) < fixed || packet[0]>>6 != 2 {
		return 0
	}
	n := fixed + 4*int(packet[0]&0x0f)
	if packet[0]&0x10 != 0 {
		if len(packet) < n+4 {
			return 0
		}
		n += 4 + 4*int(binary.BigEndian.Uint16(packet[n+2:]))
	}
	if len(packet) < n {
		return 0
	}
	return n
}
