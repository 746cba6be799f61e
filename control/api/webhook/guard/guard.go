// Package guard keeps requests to addresses that strangers chose out of our own network:
// what is loopback, private, link-local (where clouds keep their credentials), reserved or
// a tunnel into one of these.
//
// An address is looked at when the connection is made, after all names are resolved, so
// that no name that changes its mind, no odd way to write an address and no redirect gets
// around it. The package knows no webhooks, and no policy beyond that.
package guard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"stentor/control/webinar"
)

// ErrAddress is what a URL is refused with that may not be called.
var ErrAddress = &webinar.Denial{Code: "invalid_url", Detail: "A webhook has a public https address, without a password in it."}

// errPrivate is what a connection to an address fails with that is not public.
var errPrivate = errors.New("guard: not a public address")

// blocked are the networks that are not public although netip does not say so: IANA's
// special-purpose registries (RFC 6890), and those that carry an IPv4 address inside, which
// would be another way to the ones that are blocked.
var blocked = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4",
	"::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
)

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, t := range texts {
		all = append(all, netip.MustParsePrefix(t))
	}
	return all
}

// Public reports whether a is an address of the public internet.
func Public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Zone() != "" {
		return false
	}
	for _, p := range blocked {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// Check returns ErrAddress for a URL that would never be called: for the answer to whoever
// typed it. allowPrivate lets plain HTTP and addresses that are not public through.
func Check(raw string, allowPrivate bool) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.Opaque != "":
		return ErrAddress
	case u.Scheme != "https" && !(u.Scheme == "http" && allowPrivate):
		return ErrAddress
	case allowPrivate:
		return nil
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if a, err := netip.ParseAddr(host); err == nil && !Public(a) {
		return ErrAddress
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".internal") || strings.HasSuffix(host, ".local") {
		return ErrAddress
	}
	return nil
}

// Transport returns a transport that connects to public addresses alone, by no proxy,
// unless allowPrivate.
func Transport(allowPrivate bool) *http.Transport {
	d := &net.Dialer{Timeout: 5 * time.Second}
	if !allowPrivate {
		d.ControlContext = control
	}
	return &http.Transport{
		DialContext: d.DialContext, TLSHandshakeTimeout: 5 * time.Second, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: 1, MaxIdleConns: 100, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 16 << 10,
	}
}

// control looks at the address of a connection that is about to be made.
func control(_ context.Context, network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("%w: %s", errPrivate, network)
	}
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("guard: %w", err)
	}
	if !Public(a.Addr()) {
		return errPrivate
	}
	return nil
}
