package signal

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"stentor/control/controlpb"
)

const (
	asSDP    = "Content-Type"
	host     = "Bearer " + secret
	guest    = "Bearer " + pin
	bigOffer = 64<<10 + 1
)

// The table of what WHIP and WHEP answer, in one edge where nobody is on air.
func TestStatusCodes(t *testing.T) {
	e := newEdge(t)
	_, send, offer := camera(t)
	_ = send
	_, watch := screen(t)
	section := "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		code                     string
	}{
		{"publish without a credential", "POST", "/whip/" + link, offer, []string{asSDP, typeSDP}, 401, "pin_required"},
		{"publish with a wrong PIN", "POST", "/whip/" + link, offer, []string{asSDP, typeSDP, "Authorization", "Bearer 12121212"}, 403, "wrong_pin"},
		{"a guest with the PIN may not publish", "POST", "/whip/" + link, offer, []string{asSDP, typeSDP, "Authorization", guest}, 403, "not_allowed"},
		{"an invite that is none", "POST", "/whip/" + link, offer, []string{asSDP, typeSDP, "Authorization", "Bearer sti_no"}, 403, "invalid_invite"},
		{"a token that is none", "POST", "/whip/" + link, offer, []string{asSDP, typeSDP, "Authorization", "Bearer sts1.a.b.c"}, 401, "token_invalid"},
		{"Basic is no bearer", "POST", "/whip/" + link, offer, []string{asSDP, typeSDP, "Authorization", "Basic " + secret}, 401, "pin_required"},
		{"no such link", "POST", "/whip/zzzzzzzzzzzzzzzzzzzzzz", offer, []string{asSDP, typeSDP, "Authorization", host}, 404, "not_found"},
		{"publish JSON", "POST", "/whip/" + link, "{}", []string{asSDP, typeJSON, "Authorization", host}, 415, "content_type"},
		{"publish something untyped", "POST", "/whip/" + link, offer, []string{"Authorization", host}, 415, "content_type"},
		{"publish nothing", "POST", "/whip/" + link, "", []string{asSDP, typeSDP, "Authorization", host}, 400, "offer_malformed"},
		{"publish a poem", "POST", "/whip/" + link, "roses are red", []string{asSDP, typeSDP, "Authorization", host}, 400, "offer_malformed"},
		{"publish without any media section", "POST", "/whip/" + link, "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", []string{asSDP, typeSDP, "Authorization", host}, 422, "offer_no_media"},
		{"publish too much", "POST", "/whip/" + link, "v=0\r\n" + strings.Repeat("a", bigOffer), []string{asSDP, typeSDP, "Authorization", host}, 413, "offer_too_large"},
		{"publish 17 sections", "POST", "/whip/" + link, "v=0\r\n" + strings.Repeat(section, 17), []string{asSDP, typeSDP, "Authorization", host}, 422, "offer_too_many_sections"},
		{"publish 33 candidates", "POST", "/whip/" + link, "v=0\r\n" + section + strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n", 33), []string{asSDP, typeSDP, "Authorization", host}, 422, "offer_too_many_candidates"},
		{"publish what only receives", "POST", "/whip/" + link, watch, []string{asSDP, typeSDP, "Authorization", host}, 422, "offer_no_media"},
		{"publish codecs that nobody has", "POST", "/whip/" + link, strings.NewReplacer("VP8", "VP7", "VP9", "VP7", "H264", "H261", "AV1", "AV0", "H265", "H261").Replace(offer), []string{asSDP, typeSDP, "Authorization", host}, 406, "codec_not_accepted"},
		{"a stream's name with a slash in it", "POST", "/whip/" + link + "/a%2Fb", offer, []string{asSDP, typeSDP, "Authorization", host}, 422, "stream_invalid"},
		{"a stream's name that is too long", "POST", "/whip/" + link + "/" + strings.Repeat("a", 33), offer, []string{asSDP, typeSDP, "Authorization", host}, 422, "stream_invalid"},
		{"a takeover that is neither true nor false", "POST", "/whip/" + link + "?takeover=perhaps", offer, []string{asSDP, typeSDP, "Authorization", host}, 400, "query_invalid"},
		{"GET shows nothing", "GET", "/whip/" + link, "", nil, 204, ""},
		{"GET of a link that is none", "GET", "/whip/zzzzzzzzzzzzzzzzzzzzzz", "", nil, 404, "not_found"},
		{"PUT is reserved", "PUT", "/whip/" + link + "/main", "", nil, 405, "method_not_allowed"},
		{"PATCH of no session", "PATCH", "/whip/" + link + "/main/xyz", "a=x", []string{asSDP, typeFragment}, 404, "session_not_found"},
		{"DELETE of no session", "DELETE", "/whip/" + link + "/main/xyz", "", nil, 404, "session_not_found"},
		{"watch without the PIN", "POST", "/whep/" + link, watch, []string{asSDP, typeSDP}, 401, "pin_required"},
		{"watch with a wrong PIN", "POST", "/whep/" + link, watch, []string{asSDP, typeSDP, "Authorization", "Bearer 12121212"}, 403, "wrong_pin"},
		{"watch before anyone is on air", "POST", "/whep/" + link, watch, []string{asSDP, typeSDP, "Authorization", guest}, 409, "not_live"},
		{"watch with an offer that is too large", "POST", "/whep/" + link, strings.Repeat("a", bigOffer), []string{asSDP, typeSDP, "Authorization", guest}, 413, "offer_too_large"},
		{"watch by HEAD says what to send", "HEAD", "/whep/" + link, "", nil, 200, ""},
		{"watch by GET", "GET", "/whep/" + link, "", nil, 204, ""},
		{"elsewhere", "GET", "/whip/", "", nil, 404, "not_found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &edge{t: t, replica: e.replica, http: e.http}
			r := e.do(c.method, c.path, c.body, c.header...)
			if r.status != c.status || r.code != c.code {
				t.Fatalf("%d %s, want %d %s\n%s", r.status, r.code, c.status, c.code, r.body)
			}
			if c.status == 401 && !strings.HasPrefix(r.header.Get("WWW-Authenticate"), "Bearer") {
				t.Error("no WWW-Authenticate")
			}
			if c.status == 409 && r.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			if c.status == 415 && r.header.Get("Accept-Post") != typeSDP {
				t.Error("no Accept-Post")
			}
			if c.status == 405 && r.header.Get("Allow") == "" {
				t.Error("no Allow")
			}
		})
	}
	if n := len(e.door.Sessions("")); n != 0 {
		t.Errorf("%d sessions are left by requests that failed", n)
	}
}

