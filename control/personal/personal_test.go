package personal

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stentor/control/webinar"
)

var clusterKey = bytes.Repeat([]byte{7}, 32)

func keeper(t testing.TB, key []byte) *Keeper {
	t.Helper()
	k, err := New(key)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func ada() Registrant {
	return Registrant{Answers: webinar.Answers{
		FirstName: "Ada", LastName: "Lovelace", Email: "ada@example.org",
		Fields: map[string][]string{"topic": {"engines", "=cmd()"}, "consent": {"yes"}},
	}, Locale: "de"}
}

func TestS57WhatARegistrantGaveIsKeptForVotersAlone(t *testing.T) {
	k := keeper(t, clusterKey)
	sealed, err := k.Seal("w_1", "r_1", ada())
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"Ada", "Lovelace", "example", "engines", "FirstName"} {
		if bytes.Contains(sealed, []byte(word)) {
			t.Errorf("%q can be read in what was sealed", word)
		}
	}
	var got Registrant
	if err := k.Open("w_1", "r_1", sealed, &got); err != nil || !reflect.DeepEqual(got, ada()) {
		t.Errorf("opened %+v, %v", got, err)
	}
	again, err := k.Seal("w_1", "r_1", ada())
	if err != nil || bytes.Equal(again, sealed) {
		t.Errorf("sealing twice shows that it is the same (%v)", err)
	}
}

func TestS57OnlyTheRightKeyWebinarAndIDOpen(t *testing.T) {
	k := keeper(t, clusterKey)
	sealed, err := k.Seal("w_1", "r_1", ada())
	if err != nil {
		t.Fatal(err)
	}
	other := keeper(t, append([]byte{8}, clusterKey...))
	flip := func(i int) []byte { b := bytes.Clone(sealed); b[i] ^= 1; return b }
	for _, c := range []struct {
		name        string
		k           *Keeper
		webinar, id string
		sealed      []byte
	}{
		{"another cluster", other, "w_1", "r_1", sealed},
		{"another webinar", k, "w_2", "r_1", sealed},
		{"another ID", k, "w_1", "r_2", sealed},
		{"the same letters, cut elsewhere", k, "w_1r", "_1", sealed},
		{"no webinar", k, "", "w_1r_1", sealed},
		{"a changed version", k, "w_1", "r_1", flip(0)},
		{"a changed nonce", k, "w_1", "r_1", flip(5)},
		{"a changed first byte", k, "w_1", "r_1", flip(headerLen)},
		{"a changed tag", k, "w_1", "r_1", flip(len(sealed) - 1)},
		{"a cut one", k, "w_1", "r_1", sealed[:len(sealed)-1]},
		{"a header alone", k, "w_1", "r_1", sealed[:headerLen]},
		{"nothing", k, "w_1", "r_1", nil},
		{"a very long one", k, "w_1", "r_1", append(bytes.Clone(sealed), make([]byte, MaxSealed)...)},
	} {
		var got Registrant
		if err := c.k.Open(c.webinar, c.id, c.sealed, &got); !errors.Is(err, ErrSealed) || !reflect.DeepEqual(got, Registrant{}) {
			t.Errorf("%s: %v, %+v", c.name, err, got)
		}
	}
}

func TestWhatWasSealedAndWhatIsWantedMayDiffer(t *testing.T) {
	k := keeper(t, clusterKey)
	sealed, _ := k.Seal("", "h_1", map[string]any{"Secret": "whsec_x", "Since": 3})
	var hook Webhook
	if err := k.Open("", "h_1", sealed, &hook); err != nil || hook.Secret != "whsec_x" {
		t.Errorf("a newer version's one: %+v, %v", hook, err)
	}
	sealed, _ = k.Seal("", "h_1", []int{1})
	if err := k.Open("", "h_1", sealed, &hook); err == nil {
		t.Error("a list opened as a webhook")
	}
	if _, err := k.Seal("", "h_1", func() {}); err == nil {
		t.Error("a function was sealed")
	}
}

func TestTheBoundsOfWhatIsSealed(t *testing.T) {
	k := keeper(t, clusterKey)
	fits := strings.Repeat("a", maxPlain-2) // and two quotes
	sealed, err := k.Seal("w", "r", fits)
	var got string
	if err != nil || len(sealed) != MaxSealed || k.Open("w", "r", sealed, &got) != nil || got != fits {
		t.Errorf("16 KiB do not fit: %v", err)
	}
	if _, err := k.Seal("w", "r", fits+"a"); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a byte more: %v", err)
	}
	if _, err := New(clusterKey[1:]); err == nil {
		t.Error("a key of 31 bytes is taken")
	}
}

func TestS51OneRegistrationForAnAddressHoweverItIsWritten(t *testing.T) {
	k := keeper(t, clusterKey)
	hash := k.EmailHash("w_1", "ada@example.org")
	if len(hash) != sha256.Size {
		t.Fatalf("the hash has %d bytes", len(hash))
	}
	for _, c := range []struct {
		name, webinar, email string
		same                 bool
	}{
		{"upper case", "w_1", "ADA@Example.ORG", true},
		{"space around", "w_1", " ada@example.org\t", true},
		{"the domain's root", "w_1", "ada@example.org.", true},
		{"wide letters", "w_1", "ａｄａ@example.org", true},
		{"another person", "w_1", "bob@example.org", false},
		{"a subaddress is one's own", "w_1", "ada+1@example.org", false},
		{"dots are one's own", "w_1", "a.da@example.org", false},
		{"another domain", "w_1", "ada@example.com", false},
		{"another webinar", "w_2", "ada@example.org", false},
		{"no address", "w_1", "ada", false},
	} {
		if got := bytes.Equal(k.EmailHash(c.webinar, c.email), hash); got != c.same {
			t.Errorf("%s: the same %v", c.name, got)
		}
	}
	if bytes.Equal(keeper(t, append([]byte{8}, clusterKey...)).EmailHash("w_1", "ada@example.org"), hash) {
		t.Error("another cluster has the same hash")
	}
}

