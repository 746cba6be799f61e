package signal_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"stentor/control/client"
	"stentor/node"
)

// patience is for a machine that does other things too.
const patience = 30 * time.Second

// world is a mesh of two nodes in this process, on real sockets: a voter and an edge.
type world struct {
	voter, edge string // public URLs
	api         *client.Client
}

// newWorld starts the mesh. Each node has loopback addresses of its own, so that their
// ports are free.
func newWorld(t *testing.T) *world {
	t.Helper()
	dir, net := t.TempDir(), fmt.Sprintf("127.%d.%d.", 64+rand.IntN(64), rand.IntN(256))
	w := &world{voter: "http://" + net + "1:8080", edge: "http://" + net + "2:8080"}
	first := config(dir, "n1", net+"1")
	if err := node.Init(first.Data, first.Name); err != nil {
		t.Fatal(err)
	}
	token, err := os.ReadFile(filepath.Join(first.Data, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	if w.api, err = client.New(w.voter, strings.TrimSpace(string(token))); err != nil {
		t.Fatal(err)
	}
	start(t, first)
	var join client.JoinToken
	eventually(t, "the first node gives out join tokens", func() bool {
		join, err = w.api.JoinToken(t.Context(), "edge", 0)
		return err == nil
	})
	second := config(dir, "n2", net+"2")
	second.Join, second.TokenFile = first.Mesh, filepath.Join(dir, "join.token")
	second.ICEServers = []node.ICEServer{
		{URLs: []string{"stun:stun.example.org"}},
		{URLs: []string{"turn:turn.example.org?transport=udp", "turns:turn.example.org"}, SecretFile: filepath.Join(dir, "turn.secret")},
	}
	for name, text := range map[string]string{"join.token": join.Token, "turn.secret": "a secret\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := node.Join(t.Context(), second, nil); err != nil {
		t.Fatal(err)
	}
	start(t, second)
	eventually(t, "the edge is ready", func() bool {
		res, err := http.Get(w.edge + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return w
}

func config(dir, name, ip string) node.Config {
	c := node.Defaults()
	c.Name, c.Data = name, filepath.Join(dir, name)
	c.Mesh, c.Watch, c.RTC, c.HTTP = ip+":7443", ip+":7443", ip+":8443", ip+":8080"
	return c
}

func start(t *testing.T, c node.Config) {
	t.Helper()
	keys, err := node.LoadKeyring(c.Data)
	if err != nil {
		t.Fatal(err)
	}
	sockets, err := node.Listen(c, c.Join == "")
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.New(node.Parts{Config: c, Build: node.Build{Version: "v0.0.0", Commit: "test"}, Keys: keys, Sockets: sockets, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		sockets.Close()
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", c.Name, err)
		}
	})
}

// eventually asks until it is so.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(patience)
	defer late.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatalf("it did not come to pass that %s", what)
		}
	}
}

// A hall is one webinar, which no other case knows.
type hall struct {
	*world
	t      *testing.T
	link   string
	pin    string
	secret string // of a presenter
}

func (w *world) hall(t *testing.T) *hall {
	t.Helper()
	made, err := w.api.CreateWebinar(t.Context(), client.CreateWebinar{Title: "Hall", GeneratePIN: true})
	if err != nil {
		t.Fatal(err)
	}
	grace, err := w.api.Invite(t.Context(), made.ID, client.CreateInvite{Name: "Grace", Role: "presenter"})
	if err != nil {
		t.Fatal(err)
	}
	h := &hall{world: w, t: t, link: made.Link, pin: made.PIN, secret: grace.Secret}
	var publish, watch reply
	eventually(t, "the edge knows the webinar and its presenter, and has guesses of its PIN", func() bool {
		publish, watch = h.publish("v=0"), h.watch("v=0")
		return publish.status != 403 && publish.status != 404 && watch.code == "not_live"
	})
	return h
}

func (h *hall) whip() string { return h.edge + "/whip/" + h.link }
func (h *hall) whep() string { return h.edge + "/whep/" + h.link }

// reply is an answer that was read to its end.
type reply struct {
	status int
	header http.Header
	body   string
	code   string // of a problem document
	at     string // the address that was asked
}

// location is where the session is, in full.
func (r reply) location(t *testing.T) string {
	t.Helper()
	base, err := url.Parse(r.at)
	if err != nil {
		t.Fatal(err)
	}
	u, err := base.Parse(r.header.Get("Location"))
	if err != nil || r.header.Get("Location") == "" {
		t.Fatalf("Location %q: %v", r.header.Get("Location"), err)
	}
	return u.String()
}

// asIs does not follow redirections.
var asIs = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// do makes a request; header are names and values in turn. Whatever is refused has to be
// a problem document.
func (h *hall) do(method, at, body string, header ...string) reply {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, at, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := asIs.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	r := reply{status: res.StatusCode, header: res.Header, body: string(b), at: at}
	if r.status >= 400 && method != http.MethodHead {
		var p struct {
			Type, Title, Code, Detail string
			Status                    int
		}
		if err := json.Unmarshal(b, &p); err != nil || p.Type == "" || p.Title == "" || p.Detail == "" || p.Status != r.status ||
			res.Header.Get("Content-Type") != "application/problem+json" {
			h.t.Errorf("%s %s: %d with no good problem document: %s", method, at, r.status, b)
		}
		r.code = p.Code
	}
	return r
}

// want compares what a client decides by.
func (r reply) want(t *testing.T, status int, code string) reply {
	t.Helper()
	if r.status != status || r.code != code {
		t.Fatalf("%d %s, want %d %s\n%s", r.status, r.code, status, code, r.body)
	}
	return r
}

func (h *hall) publish(offer string, header ...string) reply {
	h.t.Helper()
	return h.do("POST", h.whip(), offer, append([]string{"Content-Type", "application/sdp", "Authorization", "Bearer " + h.secret}, header...)...)
}

func (h *hall) watch(offer string, header ...string) reply {
	h.t.Helper()
	return h.do("POST", h.whep(), offer, append([]string{"Content-Type", "application/sdp", "Authorization", "Bearer " + h.pin}, header...)...)
}

// peer is a WebRTC client on loopback.
type peer struct {
	*webrtc.PeerConnection
	offer    string
	up, down chan struct{}
	track    *webrtc.TrackLocalStaticRTP
	packets  chan *rtp.Packet
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetDTLSRetransmissionInterval(50 * time.Millisecond)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(s)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	p := &peer{PeerConnection: pc, up: make(chan struct{}), down: make(chan struct{}), packets: make(chan *rtp.Packet, 1024)}
	up, down := sync.OnceFunc(func() { close(p.up) }), sync.OnceFunc(func() { close(p.down) })
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateConnected:
			up()
		case webrtc.PeerConnectionStateClosed, webrtc.PeerConnectionStateDisconnected, webrtc.PeerConnectionStateFailed:
			down()
		}
	})
	pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			packet, _, err := tr.ReadRTP()
			if err != nil {
				return
			}
			select {
			case p.packets <- packet:
			default:
			}
		}
	})
	return p
}