func TestOptionsAndCORS(t *testing.T) {
	e := newEdge(t)
	for path, post := range map[string]string{"/whip/" + link: typeSDP, "/whip/" + link + "/main": typeSDP, "/whep/" + link: typeSDP, "/api/v1/door/" + link + "/join": ""} {
		r := e.do("OPTIONS", path, "", "Origin", "https://elsewhere.example", "Access-Control-Request-Method", "POST")
		if r.status != 200 || r.header.Get("Accept-Post") != post || r.header.Get("Access-Control-Allow-Origin") != "*" ||
			!strings.Contains(r.header.Get("Access-Control-Allow-Methods"), "POST") {
			t.Errorf("%s: %d %v", path, r.status, r.header)
		}
		for _, h := range []string{"Authorization", "Content-Type", "If-Match", "ETag"} {
			if !strings.Contains(r.header.Get("Access-Control-Allow-Headers"), h) {
				t.Errorf("%s: %s may not be sent", path, h)
			}
		}
		for _, h := range []string{"Location", "ETag", "Link", "Accept-Post", "Accept-Patch", "Access-Control-Allow-Methods"} {
			if !strings.Contains(r.header.Get("Access-Control-Expose-Headers"), h) {
				t.Errorf("%s: %s may not be read", path, h)
			}
		}
	}
}

// publish puts a camera on the stage.
func (e *edge) publish(t *testing.T) (*webrtc.PeerConnection, *webrtc.TrackLocalStaticRTP, reply) {
	t.Helper()
	pc, track, offer := camera(t)
	r := e.do("POST", "/whip/"+link, offer, asSDP, typeSDP, "Authorization", host)
	if r.status != 201 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	connect(t, pc, r.body)
	return pc, track, r
}

