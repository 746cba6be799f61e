package sfu

import "testing"

// Letting go of an offer must not show: pion sees the same of it, at first and when ICE begins anew.
func TestWhatIsKeptOfAnOfferIsWhatPionSees(t *testing.T) {
	for _, again := range []*credentials{nil, {"abcdefgh", "ijklmnopqrstuvwxyz012345"}} {
		p, err := planView(mustRead(t, base("recvonly")), []Source{h264Source, opusSource})
		if err != nil {
			t.Fatal(err)
		}
		p.again = again
		want, err := p.reduced()
		if err != nil {
			t.Fatal(err)
		}
		exts := 0
		for _, c := range p.used {
			exts += len(c.exts)
		}
		p.lean()
		got, err := p.reduced()
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("pion would see\n%s\ninstead of\n%s", got.SDP, want.SDP)
		}
		kept := 0
		for _, s := range p.offer.sections {
			if len(s.formats) > 0 || len(s.media.MediaName.Formats) > 0 {
				t.Errorf("section %s keeps its formats", s.mid)
			}
			kept += len(s.exts)
		}
		if kept != exts {
			t.Errorf("%d extensions are kept, %d are in use", kept, exts)
		}
	}
}
