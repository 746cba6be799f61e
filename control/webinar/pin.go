package webinar

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The bounds of a PIN in characters (S32), and the length of a generated one (S31).
const (
	MinPIN       = 4
	MaxPIN       = 32
	GeneratedPIN = 8
)

// PIN opens the door to those who hold the link but were not invited. Only its
// verifier is kept: a MAC under a key that is never in the replicated state, since
// eight digits behind a mere hash fall in a second.
type PIN struct {
	Verifier []byte // of [Verifier]
	Weak     bool   // the host was told so
	Set      time.Time
	// EdgeKey is what Verifier was made with, where that goes with the webinar: in an edge's
	// replica. Voters derive it, and have nil here.
	EdgeKey []byte
}

func (p *PIN) matches(key []byte, pin string) bool {
	return hmac.Equal(p.Verifier, Verifier(key, pin)) // in constant time
}

// check compares what a visitor typed. Without the key nothing can be proven, so nobody
// enters.
func (p *PIN) check(pin string, key []byte) error {
	switch {
	case pin == "":
		return ErrPINRequired
	case len(key) == 0:
		return ErrUnavailable
	case !p.matches(key, pin):
		return ErrWrongPIN
	}
	return nil
}

// DeriveKey returns the key of one webinar's PIN, 32 bytes, by HKDF-SHA256 (RFC 5869)
// from the cluster's. An edge gets the derived keys of the webinars that it serves, and
// so cannot check the PINs of others.
func DeriveKey(clusterKey []byte, webinarID string) []byte {
	key, err := hkdf.Key(sha256.New, clusterKey, nil, "stentor webinar pin/1 "+webinarID, sha256.Size)
	if err != nil {
		panic(err) // only for lengths that are not ours
	}
	return key
}

// Verifier returns HMAC-SHA256 of the PIN under the webinar's derived key. Spaces
// around a PIN do not count, nor do spaces and hyphens between the digits of one that
// has nothing else: people group digits when they write them down.
func Verifier(key []byte, pin string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(normalPIN(pin)))
	return mac.Sum(nil)
}

func normalPIN(pin string) string {
	pin = strings.TrimSpace(pin)
	grouped := func(r rune) bool { return r == ' ' || r == '-' }
	if strings.ContainsFunc(pin, func(r rune) bool { return !grouped(r) && (r < '0' || r > '9') }) {
		return pin
	}
	return strings.Map(func(r rune) rune {
		if grouped(r) {
			return -1
		}
		return r
	}, pin)
}

// CheckPIN returns an error, a [*Denial], unless pin is 4 to 32 printable characters
// (S32).
func CheckPIN(pin string) error {
	n := utf8.RuneCountInString(normalPIN(pin))
	bad := func(r rune) bool { return !unicode.IsPrint(r) }
	if n < MinPIN || n > MaxPIN || !utf8.ValidString(pin) || strings.ContainsFunc(pin, bad) {
		return &Denial{"invalid_pin", fmt.Sprintf("A PIN has %d to %d printable characters.", MinPIN, MaxPIN)}
	}
	return nil
}

// GeneratePIN returns eight digits from rand, which is a CSPRNG, all codes that are not
// weak equally likely (S31). It panics if rand fails, as crypto/rand itself does.
func GeneratePIN(rand io.Reader) string {
	const codes = 100_000_000
	for {
		var b [4]byte
		if _, err := io.ReadFull(rand, b[:]); err != nil {
			panic(fmt.Sprintf("webinar: no randomness for a PIN: %v", err))
		}
		n := binary.BigEndian.Uint32(b[:])
		if n >= 1<<32-1<<32%codes { // these would make low codes likelier
			continue
		}
		if pin := fmt.Sprintf("%08d", n%codes); !Weak(pin) {
			return pin
		}
	}
}

// commonPINs is what people choose first, beside what has a pattern.
var commonPINs = []string{
	"password", "passwort", "webinar", "stentor", "welcome", "letmein", "qwerty", "qwertz", "qwertyuiop", "asdfgh",
	"admin", "secret", "hello", "1q2w3e4r", "iloveyou", "abc123", "password1", "1029384756", "19283746",
}

// Weak reports whether someone who guesses would try pin among the first thousands: it
// is short, has a pattern, is a date, or is a favourite (S32).
func Weak(pin string) bool {
	p := []rune(strings.ToLower(normalPIN(pin)))
	digits := !strings.ContainsFunc(string(p), func(r rune) bool { return r < '0' || r > '9' })
	return len(p) < 6 || digits && len(p) < 8 ||
		slices.Contains(commonPINs, string(p)) ||
		run(p) || repeats(p) || digits && date(string(p))
}

// run reports whether each character follows the one before by the same small step:
// 12345678, 87654321, 24682468, aaaaaa.
func run(p []rune) bool {
	step := p[1] - p[0]
	if step < -2 || step > 2 {
		return false
	}
	for i := 2; i < len(p); i++ {
		d := p[i] - p[i-1]
		if d != step && d != step-10*sign(step) { // 890123 goes on after 9
			return false
		}
	}
	return true
}

func sign(n rune) rune {
	switch {
	case n > 0:
		return 1
	case n < 0:
		return -1
	}
	return 0
}

// repeats reports whether p is a piece of at most half its length, again and again, or
// has no more than two different characters.
func repeats(p []rune) bool {
	different := map[rune]bool{}
	for _, r := range p {
		different[r] = true
	}
	if len(different) <= 2 {
		return true
	}
	for n := 1; n <= len(p)/2; n++ {
		if len(p)%n == 0 && string(p) == strings.Repeat(string(p[:n]), len(p)/n) {
			return true
		}
	}
	return false
}

// date reports whether p is a day between 1900 and 2099 in one of the usual orders.
func date(p string) bool {
	if len(p) != 8 {
		return false
	}
	for _, layout := range []string{"20060102", "02012006", "01022006"} {
		if t, err := time.Parse(layout, p); err == nil && t.Year() >= 1900 && t.Year() < 2100 {
			return true
		}
	}
	return false
}
