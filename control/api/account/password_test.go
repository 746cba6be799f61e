package account

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"stentor/control/webinar"
)

// cheap is a PHC string of "password" with m=256, t=2, p=1 and the salt "somesalt", as
// test.c of the reference implementation (github.com/P-H-C/phc-winner-argon2) has it.
const cheap = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"

func TestThePasswordsOfOthersAreRead(t *testing.T) {
	g, err := newArgon(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if !g.matches(cheap, "password") {
		t.Error("the reference implementation's hash does not match")
	}
	if g.matches(cheap, "passwore") {
		t.Error("another password matches")
	}
}

// quick makes Argon2id take no time.
func quick(g *argon) {
	g.key = func(password, salt []byte, _, _ uint32, _ uint8, n uint32) []byte {
		return argon2.IDKey(password, salt, 1, 64, 1, n)
	}
}

func TestAPasswordIsKeptAsAnArgon2idPHCString(t *testing.T) {
	g, err := newArgon(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	first, err := g.hash(password)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(first, "$argon2id$v=19$m=65536,t=3,p=1$") || strings.Contains(first, "horse") || len(first) > 128 {
		t.Errorf("kept as %s", first)
	}
	if !g.matches(first, password) {
		t.Error("it is another password's")
	}
	if p, err := parsePHC(first); err != nil || p.String() != first {
		t.Errorf("read as %s, %v", p, err)
	}
	quick(g)
	if again, _ := g.hash(password); again == first {
		t.Error("two people with one password can be seen to have it")
	}
	composed, err := g.hash("p\u00e4ssw\u00f6rter sind gut")
	if err != nil || !g.matches(composed, "pa\u0308sswo\u0308rter sind gut") {
		t.Errorf("another keyboard's umlauts are another password (%v)", err)
	}
	if other, _ := g.hash(password); g.matches(other, password+" ") || g.matches("", "") {
		t.Error("another password matches")
	}
	g.rand = strings.NewReader("")
	if _, err := g.hash(password); err == nil {
		t.Error("a password was hashed without a salt")
	}
	if _, err := newArgon(strings.NewReader("")); err == nil {
		t.Error("no randomness is enough")
	}
}

func TestStoredPasswordsThatAreNone(t *testing.T) {
	for name, s := range map[string]string{
		"nothing":                      "",
		"another algorithm":            strings.Replace(cheap, "argon2id", "argon2i", 1),
		"another version":              strings.Replace(cheap, "v=19", "v=16", 1),
		"no version":                   strings.Replace(cheap, "v=19$", "", 1),
		"a piece too many":             cheap + "$x",
		"something before":             "x" + cheap,
		"parameters in another order":  strings.Replace(cheap, "m=256,t=2", "t=2,m=256", 1),
		"parameters with more":         strings.Replace(cheap, "p=1", "p=1,x=2", 1),
		"a number with a zero":         strings.Replace(cheap, "t=2", "t=02", 1),
		"a sign":                       strings.Replace(cheap, "t=2", "t=+2", 1),
		"no passes":                    strings.Replace(cheap, "t=2", "t=0", 1),
		"no threads":                   strings.Replace(cheap, "p=1", "p=0", 1),
		"more threads than bytes":      strings.Replace(cheap, "p=1", "p=300", 1),
		"too many threads":             strings.Replace(cheap, "p=1", "p=9", 1),
		"too many passes":              strings.Replace(cheap, "t=2", "t=17", 1),
		"more memory than a voter has": strings.Replace(cheap, "m=256", "m=4194304", 1),
		"memory that is no number":     strings.Replace(cheap, "m=256", "m=99999999999", 1),
		"too little memory":            strings.Replace(cheap, "m=256,t=2,p=1", "m=15,t=2,p=2", 1),
		"a short salt":                 strings.Replace(cheap, "c29tZXNhbHQ", "c29tZQ", 1),
		"a padded salt":                strings.Replace(cheap, "c29tZXNhbHQ", "c29tZXNhbHQ=", 1),
		"a short tag":                  cheap[:len(cheap)-30],
		"a tag that is no base64":      cheap[:len(cheap)-1] + "*",
		"spare bits in base64":         cheap[:len(cheap)-1] + "5",
	} {
		if p, err := parsePHC(s); !errors.Is(err, errPHC) {
			t.Errorf("%s: read as %+v, %v", name, p, err)
		}
	}
}

func TestWhatIsNoPHCStringTakesTheSameWork(t *testing.T) {
	g, err := newArgon(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var got cost
	g.key = func(_, _ []byte, time, memory uint32, threads uint8, n uint32) []byte {
		got = cost{memory: memory, passes: time, threads: threads}
		return g.decoy.tag[:n] // the worst case: as if it were the decoy's password
	}
	for _, stored := range []string{"", "x", "$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"} {
		if g.matches(stored, "password") || got != current {
			t.Errorf("%q: matches, or takes %+v", stored, got)
		}
	}
}

func TestWhichPasswordsPeopleMayChoose(t *testing.T) {
	for _, c := range []struct {
		name, password string
		ok             bool
	}{
		{"four words", "correct horse battery", true},
		{"twelve characters", "abcdefghijkl", true},
		{"twelve letters of another script", "пароль-в-две", true},
		{"eleven characters", "abcdefghijk", false},
		{"200 characters", strings.Repeat("abcde", 40), true},
		{"201 characters", strings.Repeat("abcde", 40) + "f", false},
		{"one character", strings.Repeat("a", 20), false},
		{"four characters", strings.Repeat("abcd", 5), false},
		{"no text", "\xff\xfe\xfd\xfc\xfbabcdefgh", false},
		{"nothing", "", false},
	} {
		err := CheckPassword(c.password)
		if c.ok != (err == nil) || !c.ok && !errors.Is(err, ErrInvalidPassword) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	w := newWorld(t, "", nil)
	var denial *webinar.Denial
	if _, err := w.accounts.Hash("short"); !errors.As(err, &denial) || denial.Code != "invalid_password" || len(w.tried) != 0 {
		t.Errorf("hashing a short one: %v", err)
	}
}

func FuzzPHC(f *testing.F) {
	f.Add(cheap)
	f.Add("$argon2id$v=19$m=65536,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$$$$$")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePHC(s)
		if err != nil {
			return
		}
		if p.String() != s || p.memory > most.memory || p.passes > most.passes || p.threads > most.threads || len(p.tag) < 16 {
			t.Errorf("%q was read as %+v", s, p)
		}
	})
}

// BenchmarkPassword shows what one sign-in costs a voter.
func BenchmarkPassword(b *testing.B) {
	salt := bytes.Repeat([]byte{1}, saltLen)
	began := time.Now()
	for b.Loop() {
		argon2.IDKey([]byte(password), salt, current.passes, current.memory, current.threads, tagLen)
	}
	b.ReportMetric(time.Since(began).Seconds()*1000/float64(b.N), "ms/password")
}
