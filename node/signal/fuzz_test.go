package signal

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"stentor/node/sfu"
)

// FuzzFragment holds that whatever a client PATCHes is either refused by name or within
// bounds, and that what restarts ICE cannot write lines of its own.
func FuzzFragment(f *testing.F) {
	f.Add("a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n")
	f.Add("a=ice-ufrag:a\na=ice-ufrag:b\n")
	f.Add("a=candidate:\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := readFragment(text)
		if err != nil {
			var o *sfu.OfferError
			if !errors.As(err, &o) || o.Code == "" || o.Detail == "" {
				t.Fatalf("refused without a name: %v", err)
			}
			return
		}
		if got.candidates < 0 || got.candidates > sfu.MaxCandidates {
			t.Errorf("%d candidates", got.candidates)
		}
		if got.checkCredentials() == nil && strings.ContainsAny(got.ufrag+got.pwd, "\r\n =:") {
			t.Errorf("%q %q", got.ufrag, got.pwd)
		}
	})
}

// FuzzRestartAnswer holds that the fragment that answers a restart is one that a client
// can read back, with one candidate at most, whatever the description was.
func FuzzRestartAnswer(f *testing.F) {
	f.Add("v=0\r\na=group:BUNDLE 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=candidate:2 1 udp 1 2001:db8::1 9 typ host\r\n")
	f.Fuzz(func(t *testing.T, answer string) {
		for _, from := range []string{"192.0.2.7", "2001:db8::7"} {
			out := iceFragment(answer, netip.MustParseAddr(from))
			if n := strings.Count(out, "\r\na=candidate:"); n > 1 || !strings.HasSuffix(out, "a=end-of-candidates\r\n") {
				t.Errorf("%d candidates: %q", n, out)
			}
		}
	})
}
