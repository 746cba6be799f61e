package node

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"stentor/node/sfu"
)

func TestAProbeAnswersWithOneWayOnly(t *testing.T) {
	answer := "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=candidate:1 1 udp 2130706431 192.0.2.1 8443 typ host\r\na=candidate:2 1 tcp 2122317823 192.0.2.1 8443 typ host tcptype passive\r\na=end-of-candidates\r\n"
	for _, c := range []struct {
		name, way, answer string
		found             bool
		without           string
	}{
		{"by UDP there is no TCP", "udp", answer, true, " tcp "},
		{"by TCP there is no UDP", "tcp", answer, true, " udp "},
		{"a node without TCP has no such way", "tcp", strings.ReplaceAll(answer, " tcp ", " udp "), false, " tcp "},
		{"another way is none", "sctp", answer, false, "candidate:"},
		{"a candidate that is cut off is none", "udp", "a=candidate:1 1\r\n", false, "candidate:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			kept, found := onlyBy(c.way, c.answer)
			if found != c.found || strings.Contains(kept, c.without) {
				t.Errorf("found %v: %q", found, kept)
			}
		})
	}
}

func TestProbesAreBounded(t *testing.T) {
	p := newProbes(nil)
	one := netip.MustParseAddr("192.0.2.1")
	for i := range maxProbesEach {
		if !p.begin(one) {
			t.Fatalf("only %d of one address", i)
		}
	}
	if p.begin(one) {
		t.Error("one address has more than its share")
	}
	for i := maxProbesEach; i < maxProbes; i++ {
		if !p.begin(netip.AddrFrom4([4]byte{192, 0, 2, byte(10 + i)})) {
			t.Fatalf("only %d of all", i)
		}
	}
	if p.begin(netip.MustParseAddr("192.0.2.200")) {
		t.Error("there are more than that")
	}
	for range maxProbesEach {
		p.end(one)
	}
	if !p.begin(one) || len(p.by) != maxProbes-maxProbesEach+1 {
		t.Error("what has ended still counts")
	}
}

func TestAProbeThatFailsGivesItsPlaceBack(t *testing.T) {
	p := newProbes(func(context.Context, string, sfu.Sink, sfu.Allowed) (*sfu.Publisher, error) {
		return nil, errors.New("no")
	})
	for range 3 * maxProbes {
		for body, want := range map[string]int{"not an offer": http.StatusBadRequest, strings.Repeat("x", maxProbeOffer+1): http.StatusRequestEntityTooLarge} {
			w := httptest.NewRecorder()
			p.ServeHTTP(w, httptest.NewRequest("POST", "/preflight/udp", strings.NewReader(body)))
			if w.Code != want {
				t.Fatalf("status %d, want %d", w.Code, want)
			}
		}
	}
}