func TestPublishAndWatch(t *testing.T) {
	e := newEdge(t)
	_, track, pub := e.publish(t)
	location := regexp.MustCompile(`^/whip/` + link + `/main/[A-Za-z0-9_-]{22}$`)
	if !location.MatchString(pub.header.Get("Location")) || pub.header.Get("Content-Type") != typeSDP || !strings.HasPrefix(pub.header.Get("ETag"), `"`) {
		t.Errorf("%v", pub.header)
	}
	_, _, again := camera(t)
	if r := e.do("POST", "/whip/"+link+"/main", again, asSDP, typeSDP, "Authorization", host); r.status != 409 || r.code != "stream_taken" || r.header.Get("Retry-After") == "" {
		t.Errorf("the same stream twice: %d %s", r.status, r.code)
	}

	pc, offer := screen(t)
	got := make(chan []byte, 64)
	pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			p, _, err := tr.ReadRTP()
			if err != nil {
				close(got)
				return
			}
			got <- p.Payload
		}
	})
	view := e.do("POST", "/whep/"+link, offer, asSDP, "application/sdp; charset=utf-8", "Authorization", guest)
	if view.status != 201 || !strings.HasPrefix(view.header.Get("Location"), "/whep/"+link+"/") {
		t.Fatalf("%d %s", view.status, view.body)
	}
	connect(t, pc, view.body)
	// A VP8 key frame: descriptor with S, then the frame header with P = 0 and the start code.
	sent := [][]byte{{0x10, 0x00, 0, 0, 0x9d, 0x01, 0x2a, 0, 15, 0x70, 8}, {0x10, 0x01, 1, 2, 3}, {0x10, 0x01, 4, 5, 6}}
	for i, payload := range sent {
		err := track.WriteRTP(&rtp.Packet{
			Header: rtp.Header{Version: 2, SequenceNumber: uint16(i), Timestamp: uint32(3000 * i), Marker: true}, Payload: payload,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range sent {
		if p := wait(t, got, "a packet"); !bytes.Equal(p, want) {
			t.Errorf("packet %d is %x", i, p)
		}
	}
	t.Run("trickle", func(t *testing.T) { trickle(t, e, view, offer) })

	if r := e.do("DELETE", view.header.Get("Location"), ""); r.status != 200 {
		t.Errorf("DELETE: %d", r.status)
	}
	if r := e.do("DELETE", view.header.Get("Location"), ""); r.status != 404 {
		t.Errorf("DELETE again: %d", r.status)
	}
	if n := len(e.door.Sessions(webinarID)); n != 1 {
		t.Errorf("%d sessions after the viewer has gone, want the publisher's", n)
	}
	if r := e.do("DELETE", pub.header.Get("Location"), "", "If-Match", `"stale"`); r.status != 200 {
		t.Errorf("DELETE ignores tags: %d", r.status)
	}
	if p, _ := e.door.Webinar(link); p.Live {
		t.Error("live after the publisher has gone")
	}
}

func trickle(t *testing.T, e *edge, view reply, offer string) {
	etag := view.header.Get("ETag")
	ufrag := "a=ice-ufrag:" + attribute(offer, "ice-ufrag") + "\r\n"
	again := "a=ice-ufrag:fresh\r\na=ice-pwd:0123456789012345678901\r\n"
	odd := "m=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1 0 udp 1 [::1] 9 typ host\r\na=candidate:x\r\n"
	for _, c := range []struct {
		name, typ, match, body string
		status                 int
		code                   string
	}{
		{"a candidate", typeFragment, etag, ufrag + "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n", 204, ""},
		{"the end of candidates", typeFragment, etag, ufrag + "a=end-of-candidates\r\n", 204, ""},
		{"odd candidates are dropped silently", typeFragment, etag, ufrag + odd, 204, ""},
		{"without a tag, as players do", typeFragment, "", ufrag, 204, ""},
		{"a stale tag", typeFragment, `"other"`, ufrag, 412, "etag_mismatch"},
		{"any session, and the same credentials", typeFragment, "*", ufrag, 204, ""},
		{"a restart that names no session", typeFragment, "", again, 428, "etag_required"},
		{"a restart with a password that is too short", typeFragment, "*", "a=ice-ufrag:fresh\r\na=ice-pwd:x\r\n", 400, "offer_malformed"},
		{"a restart of a session that is over", typeFragment, `"other"`, again, 412, "etag_mismatch"},
		{"an answer", typeSDP, etag, "v=0\r\n", 415, "content_type"},
		{"nothing", typeFragment, etag, "", 400, "offer_malformed"},
		{"33 candidates", typeFragment, etag, strings.Repeat("a=candidate:1\r\n", 33), 422, "offer_too_many_candidates"},
		{"a poem", typeFragment, etag, "roses are red\r\na=b\r\n", 400, "offer_malformed"},
		{"two pairs of credentials", typeFragment, etag, ufrag + "a=ice-ufrag:other\r\n", 400, "offer_malformed"},
		{"too much", typeFragment, etag, strings.Repeat("a", bigOffer), 413, "offer_too_large"},
		{"a restart by star", typeFragment, "*", again, 200, ""},
		{"the tag of before it", typeFragment, etag, again, 412, "etag_mismatch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			header := []string{"Content-Type", c.typ}
			if c.match != "" {
				header = append(header, "If-Match", c.match)
			}
			e := &edge{t: t, http: e.http}
			r := e.do("PATCH", view.header.Get("Location"), c.body, header...)
			if r.status != c.status || r.code != c.code {
				t.Fatalf("%d %s, want %d %s", r.status, r.code, c.status, c.code)
			}
			if c.status == 204 && r.header.Get("ETag") != "" {
				t.Error("a trickle answer has no ETag")
			}
		})
	}
	// What is bounded for one fragment is bounded for all of them.
	enough := false
	for range 2 * maxTrickled / 32 {
		r := e.do("PATCH", view.header.Get("Location"), strings.Repeat("a=candidate:1\r\n", 32), "Content-Type", typeFragment)
		enough = enough || r.code == "offer_too_many_candidates"
	}
	if !enough {
		t.Error("candidates without end")
	}
}

// ended is closed when pc was told that the other side hung up, or noticed it: who is
// hung up on in the instant of connecting gets no alert, only silence.
func ended(pc *webrtc.PeerConnection) <-chan struct{} {
	gone := make(chan struct{})
	var once sync.Once
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateClosed, webrtc.PeerConnectionStateDisconnected, webrtc.PeerConnectionStateFailed:
			once.Do(func() { close(gone) })
		}
	})
	return gone
}

