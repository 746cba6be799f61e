package session

import (
	"testing"
	"testing/synctest"
	"time"

	"stentor/cluster/pki"
)

func TestATokenOfANodeThatWasRemovedIsNotBelieved(t *testing.T) {
	e := newEdge(t, "")
	g, err := e.Join(ctx, link, Knock{Name: "Ada"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Open(ctx, link, g.Token, home, Watch); err != nil {
		t.Fatal(err)
	}
	e.issuers.removed = func(node string) bool { return node == "n1" } // after it was known
	if _, err := e.Open(ctx, link, g.Token, home, Watch); code(err) != "token_invalid" {
		t.Errorf("its token: %v", err)
	}
}

func TestACertificateThatIsKnownStillRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca, err := pki.NewAuthority("test", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		cred := credentials(t, ca, "n1")
		var i issuers
		for range 2 {
			if who, err := i.check(cred.Cert.Raw, ca.Cert, time.Now()); err != nil || who.node.Node != "n1" {
				t.Fatalf("%+v %v", who, err)
			}
		}
		if len(i.known) != 1 {
			t.Errorf("%d are known", len(i.known))
		}
		if _, err := i.check(cred.Cert.Raw, ca.Cert, cred.Cert.NotAfter.Add(time.Second)); err == nil {
			t.Error("it is believed after its time")
		}
		other, err := pki.NewAuthority("other", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := i.check(cred.Cert.Raw, other.Cert, time.Now()); err == nil {
			t.Error("another cluster believes it")
		}
		if _, err := i.check(cred.Cert.Raw, ca.Cert, time.Now()); err != nil {
			t.Errorf("it is forgotten for good: %v", err)
		}
	})
}
