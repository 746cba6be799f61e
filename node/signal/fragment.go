package signal

import (
	"net/netip"
	"strings"

	"stentor/node/sfu"
)

// A fragment is what a client says of its ICE session in a PATCH (RFC 8840, section 9):
// its credentials, and how many candidates.
type fragment struct {
	ufrag, pwd string
	candidates int
}

// readFragment reads an SDP fragment within the bounds of [sfu.CheckFragment]. Lines
// whose meaning is nothing to a server that waits for the client's checks are passed
// over, odd candidates too (RFC 9725, section 4.3.2, has them dropped silently). What
// is no SDP, or has two pairs of credentials where BUNDLE leaves one, is malformed.
func readFragment(text string) (f fragment, err error) {
	if err := sfu.CheckFragment(text); err != nil {
		return f, err
	}
	attributes := 0
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		if len(line) < 2 || line[0] < 'a' || line[0] > 'z' || line[1] != '=' {
			return f, malformed("The fragment has a line that is no SDP (RFC 8840).")
		}
		if line[0] != 'a' {
			continue
		}
		attributes++
		key, value, _ := strings.Cut(line[2:], ":")
		into := &f.ufrag
		switch key {
		case "candidate":
			f.candidates++
			continue
		case "ice-ufrag":
		case "ice-pwd":
			into = &f.pwd
		default:
			continue
		}
		if value = strings.TrimSpace(value); value == "" || *into != "" && *into != value {
			return f, malformed("The fragment has more than one pair of ICE credentials, or an empty one.")
		}
		*into = value
	}
	if attributes == 0 {
		return f, malformed("The fragment has no attribute (RFC 8840).")
	}
	return f, nil
}

func malformed(detail string) error {
	return &sfu.OfferError{Code: sfu.CodeMalformed, Detail: detail}
}

// checkCredentials reports whether ICE can begin anew with them (RFC 8839, section 5.4).
func (f fragment) checkCredentials() error {
	if !iceChars(f.ufrag, 4) || !iceChars(f.pwd, 22) {
		return malformed("A restart needs a=ice-ufrag of 4 to 256 and a=ice-pwd of 22 to 256 ICE characters (RFC 8839, section 5.4).")
	}
	return nil
}

func iceChars(s string, least int) bool {
	if len(s) < least || len(s) > 256 {
		return false
	}
	return !strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/')
	})
}

// iceFragment is what a client learns of a restart (RFC 9725, section 4.3.3): the ICE
// part of the server's new description. Of the candidates it holds one, of the family
// that the client comes by now: a common client joins several with commas.
func iceFragment(answer string, from netip.Addr) string {
	var b strings.Builder
	b.WriteString("a=ice-lite\r\n")
	for line := range strings.Lines(answer) { // of the session
		if strings.HasPrefix(line, "m=") {
			break
		}
		if strings.HasPrefix(line, "a=group:BUNDLE") || strings.HasPrefix(line, "a=ice-options:") {
			b.WriteString(strings.TrimRight(line, "\r\n") + "\r\n")
		}
	}
	mid, candidate, section := "", "", ""
	for line := range strings.Lines(answer) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, "m="):
			if candidate != "" {
				break
			}
			f := strings.Fields(line)
			if mid, section = "", ""; len(f) >= 4 {
				section = f[0] + " 9 " + f[2] + " " + f[3]
			}
		case strings.HasPrefix(line, "a=mid:") && mid == "":
			mid = line
		case strings.HasPrefix(line, "a=candidate:"):
			if candidate == "" || !sameFamily(candidate, from) && sameFamily(line, from) {
				candidate = line
			}
		}
	}
	for _, line := range []string{
		section, mid, "a=ice-ufrag:" + attribute(answer, "ice-ufrag"), "a=ice-pwd:" + attribute(answer, "ice-pwd"), candidate, "a=end-of-candidates",
	} {
		if line != "" {
			b.WriteString(line + "\r\n")
		}
	}
	return b.String()
}

// sameFamily reports whether a candidate (RFC 8839, section 5.1) is for UDP and of the
// address family of a.
func sameFamily(candidate string, a netip.Addr) bool {
	f := strings.Fields(candidate)
	if len(f) < 6 || !strings.EqualFold(f[2], "udp") {
		return false
	}
	c, err := netip.ParseAddr(f[4])
	return err == nil && c.Unmap().Is4() == a.Unmap().Is4()
}