// eventually waits until ok, for the patience of wait.
func (e *edge) eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	yes := make(chan struct{})
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for !ok() {
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
		close(yes)
	}()
	wait(t, yes, what)
}

func TestTakeoverWithAnUnusableOfferEndsNobody(t *testing.T) {
	e := newEdge(t)
	pc, track, first := e.publish(t)
	_, _, offer := camera(t)
	_, watch := screen(t)
	for _, c := range []struct {
		name, offer string
		status      int
		code        string
	}{
		{"only HEVC", strings.NewReplacer("VP8", "VP7", "VP9", "VP7", "H264", "H265", "AV1", "H265").Replace(offer), 406, "codec_not_accepted"},
		{"only receives", watch, 422, "offer_no_media"},
		{"no media", strings.Split(offer, "m=")[0], 422, "offer_no_media"},
	} {
		r := e.do("POST", "/whip/"+link+"?takeover=true", c.offer, asSDP, typeSDP, "Authorization", host)
		if r.status != c.status || r.code != c.code {
			t.Errorf("%s: %d %s, want %d %s", c.name, r.status, r.code, c.status, c.code)
		}
	}
	if pc.ConnectionState() != webrtc.PeerConnectionStateConnected {
		t.Errorf("the first publisher is %v", pc.ConnectionState())
	}
	if err := track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2}, Payload: []byte{0x10, 0}}); err != nil {
		t.Error(err)
	}
	if _, ok := e.State().Webinar(webinarID).Stream("main"); !ok {
		t.Error("the stream is gone")
	}
	if r := e.do("DELETE", first.header.Get("Location"), ""); r.status != 200 {
		t.Errorf("the first publisher's session: %d", r.status)
	}
}

func TestTakeoverEndsTheFirstPublisher(t *testing.T) {
	e := newEdge(t)
	pc, _, first := e.publish(t)
	gone := ended(pc)
	_, _, offer := camera(t)
	r := e.do("POST", "/whip/"+link+"?takeover=true", offer, asSDP, typeSDP, "Authorization", host)
	if r.status != 201 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	wait(t, gone, "the end of the first publisher")
	e.eventually(t, "the first publisher's session is forgotten", func() bool {
		return e.do("DELETE", first.header.Get("Location"), "").status == 404
	})
	if p, _ := e.door.Webinar(link); !p.Live {
		t.Error("the second publisher lost the stream to the first one's end")
	}
}