func (p *peer) offers(t *testing.T) *peer {
	t.Helper()
	o, err := p.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(p.PeerConnection)
	if err := p.SetLocalDescription(o); err != nil {
		t.Fatal(err)
	}
	<-gathered
	p.offer = p.LocalDescription().SDP
	return p
}

// camera sends VP8, pion's first codec; screen receives.
func camera(t *testing.T) *peer {
	t.Helper()
	p := newPeer(t)
	var err error
	if p.track, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, "video", "cam"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.AddTransceiverFromTrack(p.track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
		t.Fatal(err)
	}
	return p.offers(t)
}

func screen(t *testing.T) *peer {
	t.Helper()
	p := newPeer(t)
	if _, err := p.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	return p.offers(t)
}

func (p *peer) connect(t *testing.T, answer string) *peer {
	t.Helper()
	if err := p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatalf("%v\n%s", err, answer)
	}
	wait(t, p.up, "the transport")
	return p
}

// send sends one whole key frame of VP8 (RFC 7741).
func (p *peer) send(t *testing.T, n uint16) {
	t.Helper()
	if err := p.track.WriteRTP(&rtp.Packet{
		Header:  rtp.Header{Version: 2, SequenceNumber: n, Timestamp: 3000 * uint32(n), Marker: true},
		Payload: []byte{0x10, 0x00, 0, 0, 0x9d, 0x01, 0x2a, 0, 15, 0x70, 8},
	}); err != nil {
		t.Fatal(err)
	}
}

