package webinar

import (
	"crypto/sha256"
	"errors"
	"testing"
	"time"
)

var (
	now        = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	clusterKey = []byte("0123456789abcdef0123456789abcdef")
	pinKey     = DeriveKey(clusterKey, "w_one")
	secret     = sha256.Sum256([]byte("sti_presenter"))
	device     = sha256.Sum256([]byte("device"))
)

const rightPIN = "48151623"

// bare returns a webinar whose link lets everybody in.
func bare() *Webinar {
	return &Webinar{ID: "w_one", Link: "link", Title: "One", Mode: RoleBased, State: Planned, Owner: "account:ada", Guests: AllPermissions}
}

// planned returns a webinar with PIN 48151623 and invites of all roles, whose secrets
// hash to sha256("sti_" + role). The account:role is on the list too, as role.
func planned() *Webinar {
	w := bare()
	w.PIN = &PIN{Verifier: Verifier(pinKey, rightPIN)}
	for _, r := range []Role{Owner, Moderator, Presenter, Attendee} {
		w = w.WithInvite(Invite{ID: "i_" + string(r), Name: "A " + string(r), Role: r, Hash: sha256.Sum256([]byte("sti_" + string(r)))})
		w = w.WithInvite(Invite{ID: "i_account_" + string(r), Name: "The " + string(r), Role: r, Account: "account:" + string(r), Hash: sha256.Sum256([]byte("sti_account_" + string(r)))})
	}
	return w
}

// withRegistration returns a webinar with registration and a registrant of each status,
// whose secrets hash to sha256("str_" + status). The account:status signed up too.
func withRegistration() *Webinar {
	w := planned()
	w.PIN, w.Registration = nil, &Registration{Window: Always}
	for i, s := range []Status{Pending, Approved, Waitlisted, Declined, Cancelled} {
		w = w.WithRegistrant(Registrant{ID: "r_" + string(s), Hash: sha256.Sum256([]byte("str_" + string(s))), Status: s, Index: uint64(i)})
		w = w.WithRegistrant(Registrant{ID: "r_account_" + string(s), Hash: sha256.Sum256([]byte("str_account_" + string(s))), Status: s, Account: "account:" + string(s), Index: uint64(10 + i)})
	}
	return w
}

// but returns a copy of w that change has changed.
func but(w *Webinar, change func(*Webinar)) *Webinar {
	c := *w
	change(&c)
	return &c
}

func invitedAs(r Role) Visitor {
	return Visitor{Invite: sha256.Sum256([]byte("sti_" + string(r)))}
}

func registeredAs(s Status) Visitor {
	return Visitor{Registrant: sha256.Sum256([]byte("str_" + string(s)))}
}

// mustAdmit lets v in, with the PIN.
func mustAdmit(t testing.TB, w *Webinar, v Visitor) Admission {
	t.Helper()
	a, err := w.Admit(v, pinKey, now)
	if err != nil {
		t.Fatalf("not admitted: %v", err)
	}
	return a
}

// readable fails the test unless err is nil or something that a visitor can read.
func readable(t testing.TB, err error) {
	t.Helper()
	var d *Denial
	if err != nil && (!errors.As(err, &d) || d.Code == "" || d.Detail == "") {
		t.Fatalf("%v is no denial that somebody can read", err)
	}
}
