package webinar

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestEmbedOriginsAreHTTPSAndOfNames(t *testing.T) {
	long := strings.Repeat("a", 63)
	tests := []struct{ name, text, want string }{
		{"a site", "https://www.example.org", "https://www.example.org"},
		{"a site with a port", "https://example.org:8443", "https://example.org:8443"},
		{"a slash at the end", "https://example.org/", "https://example.org"},
		{"capitals", "HTTPS://WWW.Example.ORG", "https://www.example.org"},
		{"the port that https has anyway", "https://example.org:443", "https://example.org"},
		{"punycode", "https://xn--mnchen-3ya.example", "https://xn--mnchen-3ya.example"},
		{"a name of one label, inside a company", "https://intranet", "https://intranet"},
		{"the developer's own machine", "http://localhost:3000", "http://localhost:3000"},
		{"localhost by https", "https://localhost", "https://localhost"},
		{"localhost at the port that http has anyway", "http://localhost:80", "http://localhost"},
		{"a label of 63 letters", "https://" + long + ".org", "https://" + long + ".org"},
		{"a name that begins with digits", "https://3.example", "https://3.example"},

		{"nothing", "", ""},
		{"a name without a scheme", "www.example.org", ""},
		{"http", "http://www.example.org", ""},
		{"another scheme", "ftp://example.org", ""},
		{"data", "data:text/html,x", ""},
		{"a path", "https://example.org/webinars", ""},
		{"two slashes at the end", "https://example.org//", ""},
		{"a query", "https://example.org?x", ""},
		{"a fragment", "https://example.org#x", ""},
		{"somebody before the host", "https://me@example.org", ""},
		{"any subdomain", "https://*.example.org", ""},
		{"everybody", "*", ""},
		{"everybody by https", "https://*", ""},
		{"any port", "https://example.org:*", ""},
		{"another source behind it", "https://example.org https://evil.example", ""},
		{"another directive behind it", "https://example.org;script-src", ""},
		{"another policy behind it", "https://example.org,default-src", ""},
		{"a line break", "https://example.org\n", ""},
		{"a space before it", " https://example.org", ""},
		{"letters that are not ASCII", "https://münchen.example", ""},
		{"a letter whose lower case is ASCII", "https://\u212aelvin.example", ""},
		{"an IPv4 address", "https://192.0.2.1", ""},
		{"an IPv4 address in hexadecimal", "https://example.0x7f", ""},
		{"an IPv6 address", "https://[2001:db8::1]", ""},
		{"a dot at the end", "https://example.org.", ""},
		{"two dots", "https://example..org", ""},
		{"no host", "https://", ""},
		{"no host, but a port", "https://:8443", ""},
		{"a hyphen first", "https://-a.example", ""},
		{"a hyphen last", "https://a-.example", ""},
		{"an underscore", "https://a_b.example", ""},
		{"a label of 64 letters", "https://a" + long + ".org", ""},
		{"a name of more than 253 letters", "https://" + strings.Repeat("abc.", 63) + "ab", ""},
		{"no port behind the colon", "https://example.org:", ""},
		{"port 0", "https://example.org:0", ""},
		{"port 65536", "https://example.org:65536", ""},
		{"a port that no integer holds", "https://example.org:99999999999999999999", ""},
		{"a port with a zero in front", "https://example.org:08443", ""},
		{"two ports", "https://example.org:1:2", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := EmbedOrigin(tt.text)
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("%q: %q, %v; want %q", tt.text, got, err, tt.want)
			}
		})
	}
}

func TestEmbedOriginsTogether(t *testing.T) {
	ten := make([]string, MaxEmbedOrigins)
	for i := range ten {
		ten[i] = "https://" + string(rune('a'+i)) + ".example"
	}
	tests := []struct {
		name    string
		origins []string
		ok      bool
	}{
		{"none", nil, true},
		{"ten", ten, true},
		{"eleven", append(slices.Clone(ten), "https://z.example"), false},
		{"one twice", []string{"https://a.example", "https://a.example"}, false},
		{"one that is written otherwise than browsers do", []string{"https://A.example"}, false},
		{"one that is no origin", []string{"https://a.example", "*"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckEmbedOrigins(tt.origins)
			denial, named := errors.AsType[*Denial](err)
			if (err == nil) != tt.ok || named && denial.Code != "invalid_embed_origins" {
				t.Errorf("%v: %v", tt.origins, err)
			}
		})
	}
}

// TestANormalEmbedOriginIsNormal holds that what is taken is written in one way, and that nothing in it can end a header's
// source: each character is a letter, a digit, a hyphen, a dot, a colon or a slash.
func TestANormalEmbedOriginIsNormal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`(https|http|HTTPS)://[a-zA-Z0-9.\-]{0,12}(:[0-9]{0,6})?/?`)).Draw(t, "text")
		normal, err := EmbedOrigin(text)
		if err != nil {
			return
		}
		if again, err := EmbedOrigin(normal); err != nil || again != normal {
			t.Fatalf("%q is normal for %q, but its own is %q, %v", normal, text, again, err)
		}
		if strings.Trim(normal, "abcdefghijklmnopqrstuvwxyz0123456789-.:/") != "" || CheckEmbedOrigins([]string{normal}) != nil {
			t.Fatalf("%q of %q", normal, text)
		}
	})
}
