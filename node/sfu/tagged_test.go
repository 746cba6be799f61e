package sfu

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
)

// The transport of a BUNDLE group is that of its first section (RFC 9143, section 7.3.1).
func TestTheFirstSectionOfABundleIsAnswered(t *testing.T) {
	me := introduction{newCredentials(), "sha-256 AB:CD", candidateLines([]netip.Addr{netip.MustParseAddr("192.0.2.1")}, 8443, 0)}
	for _, c := range []struct{ name, offer, group, first string }{
		{"sound first, and only a picture on the stage", base("recvonly"), "BUNDLE 0 1", "m=audio 9 "},
		{"sound first, switched off by who offers", strings.Replace(base("recvonly"), "m=audio 9 ", "m=audio 0 ", 1), "BUNDLE 1", "m=audio 0 "},
		{"sound outside the group", strings.Replace(base("recvonly"), "BUNDLE 0 1", "BUNDLE 1", 1), "BUNDLE 1", "m=audio 0 "},
		{"the picture is first in the group", strings.Replace(base("recvonly"), "BUNDLE 0 1", "BUNDLE 1 0", 1), "BUNDLE 1", "m=audio 0 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := planView(mustRead(t, c.offer), []Source{h264Source})
			if err != nil {
				t.Fatal(err)
			}
			text, err := p.answerViewer(me, []*forward{{source: h264Source, ssrc: 1}})
			if err != nil {
				t.Fatal(err)
			}
			var d sdp.SessionDescription
			if err := d.UnmarshalString(text); err != nil {
				t.Fatal(err)
			}
			if group, _ := d.Attribute("group"); group != c.group {
				t.Errorf("group %q, want %q", group, c.group)
			}
			if !strings.Contains(text, c.first) || strings.Count(text, "a=candidate:") != 1 || len(d.MediaDescriptions) != 2 {
				t.Error(text)
			}
			tag := d.MediaDescriptions[0]
			if strings.HasSuffix(c.group, " 1") && !strings.Contains(c.group, "0") {
				tag = d.MediaDescriptions[1]
			}
			for _, key := range []string{"candidate", "ice-ufrag", "ice-pwd", "setup", "rtcp-mux"} {
				if _, ok := tag.Attribute(key); !ok {
					t.Errorf("the section of the transport has no %s:\n%s", key, text)
				}
			}
		})
	}
}