func TestAKickEndsMediaAndEvents(t *testing.T) {
	e := newEdge(t)
	e.publish(t)
	joined := e.do("POST", "/api/v1/door/"+link+"/join", `{"name":"Ada","pin":"`+pin+`"}`, "Content-Type", typeJSON)
	var grant struct{ Token, Participant string }
	if err := json.Unmarshal([]byte(joined.body), &grant); err != nil || joined.status != 200 {
		t.Fatalf("%d %s", joined.status, joined.body)
	}
	pc, offer := screen(t)
	r := e.do("POST", "/whep/"+link, offer, asSDP, typeSDP, "Authorization", "Bearer "+grant.Token)
	if r.status != 201 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	connect(t, pc, r.body)
	gone := ended(pc)
	ws := e.events(t, grant.Token)
	var m message
	if err := wsjson.Read(t.Context(), ws, &m); err != nil || m.Type != "welcome" || m.Participant != grant.Participant || m.Live == nil || !*m.Live {
		t.Fatalf("%+v %v", m, err)
	}
	e.must(&controlpb.Command{Kind: &controlpb.Command_Disconnect{Disconnect: &controlpb.Disconnect{
		Webinar: webinarID, Participant: grant.Participant, Keys: &controlpb.Keys{}, Ban: &controlpb.NewBan{Id: "b_1"},
	}}})
	wait(t, gone, "the end of the viewer's connection")
	m = message{}
	if err := wsjson.Read(t.Context(), ws, &m); err != nil || m.Type != "removed" || m.Code != "banned" || m.Detail == "" {
		t.Fatalf("%+v %v", m, err)
	}
	_, _, err := ws.Read(t.Context())
	var closed websocket.CloseError
	if !asCloseError(err, &closed) || closed.Code != websocket.StatusPolicyViolation || !strings.HasPrefix(closed.Reason, "banned: ") {
		t.Errorf("closed by %v", err)
	}
	if r := e.do("POST", "/whep/"+link, offer, asSDP, typeSDP, "Authorization", "Bearer "+grant.Token); r.status != 403 || r.code != "banned" {
		t.Errorf("back with the old token: %d %s", r.status, r.code)
	}
	if r := e.do("POST", "/api/v1/door/"+link+"/refresh", "", "Authorization", "Bearer "+grant.Token); r.status != 403 || r.code != "banned" {
		t.Errorf("a new token for the old one: %d %s", r.status, r.code)
	}
}

// events opens an events connection and says who it is.
func (e *edge) events(t *testing.T, token string) *websocket.Conn {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(e.http.URL, "http")+"/api/v1/door/"+link+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.CloseNow() })
	if err := wsjson.Write(t.Context(), ws, map[string]string{"token": token}); err != nil {
		t.Fatal(err)
	}
	return ws
}

func asCloseError(err error, into *websocket.CloseError) bool {
	c := websocket.CloseStatus(err)
	if c == -1 {
		return false
	}
	into.Code = c
	into.Reason = err.Error()
	if _, reason, ok := strings.Cut(err.Error(), `reason = "`); ok {
		into.Reason = strings.TrimSuffix(reason, `"`)
	}
	return true
}

func TestEventsSayWhenTheStageGoesLive(t *testing.T) {
	e := newEdge(t)
	ws := e.events(t, pin)
	var m message
	if err := wsjson.Read(t.Context(), ws, &m); err != nil || m.Type != "welcome" || *m.Live || m.Role != "attendee" {
		t.Fatalf("%+v %v", m, err)
	}
	_, _, pub := e.publish(t)
	m = message{}
	if err := wsjson.Read(t.Context(), ws, &m); err != nil || m.Type != "stage" || !*m.Live {
		t.Fatalf("%+v %v", m, err)
	}
	e.do("DELETE", pub.header.Get("Location"), "")
	m = message{}
	if err := wsjson.Read(t.Context(), ws, &m); err != nil || m.Type != "stage" || *m.Live {
		t.Fatalf("%+v %v", m, err)
	}
}

func TestEventsRefusals(t *testing.T) {
	e := newEdge(t)
	url := "/api/v1/door/" + link + "/events"
	for _, c := range []struct {
		name, first, then, code string
	}{
		{"a wrong PIN", `{"token":"12121212"}`, "", "wrong_pin"},
		{"no credential", `{"token":""}`, "", "pin_required"},
		{"another first message", `{"hello":1}`, "", "message_malformed"},
		{"a message that is not known", `{"token":"` + pin + `"}`, `{"type":"shout"}`, "message_malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ws, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(e.http.URL, "http")+url, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer ws.CloseNow()
			if err := ws.Write(t.Context(), websocket.MessageText, []byte(c.first)); err != nil {
				t.Fatal(err)
			}
			var m message
			if c.then != "" {
				if err := wsjson.Read(t.Context(), ws, &m); err != nil {
					t.Fatal(err)
				}
				if err := ws.Write(t.Context(), websocket.MessageText, []byte(c.then)); err != nil {
					t.Fatal(err)
				}
			}
			m = message{}
			if err := wsjson.Read(t.Context(), ws, &m); err != nil || m.Type != "removed" || m.Code != c.code {
				t.Errorf("%+v %v", m, err)
			}
		})
	}
	upgrade := []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="}
	if r := e.do("GET", url, "", append(upgrade, "Origin", "https://evil.example")...); r.status != 403 || r.code != "origin_not_allowed" {
		t.Errorf("a page from elsewhere: %d %s", r.status, r.code)
	}
	if r := e.do("GET", url, ""); r.status != 426 {
		t.Errorf("no WebSocket: %d", r.status)
	}
	ws, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(e.http.URL, "http")+url, &websocket.DialOptions{
		HTTPHeader: http.Header{"Origin": {"https://edge2.example.org"}},
	})
	if err != nil {
		t.Fatalf("a page from another edge: %v", err)
	}
	// A message that is too long ends the connection.
	if err := ws.Write(t.Context(), websocket.MessageText, bytes.Repeat([]byte("x"), maxMessage+1)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ws.Read(t.Context()); err == nil {
		t.Error("a message without end was read")
	}
	ws.CloseNow()
}

