package node

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// remoteHeader carries where a request came from when an edge passes it to a voter. It is
// believed on the mesh alone, and taken off whatever comes from outside.
const remoteHeader = "Stentor-Remote"

// fromOutside gives a request the address of whoever made it: that of the connection, or,
// behind a proxy of the operator's, what that one added last to X-Forwarded-For. What
// stood there before was written by the visitor.
func fromOutside(behindProxy bool, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del(remoteHeader)
		if behindProxy {
			lines := r.Header.Values("X-Forwarded-For")
			if len(lines) > 0 {
				hops := strings.Split(lines[len(lines)-1], ",")
				setRemote(r, strings.TrimSpace(hops[len(hops)-1]))
			}
		}
		h.ServeHTTP(w, r)
	})
}

// fromMesh gives a request that another node passes on the address that it says.
func fromMesh(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setRemote(r, r.Header.Get(remoteHeader))
		h.ServeHTTP(w, r)
	})
}

// setRemote sets RemoteAddr, if addr is an address, with or without a port.
func setRemote(r *http.Request, addr string) {
	if ap, err := netip.ParseAddrPort(addr); err == nil {
		r.RemoteAddr = ap.String()
	} else if a, err := netip.ParseAddr(strings.Trim(addr, "[]")); err == nil {
		r.RemoteAddr = net.JoinHostPort(a.String(), "0")
	}
}
