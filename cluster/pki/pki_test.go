package pki

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func newAuthority(t *testing.T) *Authority {
	t.Helper()
	a, err := NewAuthority("stage", noon)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func newCredentials(t *testing.T, a *Authority, id Identity) *Credentials {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := a.Sign(pub, id, noon)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCredentials(der, key, a.Cert, noon)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSignedCertificateSaysWhoANodeIs(t *testing.T) {
	a := newAuthority(t)
	for _, id := range []Identity{{"n1", Voter}, {"fra-1.eu", Edge}, {strings.Repeat("x", 63), Edge}} {
		c := newCredentials(t, a, id)
		got, cert, err := Verify(c.Cert.Raw, a.Cert, noon.Add(Lifetime))
		if err != nil || got != id || cert.NotAfter.Sub(noon) != 24*time.Hour {
			t.Errorf("%v: %v, %v", id, got, err)
		}
		if at := c.RenewAt(); at.Sub(noon) != 8*time.Hour {
			t.Errorf("renewed %v after the start", at.Sub(noon))
		}
	}
	for _, id := range []Identity{{"", Voter}, {"N1", Voter}, {"n1/..", Edge}, {"-n", Edge}, {"n_1", Edge}, {strings.Repeat("x", 64), Edge}, {"n1", "king"}, {"n1", ""}} {
		if _, err := a.Sign(make(ed25519.PublicKey, 32), id, noon); err == nil {
			t.Errorf("signed for %v", id)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	a := newAuthority(t)
	good := newCredentials(t, a, Identity{"n1", Voter}).Cert.Raw
	node := newCredentials(t, a, Identity{"n2", Voter})
	forge := func(change func(c *x509.Certificate)) []byte {
		pub, _, _ := ed25519.GenerateKey(rand.Reader)
		c := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "n1"}, NotBefore: noon, NotAfter: noon.Add(Lifetime), BasicConstraintsValid: true,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}, URIs: []*url.URL{{Scheme: "stentor", Host: "voter", Path: "/n1"}},
		}
		change(c)
		der, err := x509.CreateCertificate(rand.Reader, c, a.Cert, pub, a.Key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	if _, _, err := Verify(forge(func(*x509.Certificate) {}), a.Cert, noon); err != nil {
		t.Fatalf("the forge's own pattern is refused: %v", err)
	}
	tests := []struct {
		name string
		der  []byte
		ca   *x509.Certificate
		at   time.Time
		want error
	}{
		{"nothing", nil, a.Cert, noon, ErrForeign},
		{"no authority", good, nil, noon, ErrForeign},
		{"garbage", []byte("garbage"), a.Cert, noon, ErrForeign},
		{"a changed byte in the signature", append(bytes.Clone(good[:len(good)-1]), good[len(good)-1]^1), a.Cert, noon, ErrForeign},
		{"another authority of the same name", good, newAuthority(t).Cert, noon, ErrForeign},
		{"a node that signs", good, node.Cert, noon, ErrForeign},
		{"the authority itself", a.Cert.Raw, a.Cert, noon, ErrForeign},
		{"a second after its end", good, a.Cert, noon.Add(Lifetime + time.Second), ErrExpired},
		{"before its start", good, a.Cert, noon.Add(-skew - time.Second), ErrExpired},
		{"no identity", forge(func(c *x509.Certificate) { c.URIs = nil }), a.Cert, noon, ErrForeign},
		{"two identities", forge(func(c *x509.Certificate) { c.URIs = append(c.URIs, c.URIs[0]) }), a.Cert, noon, ErrForeign},
		{"an unknown role", forge(func(c *x509.Certificate) { c.URIs[0].Host = "king" }), a.Cert, noon, ErrForeign},
		{"an identity with more to it", forge(func(c *x509.Certificate) { c.URIs[0].RawQuery = "x=1" }), a.Cert, noon, ErrForeign},
		{"an identity with a port", forge(func(c *x509.Certificate) { c.URIs[0].Host = "voter:1" }), a.Cert, noon, ErrForeign},
		{"another scheme", forge(func(c *x509.Certificate) { c.URIs[0].Scheme = "https" }), a.Cert, noon, ErrForeign},
		{"not for servers", forge(func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[:1] }), a.Cert, noon, ErrForeign},
		{"an authority below", forge(func(c *x509.Certificate) { c.IsCA = true }), a.Cert, noon, ErrForeign},
	}
	for _, test := range tests {
		if id, cert, err := Verify(test.der, test.ca, test.at); !errors.Is(err, test.want) || id != (Identity{}) || cert != nil {
			t.Errorf("%s: %v, %v", test.name, id, err)
		}
	}
}

func TestRoundTrips(t *testing.T) {
	a := newAuthority(t)
	cert, key, err := a.PEM()
	if err != nil {
		t.Fatal(err)
	}
	b, err := LoadAuthority(cert, key)
	if err != nil || b.Digest() != a.Digest() || !b.Key.Equal(a.Key) {
		t.Error(b, err)
	}
	c := newCredentials(t, a, Identity{"n1", Edge})
	cert, key, ca, err := c.PEM()
	if err != nil {
		t.Fatal(err)
	}
	d, err := LoadCredentials(cert, key, ca)
	if err != nil || d.Identity != c.Identity || !d.Key.Equal(c.Key) || !d.Cert.Equal(c.Cert) || !d.CA.Equal(a.Cert) {
		t.Error(d, err)
	}
	if err := d.Check(noon); err != nil {
		t.Error(err)
	}
	if err := d.Check(noon.Add(48 * time.Hour)); !errors.Is(err, ErrExpired) || !strings.Contains(err.Error(), "join the cluster again") {
		t.Error(err)
	}
	var none *Credentials
	if err := none.Check(noon); err == nil || !strings.Contains(err.Error(), "--join") {
		t.Error(err)
	}
	if tls := c.TLS(); len(tls.Certificate) != 2 {
		t.Error("a newcomer cannot see the authority")
	}
}

func TestLoadRefusesPartsThatDoNotFit(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	cert, key, ca, _ := newCredentials(t, a, Identity{"n1", Edge}).PEM()
	cert2, key2, _, _ := newCredentials(t, a, Identity{"n2", Edge}).PEM()
	otherCert, otherKey, _ := other.PEM()
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	rsaDER, _ := x509.MarshalPKCS8PrivateKey(rsaKey)
	rsaPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: rsaDER})
	for name, parts := range map[string][3][]byte{
		"no certificate":         {nil, key, ca},
		"no key":                 {cert, nil, ca},
		"no authority":           {cert, key, nil},
		"another node's key":     {cert, key2, ca},
		"another certificate":    {cert2, key, ca},
		"another authority":      {cert, key, otherCert},
		"an RSA key":             {cert, rsaPEM, ca},
		"key and cert the wrong": {key, cert, ca},
		"broken PEM":             {cert[:len(cert)/2], key, ca},
	} {
		if _, err := LoadCredentials(parts[0], parts[1], parts[2]); err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
	caCert, caKey, _ := a.PEM()
	for name, parts := range map[string][2][]byte{
		"another's key":        {caCert, otherKey},
		"a node's certificate": {cert, caKey},
		"nothing":              {nil, nil},
	} {
		if _, err := LoadAuthority(parts[0], parts[1]); err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
}

func TestDir(t *testing.T) {
	d := Dir(filepath.Join(t.TempDir(), "pki"))
	if _, err := d.Credentials(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "stentor node --join") {
		t.Errorf("an empty folder: %v", err)
	}
	a := newAuthority(t)
	c := newCredentials(t, a, Identity{"n1", Voter})
	if err := errors.Join(d.SaveAuthority(a), d.SaveCredentials(c)); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Credentials(); err != nil || got.Identity != c.Identity {
		t.Error(got, err)
	}
	if got, err := d.Authority(); err != nil || got.Digest() != a.Digest() {
		t.Error(got, err)
	}
	files, _ := os.ReadDir(string(d))
	for _, f := range files {
		if info, _ := f.Info(); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %#o", f.Name(), info.Mode().Perm())
		}
	}
	if len(files) != 4 {
		t.Errorf("%d files, temporary ones among them", len(files))
	}
	os.Chmod(filepath.Join(string(d), "node.key"), 0o644)
	if _, err := d.Credentials(); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others can read: %v", err)
	}
	os.Remove(filepath.Join(string(d), "node.key"))
	if _, err := d.Credentials(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without its key: %v", err)
	}
	os.WriteFile(filepath.Join(string(d), "node.crt"), make([]byte, 1<<17), 0o600)
	if _, err := d.Credentials(); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("a huge certificate: %v", err)
	}
}

