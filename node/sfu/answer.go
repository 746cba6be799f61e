package sfu

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// credentials are one side's of an ICE session (RFC 8839 section 5.4).
type credentials struct{ ufrag, pwd string }

// newCredentials draws some: 96 and 192 bits, of the 24 and 128 that ICE asks for. The
// fragment is what a viewer who has no connection yet is known by, so it must not be
// guessed either.
func newCredentials() credentials {
	text := rand.Text() + rand.Text() // 26 characters of 5 bits each
	return credentials{text[:20], text[20:52]}
}

// newSSRC draws one that is not taken.
func newSSRC(taken map[uint32]bool) uint32 {
	for {
		var b [4]byte
		_, _ = rand.Read(b[:]) // never fails
		if v := binary.BigEndian.Uint32(b[:]); v != 0 && !taken[v] {
			taken[v] = true
			return v
		}
	}
}

// An introduction is what an answer says of this side besides the media: who it is, and
// where.
type introduction struct {
	credentials
	fingerprint string // "sha-256 AB:CD..."
	candidates  []string
}

// candidates are the lines for the addresses that the operator advertises: by UDP, and,
// with a port, by TCP for those whom UDP does not reach (RFC 6544 section 4.2 says with
// which priority). Component 1 carries RTP and RTCP (RFC 8834 section 4.5).
func candidateLines(addrs []netip.Addr, udp, tcp int) (lines []string) {
	const host, rtp = 126, 256 - 1 // preferences of RFC 8445 section 5.1.2
	for i, a := range addrs {
		local := uint32(65535 - i)
		lines = append(lines, fmt.Sprintf("%d 1 udp %d %s %d typ host", i+1, host<<24|local<<8|rtp, a.Unmap().WithZone(""), udp))
	}
	for i, a := range addrs {
		if tcp == 0 {
			break
		}
		const passive = 4
		local := uint32(passive<<13 | (8191 - i))
		lines = append(lines, fmt.Sprintf("%d 1 tcp %d %s %d typ host tcptype passive", len(addrs)+i+1, host<<24|local<<8|rtp, a.Unmap().WithZone(""), tcp))
	}
	return lines
}

// answerViewer writes the answer to a viewer without making a connection for it, as
// pion would (the test holds them side by side).
func (p *plan) answerViewer(me introduction, forwards []*forward) (string, error) {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	var id [8]byte
	_, _ = rand.Read(id[:])
	line("v=0")
	line("o=- %d 2 IN IP4 0.0.0.0", binary.BigEndian.Uint64(id[:])>>2)
	line("s=-")
	line("t=0 0")
	line("a=msid-semantic:WMS *")
	line("a=fingerprint:%s", me.fingerprint)
	line("a=ice-lite")
	line("a=extmap-allow-mixed")
	accepted := p.accepted()
	mids := make([]string, 0, len(accepted))
	for _, c := range accepted {
		mids = append(mids, c.section.mid)
	}
	line("a=group:BUNDLE %s", strings.Join(mids, " "))
	for i, c := range accepted {
		c.answer(line, me, forwards[i])
	}
	return p.complete(b.String(), me.candidates)
}

// answer writes one section.
func (c *chosen) answer(line func(string, ...any), me introduction, f *forward) {
	var formats []string
	for _, f := range c.all() {
		formats = append(formats, strconv.Itoa(int(f.payload)))
		if f.rtx != 0 {
			formats = append(formats, strconv.Itoa(int(f.rtx)))
		}
	}
	line("m=%s 9 UDP/TLS/RTP/SAVPF %s", c.section.kind, strings.Join(formats, " "))
	line("c=IN IP4 0.0.0.0")
	line("a=setup:passive")
	line("a=mid:%s", c.section.mid)
	line("a=ice-ufrag:%s", me.ufrag)
	line("a=ice-pwd:%s", me.pwd)
	line("a=rtcp-mux")
	line("a=rtcp-rsize")
	for _, f := range c.all() {
		f.describe(line)
	}
	for _, uri := range c.exts {
		line("a=extmap:%d %s", c.section.exts[uri], uri)
	}
	ssrcs := []uint32{f.ssrc}
	if f.rtxSSRC != 0 {
		ssrcs = append(ssrcs, f.rtxSSRC)
		line("a=ssrc-group:FID %d %d", f.ssrc, f.rtxSSRC)
	}
	for _, ssrc := range ssrcs {
		line("a=ssrc:%d cname:%s", ssrc, f.StreamID())
		line("a=ssrc:%d msid:%s %s", ssrc, f.StreamID(), f.ID())
	}
	line("a=msid:%s %s", f.StreamID(), f.ID())
	line("a=sendonly")
}

