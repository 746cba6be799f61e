package webinar

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"testing"
)

// crowded returns w with 1,000 bans and as many invites and registrants as a large
// webinar has.
func crowded(w *Webinar) *Webinar {
	for i := range 1000 {
		w = w.WithBan(Ban{ID: fmt.Sprint("b_", i), Keys: Keys{DeviceKey(sha256.Sum256([]byte{byte(i), byte(i >> 8)})), {KindParticipant, fmt.Sprint("p_", i)}}})
	}
	for i := range 10_000 {
		w = w.WithInvite(Invite{ID: fmt.Sprint("i_", i), Role: Attendee, Hash: sha256.Sum256([]byte(fmt.Sprint("sti_", i)))})
		w = w.WithRegistrant(Registrant{ID: fmt.Sprint("r_", i), Status: Approved, Hash: sha256.Sum256([]byte(fmt.Sprint("str_", i)))})
	}
	return w
}

// BenchmarkAdmit is what the door decides without asking anyone (M3, M9).
func BenchmarkAdmit(b *testing.B) {
	prefix := Prefix(netip.MustParseAddr("192.0.2.7"))
	with, without := crowded(planned()), crowded(withRegistration())
	for _, bb := range []struct {
		name string
		w    *Webinar
		v    Visitor
	}{
		{"invited", with, Visitor{Name: "Bo", Invite: sha256.Sum256([]byte("sti_77"))}},
		{"registered", without, Visitor{Name: "Bo", Registrant: sha256.Sum256([]byte("str_77"))}},
		{"account", with, Visitor{Name: "Bo", Account: "account:moderator"}},
		{"PIN", with, Visitor{Name: "Bo", PIN: rightPIN}},
	} {
		bb.v.Device, bb.v.Prefix = sha256.Sum256([]byte("mine")), prefix
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bb.w.Admit(bb.v, pinKey, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAllowed is what an edge asks about each session whenever the webinar changes.
func BenchmarkAllowed(b *testing.B) {
	w := crowded(planned())
	s := mustAdmit(b, w, Visitor{Name: "Bo", PIN: rightPIN, Device: device}).Standing("p_one")
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Allowed(s, now); err != nil {
			b.Fatal(err)
		}
	}
}
