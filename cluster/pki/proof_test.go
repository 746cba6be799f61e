package pki

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"testing"
	"time"
)

func TestAProofSaysWhatTheCertificateSays(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	id := Identity{"n1", Edge}
	c := newCredentials(t, a, id)
	p, ok := c.Proof()
	if !ok {
		t.Fatal("a certificate of this version carries no proof")
	}
	if err := p.Verify(id, a.Cert, noon.Add(Lifetime)); err != nil {
		t.Error(err)
	}
	stranger, _, _ := ed25519.GenerateKey(rand.Reader)
	later := p
	later.Until = p.Until.Add(time.Second)
	stolen := p
	stolen.Public = stranger
	for _, test := range []struct {
		name string
		p    Proof
		id   Identity
		ca   *Authority
		at   time.Time
		want error
	}{
		{"another node's name", p, Identity{"n2", Edge}, a, noon, ErrForeign},
		{"another role", p, Identity{"n1", Voter}, a, noon, ErrForeign},
		{"another authority", p, id, other, noon, ErrForeign},
		{"a longer life", later, id, a, noon, ErrForeign},
		{"another key", stolen, id, a, noon, ErrForeign},
		{"no key", Proof{Until: p.Until, Signature: p.Signature}, id, a, noon, ErrForeign},
		{"a second after its end", p, id, a, p.Until.Add(time.Second), ErrExpired},
	} {
		if err := test.p.Verify(test.id, test.ca.Cert, test.at); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if p.Verify(Identity{"N 1", Edge}, a.Cert, noon) == nil || p.Verify(id, nil, noon) == nil {
		t.Error("a name that is none, or no authority, was enough")
	}
}

func TestAProofIsWrittenAsItWasRead(t *testing.T) {
	p, _ := newCredentials(t, newAuthority(t), Identity{"n1", Voter}).Proof()
	b := p.Append(nil)
	again, err := ParseProof(b)
	if err != nil || len(b) != ProofSize || !bytes.Equal(again.Append(nil), b) || !again.Until.Equal(p.Until) {
		t.Fatalf("%+v came out as %+v, %v", p, again, err)
	}
	for _, b := range [][]byte{nil, b[1:], append(b, 0)} {
		if _, err := ParseProof(b); err == nil {
			t.Errorf("read %d bytes", len(b))
		}
	}
}

// A certificate that grew would make the session tokens that carry it grow.
func TestTheProofCostsLittle(t *testing.T) {
	a := newAuthority(t)
	n := len(newCredentials(t, a, Identity{"n1", Voter}).Cert.Raw)
	t.Logf("a certificate has %d bytes, a proof %d", n, ProofSize)
	if n > 520 {
		t.Errorf("a certificate has %d bytes", n)
	}
}

func TestACertificateOfAnOlderVersionHasNoProof(t *testing.T) {
	c := newCredentials(t, newAuthority(t), Identity{"n1", Voter})
	old := *c.Cert
	old.Extensions = nil
	if _, ok := (&Credentials{Identity: c.Identity, Key: c.Key, Cert: &old, CA: c.CA}).Proof(); ok {
		t.Error("a proof out of nothing")
	}
}
