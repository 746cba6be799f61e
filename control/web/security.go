package web

import (
	"net/http"
	"strings"
)

// policy is the Content Security Policy of every page. Nothing is inline and
// nothing comes from elsewhere; with Trusted Types required and no policy
// allowed but the one that knows the service worker's address, script cannot turn a string
// into markup at all.
var policy = strings.Join([]string{
	"default-src 'none'",
	"script-src 'self'",
	"style-src 'self'",
	"img-src 'self'",
	"connect-src 'self'",
	"media-src 'self' blob:",
	"manifest-src 'self'",
	"worker-src 'self'",
	"base-uri 'none'",
	"form-action 'self'",
	"frame-ancestors 'none'",
	"require-trusted-types-for 'script'",
	"trusted-types stentor-worker",
}, "; ")

// speakWith lets a page also speak with other nodes of the mesh: its connections go to their origins, by HTTP and by
// WebSocket, and nothing else of it does.
func speakWith(h http.Header, origins []string) {
	to := "connect-src 'self'"
	for _, o := range origins {
		to += " " + o + " " + strings.Replace(o, "http", "ws", 1)
	}
	h.Set("Content-Security-Policy", strings.Replace(h.Get("Content-Security-Policy"), "connect-src 'self'", to, 1))
}

// mayBeFramed lets pages of the named sites show this one in a frame, and our own (CSP 3, section 6.4.2.1). X-Frame-Options
// has no word for that (RFC 7034 knows one site at most, which browsers have dropped). An origin is put in as it is: the
// state machine takes none with a character that could end it.
func mayBeFramed(h http.Header, origins []string) {
	if len(origins) == 0 {
		return
	}
	to := "frame-ancestors 'self' " + strings.Join(origins, " ")
	h.Set("Content-Security-Policy", strings.Replace(h.Get("Content-Security-Policy"), "frame-ancestors 'none'", to, 1))
	h.Del("X-Frame-Options")
}

// framed reports whether a page was asked for by a frame, as the browser says itself (Fetch Metadata). One that does not
// say so gets links that open in the frame, where the pages that they lead to refuse to be shown.
func framed(r *http.Request) bool {
	to := r.Header.Get("Sec-Fetch-Dest")
	return to == "iframe" || to == "frame"
}

// permissions leaves camera, microphone and screen to our own pages (presenters
// send from there) and gives the rest away.
const permissions = "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self), " +
	"picture-in-picture=(self), autoplay=(self), screen-wake-lock=(self), clipboard-write=(self), " +
	"geolocation=(), payment=(), usb=(), serial=(), hid=(), midi=(), browsing-topics=()"

// protect adds the headers that every answer of this package carries.
func protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Permissions-Policy", permissions)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Origin-Agent-Cluster", "?1")
		next.ServeHTTP(w, r)
	})
}