func TestDoor(t *testing.T) {
	e := newEdge(t)
	r := e.do("GET", "/api/v1/door/"+link, "")
	var d map[string]any
	if err := json.Unmarshal([]byte(r.body), &d); err != nil || d["title"] != "Launch" || d["pin_required"] != true || d["live"] != false || d["node"] != "n1" || d["version"] != "1.2.3" {
		t.Errorf("%d %s", r.status, r.body)
	}
	join := "/api/v1/door/" + link + "/join"
	for _, c := range []struct {
		name, path, typ, body string
		status                int
		code                  string
	}{
		{"no such webinar", "/api/v1/door/zzzzzzzzzzzzzzzzzzzzzz/join", typeJSON, `{"name":"Ada"}`, 404, "not_found"},
		{"without the PIN", join, typeJSON, `{"name":"Ada"}`, 401, "pin_required"},
		{"with a wrong one", join, typeJSON, `{"name":"Ada","pin":"12121212"}`, 403, "wrong_pin"},
		{"without a name", join, typeJSON, `{"pin":"` + pin + `"}`, 422, "invalid_name"},
		{"a misspelt field", join, typeJSON, `{"name":"Ada","pim":"1"}`, 400, "body_malformed"},
		{"two objects", join, typeJSON, `{"name":"Ada"}{}`, 400, "body_malformed"},
		{"not JSON", join, typeJSON, `name=Ada`, 400, "body_malformed"},
		{"a form", join, "application/x-www-form-urlencoded", `name=Ada`, 415, "content_type"},
		{"too much", join, typeJSON, `{"name":"` + strings.Repeat("a", maxJSON) + `"}`, 413, "body_too_large"},
		{"by the personal link", join, typeJSON, `{"name":"Grace","invite":"` + secret + `"}`, 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &edge{t: t, http: e.http}
			if r := e.do("POST", c.path, c.body, "Content-Type", c.typ); r.status != c.status || r.code != c.code {
				t.Errorf("%d %s, want %d %s", r.status, r.code, c.status, c.code)
			}
		})
	}
	joined := e.do("POST", join, `{"name":"Ada","pin":"`+pin+`","device":"d"}`, "Content-Type", typeJSON)
	var grant struct {
		Token, Participant, Name, Role string
		Expires                        time.Time `json:"expires_at"`
	}
	if err := json.Unmarshal([]byte(joined.body), &grant); err != nil || grant.Name != "Ada" || grant.Role != "attendee" || !grant.Expires.After(time.Now()) {
		t.Fatalf("%s", joined.body)
	}
	again := e.do("POST", "/api/v1/door/"+link+"/refresh", "", "Authorization", "Bearer "+grant.Token)
	if again.status != 200 || !strings.Contains(again.body, grant.Participant) {
		t.Errorf("%d %s", again.status, again.body)
	}
	if r := e.do("POST", "/api/v1/door/"+link+"/refresh", ""); r.status != 401 || r.header.Get("WWW-Authenticate") == "" {
		t.Errorf("without a token: %d", r.status)
	}
}

func TestRemoteIsTheSocketAndNotAHeader(t *testing.T) {
	r, _ := http.NewRequest("GET", "/", nil)
	r.RemoteAddr = "[::ffff:192.0.2.7]:4711"
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	r.Header.Set("Forwarded", "for=203.0.113.9")
	if a := remote(r); a.String() != "192.0.2.7" {
		t.Errorf("%v", a)
	}
}
