package webinar

import "strings"

// MaxEmbedOrigins is how many sites may show one webinar: each is part of a header of every answer.
const MaxEmbedOrigins = 10

// ErrEmbedOrigin is why text is no origin that may show a webinar.
var ErrEmbedOrigin = &Denial{Code: "invalid_embed_origins", Detail: "A site is written like https://www.example.org, perhaps with a port: https, no path and no *, and names of other scripts in punycode. For tests http://localhost will do."}

// EmbedOrigin returns the origin of a site (RFC 6454, section 6.2) as browsers write it: in lower case and without the port
// that its scheme has anyway. A slash at its end is taken for a slip.
//
// It takes https:// and a DNS name, since browsers compare no other hosts in frame-ancestors (CSP 3, section 6.7.2.8, has
// IP addresses match nothing), in letters, digits and hyphens, so that nothing in it can end the header's source and
// begin another. http:// goes with localhost alone, which is the developer's own machine. Its error is [ErrEmbedOrigin].
func EmbedOrigin(text string) (string, error) {
	scheme, authority, ok := strings.Cut(lower(strings.TrimSuffix(text, "/")), "://")
	host, port, hasPort := strings.Cut(authority, ":")
	known := map[string]string{"https": "443", "http": "80"}[scheme]
	switch {
	case !ok || known == "" || scheme == "http" && host != "localhost", !dnsName(host), hasPort && !portNumber(port):
		return "", ErrEmbedOrigin
	case !hasPort || port == known:
		return scheme + "://" + host, nil
	}
	return scheme + "://" + host + ":" + port, nil
}

// CheckEmbedOrigins refuses lists that no webinar may have: too long, an origin that is not as [EmbedOrigin] writes it,
// or one twice.
func CheckEmbedOrigins(origins []string) error {
	if len(origins) > MaxEmbedOrigins {
		return &Denial{Code: ErrEmbedOrigin.Code, Detail: "A webinar may be shown by at most ten sites."}
	}
	seen := make(map[string]bool, len(origins))
	for _, o := range origins {
		if normal, err := EmbedOrigin(o); err != nil || normal != o || seen[o] {
			return ErrEmbedOrigin
		}
		seen[o] = true
	}
	return nil
}

// lower is strings.ToLower for ASCII alone: Unicode has letters whose lower case is ASCII (the Kelvin sign).
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// dnsName reports whether host is a name of letters, digits and hyphens (RFC 1123, section 2.1) in lower case whose last
// label is not all digits: browsers take that for an IPv4 address.
func dnsName(host string) bool {
	labels := strings.Split(host, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	last := labels[len(labels)-1]
	return len(host) <= 253 && strings.Trim(last, "0123456789") != "" && !hexNumber(last)
}

// hexNumber reports whether browsers read a host's last label as a number in hexadecimal (URL Standard, "ends in a number").
func hexNumber(label string) bool {
	digits, is := strings.CutPrefix(label, "0x")
	return is && strings.Trim(digits, "0123456789abcdef") == ""
}

// portNumber reports whether text is a port from 1 to 65535 without a zero in front.
func portNumber(text string) bool {
	n := 0
	for _, c := range []byte(text) {
		if c < '0' || c > '9' || n > 6553 {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return n > 0 && n <= 65535 && text[0] != '0'
}
