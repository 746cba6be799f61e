package send

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/pion/srtp/v3"
)

var profiles = map[string]struct {
	profile srtp.ProtectionProfile
	key     int
}{
	"AES-128-GCM": {srtp.ProtectionProfileAeadAes128Gcm, 16},
	"AES-256-GCM": {srtp.ProtectionProfileAeadAes256Gcm, 32},
}

// twins are our session and pion's context with the same keys.
func twins(t testing.TB, profile srtp.ProtectionProfile, length int) (*Session, *srtp.Context) {
	t.Helper()
	key, salt := make([]byte, length), make([]byte, saltLength)
	for i := range key {
		key[i] = byte(3*i + 1)
	}
	for i := range salt {
		salt[i] = byte(0xa0 + i)
	}
	ctx, err := srtp.CreateContext(key, salt, profile)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSession(Keys{Key: key, Salt: salt})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(key, make([]byte, length)) {
		t.Fatal("the keys are still there")
	}
	return s, ctx
}

func stream(t testing.TB, s *Session, ssrc uint32) *Stream {
	t.Helper()
	st, err := s.Stream(ssrc)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// packet is an RTP packet with room for a tag.
func packet(seq uint16, ssrc uint32, flags byte, rest ...byte) []byte {
	p := make([]byte, 12, 12+len(rest)+tagLength)
	p[0], p[1] = 0x80|flags, 96
	binary.BigEndian.PutUint16(p[2:], seq)
	binary.BigEndian.PutUint32(p[4:], uint32(seq)*3000)
	binary.BigEndian.PutUint32(p[8:], ssrc)
	return append(p, rest...)
}

func TestSealedIsWhatPionSealsThroughRollOver(t *testing.T) {
	for name, p := range profiles {
		t.Run(name, func(t *testing.T) {
			session, theirs := twins(t, p.profile, p.key)
			_, receiver := twins(t, p.profile, p.key)
			ours := stream(t, session, 0xdeadbeef)
			seq := uint16(65000)
			for i := range 70_000 { // two roll-overs
				plain := packet(seq, 0xdeadbeef, 0, byte(i), byte(i>>8), 3)
				want, err := theirs.EncryptRTP(nil, plain, nil)
				if err != nil {
					t.Fatal(err)
				}
				clear := bytes.Clone(plain)
				got, err := ours.Seal(plain)
				if err != nil {
					t.Fatalf("packet %d: %v", i, err)
				}
				if !bytes.Equal(got, want) {
					t.Fatalf("packet %d, number %d: %x, want %x", i, seq, got, want)
				}
				if back, err := receiver.DecryptRTP(nil, got, nil); err != nil || !bytes.Equal(back, clear) {
					t.Fatalf("packet %d: pion reads %x, %v", i, back, err)
				}
				seq++
			}
		})
	}
}

func TestSealedWithExtensionsAndCSRCsIsReadByPion(t *testing.T) {
	for name, rest := range map[string][]byte{
		"a plain packet":              {1, 2, 3},
		"an empty payload":            {},
		"one CSRC":                    {0, 0, 0, 9, 1, 2, 3},
		"an extension of one byte":    {0xbe, 0xde, 0, 1, 0x10, 7, 0, 0, 1, 2, 3},
		"a CSRC and an extension":     {0, 0, 0, 9, 0xbe, 0xde, 0, 1, 0x10, 7, 0, 0, 1, 2, 3},
		"padding is part of the text": {1, 2, 0, 0, 3},
	} {
		t.Run(name, func(t *testing.T) {
			flags := byte(0)
			if bytes.Contains([]byte(name), []byte("CSRC")) {
				flags |= 1
			}
			if bytes.Contains([]byte(name), []byte("extension")) {
				flags |= 0x10
			}
			if bytes.Contains([]byte(name), []byte("padding")) {
				flags |= 0x20
			}
			session, theirs := twins(t, srtp.ProtectionProfileAeadAes128Gcm, 16)
			plain := packet(7, 1, flags, rest...)
			clear := bytes.Clone(plain)
			sealed, err := stream(t, session, 1).Seal(plain)
			if err != nil {
				t.Fatal(err)
			}
			back, err := theirs.DecryptRTP(nil, sealed, nil)
			if err != nil || !bytes.Equal(back, clear) {
				t.Fatalf("%x, %v; want %x", back, err, clear)
			}
		})
	}
}

func TestNoNumberIsSealedTwice(t *testing.T) {
	steps := []struct {
		name string
		seq  uint16
		err  error
	}{
		{"the first", 65530, nil},
		{"the first again", 65530, ErrReused},
		{"one from before the first, in the same round", 65529, nil},
		{"one after a hole", 65534, nil},
		{"one in the hole, late", 65532, nil},
		{"that one again", 65532, ErrReused},
		{"after the roll-over", 3, nil},
		{"from before the roll-over, late", 65535, nil},
		{"that one again", 65535, ErrReused},
		{"after the roll-over again", 3, ErrReused},
		{"far on", 3 + 5000, nil},
		{"one that shares its bit with a number before the jump", 5003 - sealWindow + 1, nil},
		{"just too old to tell", 5003 - sealWindow, ErrReused},
		{"long ago", 3, ErrReused},
		{"the furthest on that is not back", 5003 + 32767, nil},
		{"what now counts as back", 5003, ErrReused},
	}
	session, _ := twins(t, srtp.ProtectionProfileAeadAes128Gcm, 16)
	s := stream(t, session, 5)
	for _, step := range steps {
		p := packet(step.seq, 5, 0, 1, 2, 3)
		before := bytes.Clone(p)
		if _, err := s.Seal(p); !errors.Is(err, step.err) || (err == nil) != (step.err == nil) {
			t.Fatalf("%s (%d): %v, want %v", step.name, step.seq, err, step.err)
		}
		if step.err != nil && !bytes.Equal(p, before) {
			t.Errorf("%s: a refused packet was changed", step.name)
		}
	}
}

func TestWhatIsNotOfTheStreamIsRefused(t *testing.T) {
	session, _ := twins(t, srtp.ProtectionProfileAeadAes128Gcm, 16)
	s := stream(t, session, 5)
	noRoom := packet(1, 5, 0, 1)
	for name, p := range map[string][]byte{
		"nothing":                     nil,
		"a short header":              packet(1, 5, 0)[:11],
		"another version":             {0x40, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5},
		"another SSRC":                packet(1, 6, 0, 1),
		"CSRCs that are not there":    packet(1, 5, 2, 1, 2, 3, 4),
		"an extension cut off":        packet(1, 5, 0x10, 0xbe, 0xde),
		"an extension beyond the end": packet(1, 5, 0x10, 0xbe, 0xde, 0, 9, 1, 2, 3, 4),
		"no room for the tag":         noRoom[: len(noRoom) : len(noRoom)+tagLength-1],
	} {
		if _, err := s.Seal(p); !errors.Is(err, ErrPacket) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s.begun {
		t.Error("a refused packet used up a number")
	}
}

func TestAnSSRCHasOneWriter(t *testing.T) {
	session, _ := twins(t, srtp.ProtectionProfileAeadAes128Gcm, 16)
	stream(t, session, 5)
	stream(t, session, 6)
	if _, err := session.Stream(5); !errors.Is(err, ErrTaken) {
		t.Errorf("%v", err)
	}
}

func TestAKeyWearsOut(t *testing.T) {
	session, _ := twins(t, srtp.ProtectionProfileAeadAes128Gcm, 16)
	s := stream(t, session, 5)
	s.begun, s.newest = true, lastIndex-1
	if _, err := s.Seal(packet(65535, 5, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Seal(packet(0, 5, 0)); !errors.Is(err, ErrWornOut) {
		t.Errorf("%v", err)
	}
}

func TestKeysOfOtherLengthsMakeNoSession(t *testing.T) {
	for _, k := range []Keys{{}, {Key: make([]byte, 15), Salt: make([]byte, 12)}, {Key: make([]byte, 16), Salt: make([]byte, 14)}} {
		if _, err := NewSession(k); !errors.Is(err, ErrNoKeys) {
			t.Errorf("%d and %d bytes: %v", len(k.Key), len(k.Salt), err)
		}
	}
}

// What is sealed in any order that a ring may give is read by a receiver, and every
// nonce is another.
func TestAnyOrderIsReadAndNoNonceIsUsedTwice(t *testing.T) {
	session, _ := twins(t, srtp.ProtectionProfileAeadAes128Gcm, 16)
	key, salt := make([]byte, 16), make([]byte, saltLength)
	for i := range key {
		key[i] = byte(3*i + 1)
	}
	for i := range salt {
		salt[i] = byte(0xa0 + i)
	}
	receiver, err := srtp.CreateContext(key, salt, srtp.ProtectionProfileAeadAes128Gcm, srtp.SRTPNoReplayProtection())
	if err != nil {
		t.Fatal(err)
	}
	s := stream(t, session, 9)
	r := rand.New(rand.NewPCG(1, 2))
	used := make(map[[saltLength]byte]uint64)
	at := uint64(60_000)
	for i := range 40_000 {
		at += uint64(r.IntN(3))
		n := at - uint64(r.IntN(200))
		p := packet(uint16(n), 9, 0, byte(i))
		plain := bytes.Clone(p)
		sealed, err := s.Seal(p)
		if errors.Is(err, ErrReused) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if before, twice := used[s.nonce.iv]; twice {
			t.Fatalf("number %d has the nonce of %d", n, before)
		}
		used[s.nonce.iv] = n
		if back, err := receiver.DecryptRTP(nil, sealed, nil); err != nil || !bytes.Equal(back, plain) {
			t.Fatalf("number %d: %v", n, err)
		}
	}
	if len(used) < 20_000 {
		t.Errorf("only %d sealed", len(used))
	}
}

// FuzzSeal holds a stream against pion's context: what pion can parse and seal, we
// seal to the same bytes; nothing panics, and nothing that is refused is changed.
func FuzzSeal(f *testing.F) {
	f.Add(packet(1, 5, 0, 1, 2, 3), uint16(2), true)
	f.Add(packet(65535, 5, 0x11, 0, 0, 0, 9, 0xbe, 0xde, 0, 1, 0x10, 7, 0, 0, 1), uint16(0), false)
	f.Add([]byte{0x90, 0, 0, 0}, uint16(65535), false)
	f.Fuzz(func(t *testing.T, raw []byte, next uint16, long bool) {
		p := profiles["AES-128-GCM"]
		if long {
			p = profiles["AES-256-GCM"]
		}
		session, theirs := twins(t, p.profile, p.key)
		if len(raw) < 12 {
			raw = append(raw, make([]byte, 12-len(raw))...)
		}
		raw[0] = raw[0]&0x3f | 0x80 // pion seals any version, we only RTP's
		s := stream(t, session, binary.BigEndian.Uint32(raw[8:]))
		for range 2 {
			want, refused := theirs.EncryptRTP(nil, raw, nil)
			room := append(make([]byte, 0, len(raw)+tagLength), raw...)
			got, err := s.Seal(room)
			switch {
			case err != nil && !bytes.Equal(room, raw):
				t.Fatalf("refused (%v) and changed", err)
			case err != nil && refused == nil && !errors.Is(err, ErrReused):
				t.Fatalf("%x: %v, pion seals it", raw, err)
			case err == nil && refused == nil && !bytes.Equal(got, want):
				t.Fatalf("%x, pion %x", got, want)
			}
			binary.BigEndian.PutUint16(raw[2:], next)
		}
	})
}

func TestSealingAllocatesNothing(t *testing.T) {
	session, _ := twins(t, srtp.ProtectionProfileAeadAes128Gcm, 16)
	s := stream(t, session, 5)
	p := packet(0, 5, 0, make([]byte, 1200)...)
	seq := uint16(0)
	if n := testing.AllocsPerRun(1000, func() {
		seq++
		binary.BigEndian.PutUint16(p[2:], seq)
		if _, err := s.Seal(p); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSeal(b *testing.B) {
	for name, p := range profiles {
		b.Run(fmt.Sprintf("%s of 1200 bytes", name), func(b *testing.B) {
			session, _ := twins(b, p.profile, p.key)
			s := stream(b, session, 5)
			raw := packet(0, 5, 0, make([]byte, 1188)...)
			b.SetBytes(1200)
			b.ReportAllocs()
			seq := uint16(0)
			for b.Loop() {
				seq++
				binary.BigEndian.PutUint16(raw[2:], seq)
				if _, err := s.Seal(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