// transports are the attributes that all sections of a BUNDLE group share (RFC 8859,
// category TRANSPORT), as far as they stand in our answers.
var transports = map[string]bool{"setup": true, "ice-ufrag": true, "ice-pwd": true, "fingerprint": true, "rtcp-mux": true, "rtcp-rsize": true}

// idle answers a section in which nothing is sent but whose transport others share: it takes
// that over from one of those, with the candidates, and stands first in the group.
func idle(s section, from *sdp.MediaDescription, d *sdp.SessionDescription) *sdp.MediaDescription {
	m := rejected(s)
	m.MediaName.Port.Value = 9 // the port of an answer without an address (RFC 8829, section 5.2.1)
	for _, a := range from.Attributes {
		if transports[a.Key] || a.Key == "candidate" || a.Key == "end-of-candidates" {
			m.Attributes = append(m.Attributes, a)
		}
	}
	from.Attributes = slices.DeleteFunc(from.Attributes, func(a sdp.Attribute) bool {
		return a.Key == "candidate" || a.Key == "end-of-candidates"
	})
	for i, a := range d.Attributes {
		if group, ok := strings.CutPrefix(a.Value, "BUNDLE"); ok && a.Key == sdp.AttrKeyGroup {
			d.Attributes[i].Value = "BUNDLE " + s.mid + group
		}
	}
	return m
}

// describe writes what there is to say of a format.
func (f *format) describe(line func(string, ...any)) {
	line("a=rtpmap:%d %s", f.payload, rtpmap(*f))
	if f.fmtp != "" {
		line("a=fmtp:%d %s", f.payload, f.fmtp)
	}
	for _, fb := range f.feedback {
		line("a=rtcp-fb:%d %s", f.payload, strings.TrimSpace(fb.Type+" "+fb.Parameter))
	}
	if f.rtx != 0 {
		line("a=rtpmap:%d rtx/%d", f.rtx, f.clock)
		line("a=fmtp:%d apt=%d", f.rtx, f.payload)
	}
}

// fingerprintOf is what an answer says of a certificate.
func fingerprintOf(c *webrtc.Certificate) (string, error) {
	prints, err := c.GetFingerprints()
	if err != nil {
		return "", fmt.Errorf("sfu: %w", err)
	}
	return prints[0].Algorithm + " " + strings.ToUpper(prints[0].Value), nil
}

// withCredentials is a description with other credentials of the side that wrote it.
func withCredentials(d *sdp.SessionDescription, new credentials) {
	change := func(attributes []sdp.Attribute) {
		for i := range attributes {
			switch attributes[i].Key {
			case "ice-ufrag":
				attributes[i].Value = new.ufrag
			case "ice-pwd":
				attributes[i].Value = new.pwd
			}
		}
	}
	change(d.Attributes)
	for _, m := range d.MediaDescriptions {
		change(m.Attributes)
	}
}

// rewritten is a description's text with other credentials.
func rewritten(text string, new credentials) (string, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return "", fmt.Errorf("sfu: %w", err)
	}
	withCredentials(&d, new)
	b, err := d.Marshal()
	if err != nil {
		return "", fmt.Errorf("sfu: %w", err)
	}
	return string(b), nil
}