func TestNormalEmail(t *testing.T) {
	for in, want := range map[string]string{
		"Bücher@BÜCHER.example":      "bücher@xn--bcher-kva.example",
		"x@xn--bcher-kva.example":    "x@xn--bcher-kva.example",
		"\"a@b\"@Example.org":        "\"a@b\"@example.org",
		"Ada":                        "ada",
		"":                           "",
		"@":                          "@",
		"u\u0308@x.org":              "\u00fc@x.org",
		"\u00a8@x.org":               "\u0308@x.org",
		"\u0130\u0308@x.org":         "\u00ef@x.org",
		"ada@x.org..":                "ada@x.org",
		"ada@-not a domain-.example": "ada@-not a domain-.example",
	} {
		if got := NormalEmail(in); got != want {
			t.Errorf("%q became %q, not %q", in, got, want)
		}
	}
}

func TestNormalEmailOfANormalOneIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		email := rapid.String().Draw(t, "local") + "@" + rapid.String().Draw(t, "domain")
		once := NormalEmail(email)
		if twice := NormalEmail(once); twice != once {
			t.Errorf("%q became %q and then %q", email, once, twice)
		}
	})
}

func TestS59TheSecretOfAPersonalLinkIsDerived(t *testing.T) {
	k := keeper(t, clusterKey)
	secret := k.Secret("w_1", "r_1")
	if !regexp.MustCompile(`^str_[A-Za-z0-9_-]{43}$`).MatchString(secret) {
		t.Errorf("a secret is %q", secret)
	}
	if again := keeper(t, clusterKey).Secret("w_1", "r_1"); again != secret {
		t.Errorf("another voter derives %q", again)
	}
	seen := map[string]string{}
	for _, c := range [][2]string{{"w_1", "r_1"}, {"w_1", "r_2"}, {"w_2", "r_1"}, {"w_1r_", "1"}, {"", "w_1r_1"}} {
		s := k.Secret(c[0], c[1])
		if other, ok := seen[s]; ok {
			t.Errorf("%v has the secret of %s", c, other)
		}
		seen[s] = c[0] + "/" + c[1]
	}
}

func TestNoTwoUsesShareAKey(t *testing.T) {
	k := keeper(t, clusterKey)
	keys := [][]byte{k.email, k.secret, k.cookie, clusterKey}
	for i := range keys {
		for j := range i {
			if bytes.Equal(keys[i], keys[j]) {
				t.Errorf("keys %d and %d are the same", i, j)
			}
		}
	}
	c := k.CookieKey()
	c[0] ^= 1
	if bytes.Equal(c, k.CookieKey()) {
		t.Error("the cookies' key can be changed from outside")
	}
}

func TestWebhookSecrets(t *testing.T) {
	hook, err := NewWebhook(rand.Reader)
	text, ours := strings.CutPrefix(hook.Secret, "whsec_")
	b, decoded := base64.StdEncoding.DecodeString(text)
	if err != nil || !ours || decoded != nil || len(b) != 32 {
		t.Errorf("drew %q: %v", hook.Secret, err)
	}
	if _, err := NewWebhook(strings.NewReader("short")); err == nil {
		t.Error("a secret was drawn from too little")
	}
}

// What this version has sealed must be readable for all that come: it lies in logs. The
// files were written once by this test, with an empty testdata.
func TestWhatWasEverSealedCanBeOpened(t *testing.T) {
	k := keeper(t, clusterKey)
	for _, c := range []struct {
		file     string
		id       string
		want, by any
	}{
		{"registrant-v1.bin", "r_1", &Registrant{Answers: ada().Answers, Locale: "de"}, new(Registrant)},
		{"invited-v1.bin", "i_1", &Invited{Email: "bob@example.org", Secret: "sti_x", Locale: "fr"}, new(Invited)},
		{"named-v1.bin", "s_1", &Named{Name: "Ada"}, new(Named)},
		{"webhook-v1.bin", "h_1", &Webhook{Secret: "whsec_x"}, new(Webhook)},
	} {
		path := filepath.Join("testdata", c.file)
		sealed, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) && os.Getenv("STENTOR_RECORD") != "" {
			if sealed, err = k.Seal("w_1", c.id, c.want); err == nil {
				err = os.WriteFile(path, sealed, 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Open("w_1", c.id, sealed, c.by); err != nil || !reflect.DeepEqual(c.by, c.want) {
			t.Errorf("%s: %+v, %v", c.file, c.by, err)
		}
	}
	if got := k.Secret("w_1", "r_1"); got != "str_"+recordedSecret {
		t.Errorf("links that were sent do not open any more: %s", got)
	}
}

func FuzzOpen(f *testing.F) {
	k := keeper(f, clusterKey)
	sealed, _ := k.Seal("w", "r", ada())
	f.Add(sealed)
	f.Add([]byte{})
	f.Add(sealed[:headerLen+16])
	f.Fuzz(func(t *testing.T, b []byte) {
		var got Registrant
		if err := k.Open("w", "r", b, &got); err == nil && !bytes.Equal(b, sealed) {
			t.Errorf("%x opened", b)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	k := keeper(b, clusterKey)
	for b.Loop() {
		sealed, err := k.Seal("w_1", "r_1", ada())
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(sealed)))
	}
}

// recordedSecret is what Secret gave when it was first written.
const recordedSecret = "N48FQZmBmpjmfhfPbmJYU5nZ10Ykv1RQ3L9HNaAnt1w"
