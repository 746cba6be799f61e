package session

import (
	"testing"

	"stentor/cluster/pki"
)

// What an edge says of somebody is enough for doors, and not for ruling a webinar: also
// not after a voter has refreshed the token.
func TestS21OnlyVotersVouchForHosts(t *testing.T) {
	e := newEdge(t, "")
	by := map[string]*pki.Credentials{
		"an edge": credentialsOf(t, e.ca, "e1", pki.Edge), "a voter": credentialsOf(t, e.ca, "n1", pki.Voter),
	}
	as := func(who string) { e.cfg.Credentials = func() *pki.Credentials { return by[who] } }
	for _, tt := range []struct {
		name    string
		admits  string
		renews  []string
		trusted bool
	}{
		{"a voter admits", "a voter", nil, true},
		{"an edge admits", "an edge", nil, false},
		{"an edge admits, a voter refreshes", "an edge", []string{"a voter"}, false},
		{"a voter admits and refreshes", "a voter", []string{"a voter"}, true},
		{"a voter admits, an edge refreshes, a voter too", "a voter", []string{"an edge", "a voter"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			as(tt.admits)
			g, err := e.Join(ctx, link, Knock{Name: "Ada"})
			if err != nil {
				t.Fatal(err)
			}
			for _, who := range tt.renews {
				as(who)
				if g, err = e.Refresh(ctx, g.Token, home); err != nil {
					t.Fatal(err)
				}
			}
			b, err := e.Bearer(ctx, g.Token, home)
			if err != nil || b.Trusted != tt.trusted {
				t.Errorf("trusted: %t, %v", b.Trusted, err)
			}
		})
	}
}
