package node

import "testing"

func TestAnOriginStandsInHeaders(t *testing.T) {
	for _, test := range []struct{ name, url, want string }{
		{"a host name", "https://edge1.example.org", "https://edge1.example.org"},
		{"a port, a slash and capitals", "http://Edge1.example.org:8080/", "http://edge1.example.org:8080"},
		{"an IPv6 address", "https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"},
		{"a path of a proxy", "https://example.org/edge1", ""},
		{"a name and a password", "https://a:b@example.org", ""},
		{"another scheme", "javascript://example.org", ""},
		{"a second directive of a policy", "https://example.org;script-src *", ""},
		{"a second source", "https://example.org *", ""},
		{"a wildcard", "https://*", ""},
		{"a line's end", "https://example.org\r\nSet-Cookie: a=b", ""},
		{"nothing", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := originOf(test.url); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