func TestJoinTokens(t *testing.T) {
	a := newAuthority(t)
	token, err := NewJoinToken(a.Digest(), nil)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseJoinToken(" " + token.Text() + "\n")
	if err != nil || back != token || back.Hash() != token.Hash() || back.Hash() == token.Secret {
		t.Error(back, err)
	}
	secret := strings.Split(token.Text(), ".")[1]
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "token", token)
	for _, s := range []string{fmt.Sprint(token), fmt.Sprintf("%v %+v %#v %s", token, token, token, token), log.String()} {
		if strings.Contains(s, secret) || !strings.Contains(s, "redacted") {
			t.Errorf("the secret shows in %s", s)
		}
	}
	for _, s := range []string{"", "stj1.", token.String(), token.Text() + "x", "stj2" + token.Text()[4:], strings.Replace(token.Text(), ".", "", 1), token.Text()[:60]} {
		if _, err := ParseJoinToken(s); err == nil {
			t.Errorf("parsed %q", s)
		}
	}
	if _, err := NewJoinToken(a.Digest(), bytes.NewReader(nil)); err == nil {
		t.Error("a token without randomness")
	}
}

func FuzzParseJoinToken(f *testing.F) {
	f.Add(JoinToken{Secret: [32]byte{1}, CA: [32]byte{2}}.Text())
	f.Fuzz(func(t *testing.T, s string) {
		if token, err := ParseJoinToken(s); err == nil && token.Text() != strings.TrimSpace(s) {
			t.Errorf("%q came out as %q", s, token.Text())
		}
	})
}
