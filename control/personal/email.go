package personal

import (
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// NormalEmail is one form of the ways to write an address: without space around it, in
// lower case, composed (NFKC), with its domain as the DNS has it. Servers may tell upper
// from lower case before the @ (RFC 5321, section 2.4), but people do not, and who signs
// up twice means the same mailbox.
//
// Composing may bring a space to the edge ("¨" is one with a mark above it) and lower case
// may bring letters that compose, so it is done until nothing changes: of a form that was
// kept there is no other form.
func NormalEmail(email string) string {
	for range 4 {
		once := normalEmail(email)
		if once == email {
			break
		}
		email = once
	}
	return email
}

func normalEmail(email string) string {
	email = strings.ToLower(norm.NFKC.String(strings.TrimSpace(email)))
	at := strings.LastIndexByte(email, '@')
	if at < 0 {
		return email
	}
	domain, err := idna.Lookup.ToASCII(strings.TrimSuffix(email[at+1:], "."))
	if err != nil {
		return email
	}
	return email[:at+1] + domain
}