// seen waits until what the camera sends comes out at the screen.
func seen(t *testing.T, from, at *peer) {
	t.Helper()
	n := uint16(0)
	eventually(t, "a frame comes through", func() bool {
		n++
		from.send(t, n)
		select {
		case <-at.packets:
			return true
		default:
			return false
		}
	})
}

// far puts a camera on the stage at the voter, whence the edge gets it.
func (h *hall) far() *peer {
	h.t.Helper()
	edge := h.edge
	h.world = &world{voter: h.voter, edge: h.voter, api: h.api}
	c, _ := h.live()
	h.edge = edge
	p := screen(h.t)
	eventually(h.t, "the edge hears of the stage", func() bool {
		r := h.watch(p.offer)
		if r.status == http.StatusCreated {
			h.do("DELETE", r.location(h.t), "")
		}
		return r.status == http.StatusCreated
	})
	return c
}

// live puts a camera on the stage at the edge.
func (h *hall) live() (*peer, reply) {
	h.t.Helper()
	c := camera(h.t)
	r := h.publish(c.offer).want(h.t, 201, "")
	c.connect(h.t, r.body)
	eventually(h.t, "the stage is live", func() bool {
		res, err := asIs.Get(h.edge + "/api/v1/door/" + h.link)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return strings.Contains(string(b), `"live":true`)
	})
	return c, r
}

// viewed is a session of a player.
func (h *hall) viewed() (*peer, reply) {
	h.t.Helper()
	p := screen(h.t)
	r := h.watch(p.offer).want(h.t, 201, "")
	return p.connect(h.t, r.body), r
}

func wait[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not happen", what)
	}
	panic("unreachable")
}

// attribute is the first value of an SDP attribute.
func attribute(sdp, key string) string {
	for line := range strings.Lines(sdp) {
		if v, ok := strings.CutPrefix(line, "a="+key+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// event is one server-sent event.
type event struct{ kind, data string }

// listen reads an event stream until the case is over.
func (h *hall) listen(at string) <-chan event {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), "GET", at, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	res, err := asIs.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		h.t.Fatalf("%s: %d %s", at, res.StatusCode, res.Header.Get("Content-Type"))
	}
	out := make(chan event, 64)
	done := make(chan struct{})
	h.t.Cleanup(func() { res.Body.Close(); <-done })
	go func() {
		defer close(done)
		defer close(out)
		var e event
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			key, value, _ := strings.Cut(lines.Text(), ": ")
			switch key {
			case "event":
				e.kind = value
			case "data":
				e.data += value
			case "":
				if e.kind != "" { // and no comment
					out <- e
				}
				e = event{}
			}
		}
	}()
	return out
}

// hear waits for an event of a kind and returns its data.
func hear(t *testing.T, events <-chan event, kind string) string {
	t.Helper()
	for {
		e := wait(t, events, "the event "+kind)
		if e.kind == kind {
			return e.data
		}
		if e.kind == "" {
			t.Fatalf("the stream ended before %s", kind)
		}
	}
}
