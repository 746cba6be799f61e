package account

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"stentor/control/webinar"
)

// Bounds of a password, in characters. Twelve that nobody has guessed before are more
// than ten billion years at what the limits allow; 200 are a paragraph.
const (
	MinPassword = 12
	MaxPassword = 200
)

// distinct is how many different characters a password has at least: "aaaaaaaaaaaa" and
// "121212121212" are the first to be tried.
const distinct = 5

// ErrInvalidPassword is what a password is refused with that nobody should choose.
var ErrInvalidPassword = &webinar.Denial{Code: "invalid_password", Detail: "A password has 12 to 200 characters, five of them different. Four or five random words are easy to keep in mind."}

// CheckPassword returns ErrInvalidPassword, or nil.
func CheckPassword(password string) error {
	n := utf8.RuneCountInString(password)
	seen := map[rune]bool{}
	for _, r := range password {
		seen[r] = true
	}
	if n < MinPassword || n > MaxPassword || len(seen) < distinct || !utf8.ValidString(password) {
		return ErrInvalidPassword
	}
	return nil
}

// cost is how hard a password is to try: what Argon2id (RFC 9106) calls m, t and p.
type cost struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

// current is the cost of new passwords: RFC 9106's second choice has four threads, which
// would take the cores from the media beside it; one thread takes about 150 ms of one core.
var current = cost{memory: 64 << 10, passes: 3, threads: 1}

// most is the highest cost that a stored password may ask of a voter.
var most = cost{memory: 256 << 10, passes: 16, threads: 8}

const (
	saltLen  = 16
	tagLen   = 32
	maxSalt  = 64
	parallel = 2 // Argon2id at once: 128 MiB and two cores at the most
)

// errPHC is what a stored password is answered with that this version cannot read.
var errPHC = errors.New("account: stored password is not an Argon2id PHC string")

// phc is a stored password:
//
//	$argon2id$v=19$m=65536,t=3,p=1$<salt>$<tag>
//
// with salt and tag in base64 without padding (the PHC string format; RFC 9106).
type phc struct {
	cost
	salt, tag []byte
}

func (p phc) String() string {
	e := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.passes, p.threads, e.EncodeToString(p.salt), e.EncodeToString(p.tag))
}

// parsePHC reads a stored password, within bounds that a voter can bear.
func parsePHC(s string) (phc, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return phc{}, errPHC
	}
	var p phc
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.threads); err != nil {
		return phc{}, errPHC
	}
	var err [2]error
	p.salt, err[0] = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	p.tag, err[1] = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	switch {
	case err[0] != nil, err[1] != nil, p.String() != s, // one way to write it
		p.memory < 8*uint32(p.threads), p.memory > most.memory,
		p.passes < 1, p.passes > most.passes, p.threads < 1, p.threads > most.threads,
		len(p.salt) < 8, len(p.salt) > maxSalt, len(p.tag) < 16, len(p.tag) > 64:
		return phc{}, errPHC
	}
	return p, nil
}

// argon does the work, a few at a time.
type argon struct {
	slots chan struct{} // one for each that may run
	queue chan struct{} // one for each that may wait or run
	rand  io.Reader
	decoy phc // what nobody's password is
	key   func(password, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte
}

// queued is how many may wait: at two a third of a second the last one waits five seconds.
const queued = 32

func newArgon(random io.Reader) (*argon, error) {
	if random == nil {
		random = rand.Reader
	}
	a := &argon{slots: make(chan struct{}, parallel), queue: make(chan struct{}, queued), rand: random, key: argon2.IDKey}
	a.decoy = phc{cost: current, salt: make([]byte, saltLen), tag: make([]byte, tagLen)}
	for _, b := range [][]byte{a.decoy.salt, a.decoy.tag} {
		if _, err := io.ReadFull(random, b); err != nil {
			return nil, fmt.Errorf("account: draw: %w", err)
		}
	}
	return a, nil
}

// prepared is the password as it is hashed: composed, so that it does not depend on the
// keyboard (RFC 8265, section 4.2: NFC).
func prepared(password string) []byte { return norm.NFC.Bytes([]byte(password)) }

// hash returns the PHC string of a password.
func (a *argon) hash(password string) (string, error) {
	p := phc{cost: current, salt: make([]byte, saltLen)}
	if _, err := io.ReadFull(a.rand, p.salt); err != nil {
		return "", fmt.Errorf("account: draw: %w", err)
	}
	p.tag = a.key(prepared(password), p.salt, p.passes, p.memory, p.threads, tagLen)
	return p.String(), nil
}

// matches reports whether password is the one that is stored. It takes as long if nothing
// is stored.
func (a *argon) matches(stored, password string) bool {
	p, err := parsePHC(stored)
	if err != nil {
		p = a.decoy
	}
	tag := a.key(prepared(password), p.salt, p.passes, p.memory, p.threads, uint32(len(p.tag)))
	return subtle.ConstantTimeCompare(tag, p.tag) == 1 && err == nil
}
