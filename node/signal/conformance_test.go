package signal_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

const (
	sdpType  = "application/sdp"
	fragType = "application/trickle-ice-sdpfrag"
	jsonType = "application/json"
)

// TestConformance asks a mesh of two real nodes what WHIP (RFC 9725) and WHEP
// (draft-ietf-wish-whep-03) ask of a server, by real HTTP and real WebRTC clients. Every
// case has a webinar of its own.
func TestConformance(t *testing.T) {
	w := newWorld(t)
	for _, cases := range [][]conformance{whipEndpoint, whipSession, whipElse, whepCases, whepExtensions} {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) { c.run(w.hall(t)) })
		}
	}
}

type conformance struct {
	name string
	run  func(h *hall)
}

// frag is a fragment of the ICE session of an offer, with more lines.
func frag(offer string, more ...string) string {
	lines := []string{"a=ice-ufrag:" + attribute(offer, "ice-ufrag"), "a=ice-pwd:" + attribute(offer, "ice-pwd"), "m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0"}
	return strings.Join(append(lines, more...), "\r\n") + "\r\n"
}

const newICE = "a=ice-ufrag:fresh\r\na=ice-pwd:0123456789012345678901\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"

var whipEndpoint = []conformance{
	{"RFC 9725 4.1: GET and HEAD of an endpoint answer 2xx without content", func(h *hall) {
		for _, method := range []string{"GET", "HEAD"} {
			if r := h.do(method, h.whip(), ""); r.status != 204 || r.body != "" {
				h.t.Errorf("%s: %d %q", method, r.status, r.body)
			}
		}
	}},
	{"RFC 9110 15.5.6: a method that is not known is answered 405 with Allow", func(h *hall) {
		if r := h.do("PUT", h.whip(), "").want(h.t, 405, "method_not_allowed"); r.header.Get("Allow") != "GET, HEAD, OPTIONS, POST" {
			h.t.Error(r.header.Get("Allow"))
		}
	}},
	{"RFC 9725 4.2: POST of an offer answers 201 with an SDP answer and a Location", func(h *hall) {
		c := camera(h.t)
		r := h.publish(c.offer).want(h.t, 201, "")
		if r.header.Get("Content-Type") != sdpType || !regexp.MustCompile(`^/whip/[^/?]+/main/[A-Za-z0-9_-]{22}$`).MatchString(r.header.Get("Location")) {
			h.t.Errorf("%v", r.header)
		}
		c.connect(h.t, r.body)
	}},
	{"RFC 9725 4.2: the answer to sendonly is recvonly", func(h *hall) {
		if r := h.publish(camera(h.t).offer).want(h.t, 201, ""); !strings.Contains(r.body, "a=recvonly") || strings.Contains(r.body, "a=sendrecv") {
			h.t.Error(r.body)
		}
	}},
	{"RFC 9725 4.2: an offer with sendrecv is answered with recvonly", func(h *hall) {
		if r := h.publish(strings.ReplaceAll(camera(h.t).offer, "a=sendonly", "a=sendrecv")).want(h.t, 201, ""); !strings.Contains(r.body, "a=recvonly") {
			h.t.Error(r.body)
		}
	}},
	{"RFC 9725 4.2: an offer that is inactive or only receives is refused", func(h *hall) {
		for _, d := range []string{"inactive", "recvonly"} {
			h.publish(strings.ReplaceAll(camera(h.t).offer, "a=sendonly", "a="+d)).want(h.t, 422, "offer_no_media")
		}
	}},
	{"RFC 9725 4.2: another content type is refused with 415, which says what is accepted", func(h *hall) {
		for _, typ := range []string{"text/plain", jsonType, ""} {
			if r := h.publish(camera(h.t).offer, "Content-Type", typ).want(h.t, 415, "content_type"); r.header.Get("Accept-Post") != sdpType {
				h.t.Errorf("%q: %v", typ, r.header)
			}
		}
	}},
	{"RFC 9110 8.3.1: a content type may have parameters, and any case", func(h *hall) {
		for _, typ := range []string{"application/sdp; charset=utf-8", "Application/SDP", "application/sdp;", "application/sdp; charset"} {
			r := h.publish(camera(h.t).offer, "Content-Type", typ).want(h.t, 201, "")
			h.do("DELETE", r.location(h.t), "").want(h.t, 200, "")
		}
	}},
	{"RFC 9725 4.2: malformed SDP is refused with 400", func(h *hall) {
		for _, offer := range []string{"", "roses are red", "v=0\r\nm=video\r\n", "v=0\r\n\x00"} {
			h.publish(offer).want(h.t, 400, "offer_malformed")
		}
	}},
	{"RFC 9725 4.2: an SDP bomb is refused by name before it is parsed", func(h *hall) {
		section := "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"
		for _, c := range []struct {
			bomb   string
			status int
			code   string
		}{
			{strings.Repeat("a=x\r\n", 20_000), 413, "offer_too_large"},
			{strings.Repeat("a=x\r\n", 5_000), 413, "offer_too_large"},
			{"a=" + strings.Repeat("x", 5_000) + "\r\n", 413, "offer_too_large"},
			{strings.Repeat(section, 17), 422, "offer_too_many_sections"},
			{section + strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n", 33), 422, "offer_too_many_candidates"},
			{"m=video 9 UDP/TLS/RTP/SAVPF" + strings.Repeat(" 96", 200) + "\r\n", 400, "offer_malformed"},
		} {
			h.publish("v=0\r\n"+c.bomb).want(h.t, c.status, c.code)
		}
	}},
	{"RFC 9725 4.2: OPTIONS answers 200 with Accept-Post", func(h *hall) {
		r := h.do("OPTIONS", h.whip(), "")
		if r.status != 200 || r.header.Get("Accept-Post") != sdpType || r.header.Get("Allow") == "" {
			h.t.Errorf("%d %v", r.status, r.header)
		}
	}},
	{"Fetch 3.3: a page of another origin may send and read what it needs, without a credential in the question", func(h *hall) {
		r := h.do("OPTIONS", h.whip(), "", "Origin", "https://elsewhere.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type")
		if r.header.Get("Access-Control-Allow-Origin") != "*" {
			h.t.Errorf("%v", r.header)
		}
		has(h.t, r, "Access-Control-Allow-Methods", "POST", "PATCH", "DELETE")
		has(h.t, r, "Access-Control-Allow-Headers", "Authorization", "Content-Type", "If-Match", "ETag")
		has(h.t, h.publish(camera(h.t).offer), "Access-Control-Expose-Headers", "Location", "ETag", "Link", "Accept-Post", "Accept-Patch", "Retry-After")
	}},
	{"RFC 9725 4.3.1: the answer holds all candidates of the server, which is ICE-lite", func(h *hall) {
		r := h.publish(camera(h.t).offer).want(h.t, 201, "")
		if !strings.Contains(r.body, "a=candidate:") || !strings.Contains(r.body, "a=ice-lite") || !strings.Contains(r.body, "a=end-of-candidates") {
			h.t.Error(r.body)
		}
	}},
	{"RFC 9725 4.4.1: media that is not in one BUNDLE group is refused", func(h *hall) {
		c := camera(h.t)
		offer := strings.Replace(c.offer, "a=group:BUNDLE 0", "a=group:BUNDLE", 1)
		_, video, _ := strings.Cut(c.offer, "m=video")
		audio := strings.NewReplacer("m=video", "m=audio", "a=mid:0", "a=mid:1", "VP8/90000", "opus/48000/2").Replace("m=video" + video)
		h.publish(offer+audio).want(h.t, 422, "offer_unsupported")
	}},
	{"RFC 9725 4.4.2: of two videos the second is refused with port 0", func(h *hall) {
		c := camera(h.t)
		_, video, _ := strings.Cut(c.offer, "m=video")
		again := regexp.MustCompile(`(?m)^a=(ssrc|ssrc-group):.*\r\n`).ReplaceAllString(strings.Replace("m=video"+video, "a=mid:0", "a=mid:1", 1), "")
		r := h.publish(strings.Replace(c.offer, "a=group:BUNDLE 0", "a=group:BUNDLE 0 1", 1)+again).want(h.t, 201, "")
		if strings.Count(r.body, "m=video") != 2 || !strings.Contains(r.body, "m=video 0 ") {
			h.t.Error(r.body)
		}
	}},
	{"RFC 9110 15.5.7: codecs that do not meet are refused with 406", func(h *hall) {
		offer := strings.NewReplacer("VP8", "VP7", "VP9", "VP7", "H264", "H261", "AV1", "AV0", "H265", "H261").Replace(camera(h.t).offer)
		h.publish(offer).want(h.t, 406, "codec_not_accepted")
	}},
	{"RFC 9110 15.5.10: a stream that somebody sends is refused with 409 and Retry-After", func(h *hall) {
		h.live()
		if r := h.publish(camera(h.t).offer).want(h.t, 409, "stream_taken"); r.header.Get("Retry-After") == "" {
			h.t.Error("no Retry-After")
		}
	}},
	{"lenient: an address with a slash at its end is the same", func(h *hall) {
		r := h.do("POST", h.whip()+"/", camera(h.t).offer, "Content-Type", sdpType, "Authorization", "Bearer "+h.secret).want(h.t, 201, "")
		h.do("DELETE", r.location(h.t)+"/", "").want(h.t, 200, "")
	}},
	{"lenient: queries that encoders add are passed over", func(h *hall) {
		h.do("POST", h.whip()+"?app=live&stream=1", camera(h.t).offer, "Content-Type", sdpType, "Authorization", "Bearer "+h.secret).want(h.t, 201, "")
	}},
}

var whipSession = []conformance{
	{"RFC 9725 4.1: GET of a session answers 2xx without content, and 404 when it is over", func(h *hall) {
		at := h.publish(camera(h.t).offer).location(h.t)
		if r := h.do("GET", at, ""); r.status != 204 || r.body != "" {
			h.t.Errorf("%d %q", r.status, r.body)
		}
		h.do("DELETE", at, "").want(h.t, 200, "")
		h.do("GET", at, "").want(h.t, 404, "session_not_found")
	}},
	{"RFC 9725 4.2: DELETE answers 200 when the media session is over", func(h *hall) {
		c, r := h.live()
		h.do("DELETE", r.location(h.t), "").want(h.t, 200, "")
		wait(h.t, c.down, "the end of the transport")
		h.live() // the stream is free
	}},
	{"RFC 9110 9.2.2: DELETE once more changes nothing", func(h *hall) {
		_, first := h.live()
		h.do("DELETE", first.location(h.t), "").want(h.t, 200, "")
		_, second := h.live()
		h.do("DELETE", first.location(h.t), "").want(h.t, 404, "session_not_found")
		if r := h.do("GET", second.location(h.t), ""); r.status != 204 {
			h.t.Errorf("another session: %d", r.status)
		}
	}},
	{"RFC 9725 4.3.1: DELETE ignores entity-tags", func(h *hall) {
		h.do("DELETE", h.publish(camera(h.t).offer).location(h.t), "", "If-Match", `"stale"`).want(h.t, 200, "")
	}},
	{"RFC 9725 4.3.1: the 201 has a strong entity-tag, another for each session", func(h *hall) {
		r := h.publish(camera(h.t).offer)
		h.do("DELETE", r.location(h.t), "")
		tag, other := r.header.Get("ETag"), h.publish(camera(h.t).offer).header.Get("ETag")
		if !regexp.MustCompile(`^"[!#-~]{8,}"$`).MatchString(tag) || tag == other {
			h.t.Errorf("%s %s", tag, other)
		}
	}},
	{"RFC 5789 3.1: the 201 says what a PATCH may be", func(h *hall) {
		if r := h.publish(camera(h.t).offer); r.header.Get("Accept-Patch") != fragType {
			h.t.Errorf("%v", r.header)
		}
	}},
	{"RFC 9725 4.3.2: trickled candidates are answered 204 without a body and without ETag", func(h *hall) {
		c := camera(h.t)
		r := h.publish(c.offer)
		more := frag(c.offer, "a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host generation 0", "a=end-of-candidates")
		p := h.do("PATCH", r.location(h.t), more, "Content-Type", fragType, "If-Match", r.header.Get("ETag")).want(h.t, 204, "")
		if p.body != "" || p.header.Get("ETag") != "" {
			h.t.Errorf("%q %v", p.body, p.header)
		}
	}},
	{"RFC 9725 4.3.2: candidates that cannot be used are dropped silently", func(h *hall) {
		c := camera(h.t)
		r := h.publish(c.offer)
		odd := frag(c.offer, "a=candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active", "a=candidate:1 0 udp 1 [::1] 9 typ host", "a=candidate:1 1 udp 1 3e1b.local 9 typ host", "a=candidate:x")
		h.do("PATCH", r.location(h.t), odd, "Content-Type", fragType, "If-Match", r.header.Get("ETag")).want(h.t, 204, "")
		c.connect(h.t, r.body)
	}},
	{"RFC 9725 4.3.1: a PATCH of another content type is refused, which says what is accepted", func(h *hall) {
		r := h.publish(camera(h.t).offer)
		if p := h.do("PATCH", r.location(h.t), "v=0\r\n", "Content-Type", sdpType, "If-Match", r.header.Get("ETag")).want(h.t, 415, "content_type"); p.header.Get("Accept-Patch") != fragType {
			h.t.Errorf("%v", p.header)
		}
	}},
	{"RFC 9725 4.3.1: a malformed fragment is refused with 400", func(h *hall) {
		c := camera(h.t)
		r := h.publish(c.offer)
		for _, text := range []string{"", "roses are red", "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n", frag(c.offer, "a=ice-ufrag:another"), "a=ice-ufrag:\r\n"} {
			h.do("PATCH", r.location(h.t), text, "Content-Type", fragType, "If-Match", r.header.Get("ETag")).want(h.t, 400, "offer_malformed")
		}
	}},
	{"RFC 9725 4.3.1: a tag of another ICE session is answered 412", func(h *hall) {
		c := camera(h.t)
		r := h.publish(c.offer)
		h.do("PATCH", r.location(h.t), frag(c.offer), "Content-Type", fragType, "If-Match", `"stale"`).want(h.t, 412, "etag_mismatch")
	}},
	{"RFC 9725 4.3.1: a restart without a tag is answered 428", func(h *hall) {
		r := h.publish(camera(h.t).offer)
		h.do("PATCH", r.location(h.t), newICE, "Content-Type", fragType).want(h.t, 428, "etag_required")
	}},
	{"RFC 9110 13.1.1: If-Match is a list, and * is any", func(h *hall) {
		c := camera(h.t)
		r := h.publish(c.offer)
		for _, tags := range []string{"*", `"other", ` + r.header.Get("ETag")} {
			h.do("PATCH", r.location(h.t), frag(c.offer), "Content-Type", fragType, "If-Match", tags).want(h.t, 204, "")
		}
	}},
	{"lenient: a tag that a proxy has weakened, or that stands in a header called ETag", func(h *hall) {
		c := camera(h.t)
		r := h.publish(c.offer)
		h.do("PATCH", r.location(h.t), frag(c.offer), "Content-Type", fragType, "If-Match", "W/"+r.header.Get("ETag")).want(h.t, 204, "")
		h.do("PATCH", r.location(h.t), frag(c.offer), "Content-Type", fragType, "ETag", r.header.Get("ETag")).want(h.t, 204, "")
		h.do("PATCH", r.location(h.t), frag(c.offer), "Content-Type", fragType, "ETag", `"stale"`).want(h.t, 412, "etag_mismatch")
	}},
	{"RFC 9725 4.3.3: a restart is answered 200 with new credentials, one candidate and a new tag", restart},
	{"RFC 8839 5.4: a restart with credentials that are too short is refused and the session goes on", func(h *hall) {
		c, r := h.live()
		h.do("PATCH", r.location(h.t), "a=ice-ufrag:abc\r\na=ice-pwd:short\r\n", "Content-Type", fragType, "If-Match", "*").want(h.t, 400, "offer_malformed")
		p, _ := h.viewed()
		seen(h.t, c, p)
	}},
	{"RFC 9725 4.3.1: overlapping PATCH requests are all answered", func(h *hall) {
		c := camera(h.t)
		r := h.publish(c.offer)
		done := make(chan int, 16)
		for range cap(done) {
			go func() {
				req, err := http.NewRequestWithContext(h.t.Context(), "PATCH", r.location(h.t), strings.NewReader(frag(c.offer)))
				if err != nil {
					done <- 0
					return
				}
				req.Header.Set("Content-Type", fragType)
				res, err := asIs.Do(req)
				if err != nil {
					done <- 0
					return
				}
				res.Body.Close()
				done <- res.StatusCode
			}()
		}
		for range cap(done) {
			if s := wait(h.t, done, "an answer"); s != 204 {
				h.t.Error(s)
			}
		}
	}},
	{"RFC 9725 5: candidates and changes of a session are bounded", func(h *hall) {
		c := camera(h.t)
		r := h.publish(c.offer)
		patch := func(n int) reply {
			return h.do("PATCH", r.location(h.t), frag(c.offer)+strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n", n), "Content-Type", fragType)
		}
		patch(33).want(h.t, 422, "offer_too_many_candidates")
		codes := make(map[string]bool)
		for range 200 {
			p := patch(16)
			codes[p.code] = true
			if p.code == "too_many_requests" && p.header.Get("Retry-After") == "" {
				h.t.Error("no Retry-After")
			}
		}
		if !codes["offer_too_many_candidates"] || !codes["too_many_requests"] {
			h.t.Error(codes)
		}
		h.do("DELETE", r.location(h.t), "").want(h.t, 200, "")
	}},
	{"RFC 9725 5: the address of a session cannot be guessed, and is another's nowhere else", func(h *hall) {
		at := h.publish(camera(h.t).offer).location(h.t)
		h.do("DELETE", strings.Replace(at, "/main/", "/other/", 1), "").want(h.t, 404, "session_not_found")
		h.do("DELETE", strings.Replace(at, "/whip/"+h.link+"/main/", "/whep/"+h.link+"/", 1), "").want(h.t, 404, "session_not_found")
		h.do("DELETE", strings.Replace(at, h.edge, h.voter, 1), "").want(h.t, 404, "session_not_found")
		h.do("DELETE", at, "").want(h.t, 200, "")
	}},
}

var whipElse = []conformance{
	{"RFC 9725 4.5: a node that drains answers 307, and the session begins at the next one", func(h *hall) {
		h.drained("n2", func() {
			c := camera(h.t)
			r := h.publish(c.offer).want(h.t, 307, "")
			to := r.header.Get("Location")
			if !strings.HasPrefix(to, h.voter+"/whip/"+h.link+"?") || strings.Contains(to, h.secret) {
				h.t.Fatal(to)
			}
			// A browser leaves the bearer behind.
			r = h.do("POST", to, c.offer, "Content-Type", sdpType).want(h.t, 201, "")
			if !strings.HasPrefix(r.header.Get("Location"), h.voter+"/whip/") {
				h.t.Errorf("the session of who was sent on is at %s", r.header.Get("Location"))
			}
			c.connect(h.t, r.body)
			h.do("DELETE", r.location(h.t), "").want(h.t, 200, "")
		})
	}},
	{"RFC 9725 4.5: nobody is sent in circles", func(h *hall) {
		h.drained("n2", func() {
			h.drained("n1", func() {
				c := camera(h.t)
				var r reply
				eventually(h.t, "the edge hears that there is no better place", func() bool { r = h.publish(c.offer); return r.status != 307 })
				r.want(h.t, 201, "")
			})
			c := camera(h.t)
			eventually(h.t, "the edge hears that there is one again", func() bool { return h.publish(c.offer).status == 307 })
			h.do("POST", h.whip()+"?via=n1", c.offer, "Content-Type", sdpType, "Authorization", "Bearer "+h.secret, "X", "").want(h.t, 409, "stream_taken")
			h.do("POST", h.whip()+"/cam2?via=a,b,c", c.offer, "Content-Type", sdpType, "Authorization", "Bearer "+h.secret).want(h.t, 201, "")
		})
	}},
	{"RFC 9725 4.5: who would not be let in is told so, and not sent on", func(h *hall) {
		h.drained("n2", func() {
			h.publish(camera(h.t).offer, "Authorization", "Bearer sti_none").want(h.t, 403, "invalid_invite")
			h.watch(screen(h.t).offer, "Authorization", "Bearer 00000000").want(h.t, 403, "wrong_pin")
		})
	}},
	{"RFC 9725 4.5: a ticket opens one webinar, and what its holder may do there", func(h *hall) {
		h.far()
		h.drained("n2", func() {
			to, err := url.Parse(h.watch(screen(h.t).offer).want(h.t, 307, "").header.Get("Location"))
			if err != nil {
				h.t.Fatal(err)
			}
			h.do("POST", h.voter+"/whip/"+h.link+"?"+to.RawQuery, camera(h.t).offer, "Content-Type", sdpType).want(h.t, 403, "not_allowed")
		})
	}},
	{"RFC 9725 4.6: the 201 names STUN and TURN servers, each in a header of its own", func(h *hall) {
		links := h.publish(camera(h.t).offer).want(h.t, 201, "").header.Values("Link")
		if len(links) != 3 || links[0] != `<stun:stun.example.org>; rel="ice-server"` {
			h.t.Fatalf("%q", links)
		}
		m := regexp.MustCompile(`^<turn:turn\.example\.org\?transport=udp>; rel="ice-server"; username="(\d+:[^"]+)"; credential="([^"]+)"; credential-type="password"$`).FindStringSubmatch(links[1])
		if m == nil {
			h.t.Fatal(links[1])
		}
		mac := hmac.New(sha1.New, []byte("a secret"))
		mac.Write([]byte(m[1]))
		if want := base64.StdEncoding.EncodeToString(mac.Sum(nil)); m[2] != want {
			h.t.Errorf("the credential of %s is %s, and coturn computes %s", m[1], m[2], want)
		}
		for _, l := range links {
			if strings.Contains(l, ",") {
				h.t.Errorf("a client that splits at commas misreads %s", l)
			}
		}
	}},
	{"RFC 9725 4.6: nobody else is told of a TURN server", func(h *hall) {
		for _, r := range []reply{h.publish("v=0"), h.do("OPTIONS", h.whip(), ""), h.do("GET", h.whip(), "")} {
			if len(r.header.Values("Link")) > 0 {
				h.t.Errorf("%d %v", r.status, r.header)
			}
		}
	}},
	{"RFC 9725 4.7: no credential is answered 401 with WWW-Authenticate", func(h *hall) {
		for _, v := range []string{"", "Basic " + h.secret, "Bearer", "Bearer sts1.a.b.c"} {
			if r := h.publish(camera(h.t).offer, "Authorization", v); r.status != 401 || !strings.HasPrefix(r.header.Get("WWW-Authenticate"), "Bearer") {
				h.t.Errorf("%q: %d %v", v, r.status, r.header)
			}
		}
	}},
	{"RFC 9725 4.7: a credential that does not allow it is answered 403", func(h *hall) {
		h.publish(camera(h.t).offer, "Authorization", "Bearer "+h.pin).want(h.t, 403, "not_allowed")
		h.publish(camera(h.t).offer, "Authorization", "Bearer sti_none").want(h.t, 403, "invalid_invite")
	}},
	{"RFC 9110 11.1: the word Bearer has no case; lenient: it may be missing", func(h *hall) {
		for _, v := range []string{"bearer " + h.secret, "BEARER  " + h.secret, h.secret} {
			r := h.publish(camera(h.t).offer, "Authorization", v).want(h.t, 201, "")
			h.do("DELETE", r.location(h.t), "")
		}
	}},
	{"RFC 9725 4.7: the address of the session is credential enough for it", func(h *hall) {
		h.do("DELETE", h.publish(camera(h.t).offer).location(h.t), "", "Authorization", "Bearer wrong").want(h.t, 200, "")
	}},
	{"RFC 9110 15.5.5: a link that is none is answered 404 whatever is asked", func(h *hall) {
		c := camera(h.t)
		h.link = "zzzzzzzzzzzzzzzzzzzzzz"
		h.publish(c.offer).want(h.t, 404, "not_found")
		h.watch(c.offer).want(h.t, 404, "not_found")
		h.do("GET", h.whip(), "").want(h.t, 404, "not_found")
		h.do("PATCH", h.whip()+"/main/x", "a=x", "Content-Type", fragType).want(h.t, 404, "session_not_found")
	}},
}

var whepCases = []conformance{
	{"WHEP 4.2: POST of an offer answers 201, and what is published anywhere in the mesh is seen", func(h *hall) {
		c, p := h.far(), screen(h.t)
		r := h.watch(p.offer)
		if r.want(h.t, 201, ""); r.header.Get("Content-Type") != sdpType || !strings.HasPrefix(r.header.Get("Location"), "/whep/"+h.link+"/") || r.header.Get("ETag") == "" {
			h.t.Errorf("%v", r.header)
		}
		p.connect(h.t, r.body)
		seen(h.t, c, p)
	}},
	{"WHEP 4.2: the answer is sendonly, also to an offer with sendrecv", func(h *hall) {
		h.live()
		for _, d := range []string{"recvonly", "sendrecv"} {
			if r := h.watch(strings.ReplaceAll(screen(h.t).offer, "a=recvonly", "a="+d)).want(h.t, 201, ""); !strings.Contains(r.body, "a=sendonly") {
				h.t.Error(r.body)
			}
		}
	}},
	{"WHEP 4.2: before it is live the answer is 409 with Retry-After", func(h *hall) {
		if r := h.watch(screen(h.t).offer).want(h.t, 409, "not_live"); !regexp.MustCompile(`^[1-9]\d*$`).MatchString(r.header.Get("Retry-After")) {
			h.t.Errorf("%v", r.header)
		}
	}},
	{"WHEP 4.2: an offer that only sends is refused", func(h *hall) {
		h.live()
		h.watch(camera(h.t).offer).want(h.t, 422, "offer_no_media")
	}},
	{"WHEP 4.2: codecs that do not meet are refused with 406", func(h *hall) {
		h.live()
		h.watch(strings.ReplaceAll(screen(h.t).offer, "VP8", "VP7")).want(h.t, 406, "codec_not_accepted")
	}},
	{"WHEP 4.2: HEAD of an endpoint answers 200 with the type of an offer", func(h *hall) {
		if r := h.do("HEAD", h.whep(), ""); r.status != 200 || r.header.Get("Content-Type") != sdpType || r.header.Get("Accept-Post") != sdpType {
			h.t.Errorf("%d %v", r.status, r.header)
		}
	}},
	{"WHEP 4.3: DELETE answers 200, ends the transport, and leaves the others", func(h *hall) {
		c, _ := h.live()
		gone, r := h.viewed()
		stays, _ := h.viewed()
		h.do("DELETE", r.location(h.t), "").want(h.t, 200, "")
		wait(h.t, gone.down, "the end of the transport")
		seen(h.t, c, stays)
	}},
	{"WHEP 4.4: trickling works as in WHIP; lenient: without a tag", func(h *hall) {
		h.live()
		p, r := h.viewed()
		h.do("PATCH", r.location(h.t), frag(p.offer, "a=end-of-candidates"), "Content-Type", fragType).want(h.t, 204, "")
		h.do("PATCH", r.location(h.t), frag(p.offer), "Content-Type", fragType, "If-Match", `"stale"`).want(h.t, 412, "etag_mismatch")
	}},
	{"WHEP 4.6: a node that drains answers 307, and the player needs no bearer on the way", func(h *hall) {
		c := h.far()
		h.drained("n2", func() {
			p := screen(h.t)
			r := h.watch(p.offer).want(h.t, 307, "")
			r = h.do("POST", r.header.Get("Location"), p.offer, "Content-Type", sdpType).want(h.t, 201, "")
			if len(r.header.Values("Link")) == 0 || !strings.Contains(r.header.Get("Link"), "<"+h.voter+"/whep/") {
				h.t.Errorf("links of who was sent on: %q", r.header.Values("Link"))
			}
			p.connect(h.t, r.body)
			seen(h.t, c, p)
		})
	}},
	{"WHEP 4.6: who watches what is published at a node that drains stays with it", func(h *hall) {
		c, _ := h.live()
		h.drained("n2", func() {
			p, _ := h.viewed()
			seen(h.t, c, p)
		})
	}},
	{"WHEP 4.8: the PIN is a bearer, and its refusal is a problem document", func(h *hall) {
		h.live()
		h.watch(screen(h.t).offer, "Authorization", "").want(h.t, 401, "pin_required")
		h.watch(screen(h.t).offer, "Authorization", "Bearer 00000000").want(h.t, 403, "wrong_pin")
	}},
}

// drained has a node drain while then runs.
func (h *hall) drained(node string, then func()) {
	h.t.Helper()
	if err := h.api.Drain(h.t.Context(), node); err != nil {
		h.t.Fatal(err)
	}
	defer func() {
		if err := h.api.Undrain(h.t.Context(), node); err != nil {
			h.t.Error(err)
		}
	}()
	then()
}

func has(t *testing.T, r reply, header string, values ...string) {
	t.Helper()
	for _, v := range values {
		if !strings.Contains(", "+r.header.Get(header)+",", ", "+v+",") {
			t.Errorf("%s lacks %s: %q", header, v, r.header.Get(header))
		}
	}
}

// restart moves a publisher to new credentials.
func restart(h *hall) {
	c, r := h.live()
	at := r.location(h.t)
	viewer, _ := h.viewed()
	seen(h.t, c, viewer)
	p := h.do("PATCH", at, newICE, "Content-Type", fragType, "If-Match", "*")
	p.want(h.t, 200, "")
	if p.header.Get("Content-Type") != fragType || p.header.Get("ETag") == "" || p.header.Get("ETag") == r.header.Get("ETag") {
		h.t.Errorf("%v", p.header)
	}
	if u := attribute(p.body, "ice-ufrag"); u == "" || u == attribute(r.body, "ice-ufrag") || attribute(p.body, "ice-pwd") == attribute(r.body, "ice-pwd") {
		h.t.Errorf("the same credentials: %s", p.body)
	}
	if n := strings.Count(p.body, "a=candidate:"); n != 1 || !strings.Contains(p.body, "a=ice-lite\r\n") || !strings.HasSuffix(p.body, "\r\n") {
		h.t.Errorf("%d candidates: %q", n, p.body)
	}
	h.do("PATCH", at, frag(c.offer), "Content-Type", fragType, "If-Match", r.header.Get("ETag")).want(h.t, 412, "etag_mismatch")
	h.do("PATCH", at, newICE, "Content-Type", fragType, "If-Match", p.header.Get("ETag")).want(h.t, 204, "")
}
