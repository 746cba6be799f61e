package signal

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/quic-go/quic-go"
	"go.uber.org/goleak"

	"stentor/cluster/pki"
	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/webinar"
	"stentor/node/session"
	"stentor/node/sfu"
	"stentor/relay"
	"stentor/relay/wire"
)

const (
	webinarID = "w_abcdefghijklmnop"
	link      = "0123456789abcdefghijkl"
	secret    = "sti_0123456789012345678901234567890123456789012"
	pin       = "90210777"
	patience  = 20 * time.Second
)

// A probe of memberlist's that is underway when a mesh ends waits for its answer, some
// seconds, and nobody can call it off.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/hashicorp/memberlist.(*Memberlist).probeNode"))
}

// replica is a state that a test changes by commands, as the log would.
type replica struct {
	t       *testing.T
	mu      sync.Mutex // guards the following
	state   *control.State
	changed chan struct{}
}

func (r *replica) State() *control.State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

func (r *replica) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

func (r *replica) apply(c *controlpb.Command) (uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.ProposedAt = time.Now().UnixNano()
	if c.Principal == "" {
		c.Principal = "host"
	}
	index := r.state.Index() + 1
	next, res := r.state.Apply(index, c)
	if res.Halt != nil {
		r.t.Error(res.Halt)
	}
	r.state = next
	close(r.changed)
	r.changed = make(chan struct{})
	return index, res.Err
}

func (r *replica) must(c *controlpb.Command) {
	r.t.Helper()
	if _, err := r.apply(c); err != nil {
		r.t.Fatal(err)
	}
}

// edge is a whole edge but for the mesh: door, stage, media and signalling.
type edge struct {
	*replica
	t     *testing.T
	relay *relay.Relay
	door  *session.Door
	http  *httptest.Server
	media *prometheus.Registry

	server *Server
}

// stopped is how many packets the media part dropped because they are not allowed.
func (e *edge) stopped() (sum float64) {
	families, err := e.media.Gather()
	if err != nil {
		e.t.Error(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == "stentor_sfu_dropped_packets_total" && l.GetValue() == "stopped" {
					sum += m.GetCounter().GetValue()
				}
			}
		}
	}
	return sum
}

func serve(t *testing.T, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = f(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

func newEdge(t *testing.T) *edge {
	t.Helper()
	e := &edge{t: t, replica: &replica{t: t, state: control.NewState(), changed: make(chan struct{})}}
	key := webinar.DeriveKey(make([]byte, 32), webinarID)
	e.must(&controlpb.Command{Kind: &controlpb.Command_SetFeatureLevel{SetFeatureLevel: &controlpb.SetFeatureLevel{Level: 2}}})
	e.must(&controlpb.Command{Kind: &controlpb.Command_CreateWebinar{CreateWebinar: &controlpb.CreateWebinar{
		Id: webinarID, Link: link, Title: "Launch", Owner: "host", Pin: &controlpb.PIN{Verifier: webinar.Verifier(key, pin)},
	}}})
	hash := sha256.Sum256([]byte(secret))
	e.must(&controlpb.Command{Kind: &controlpb.Command_CreateInvite{CreateInvite: &controlpb.CreateInvite{
		Webinar: webinarID, Id: "i_1", Name: "Grace", Role: "presenter", Hash: hash[:],
	}}})
	cred := credentials(t)
	e.door = session.NewDoor(session.Config{
		Node: "n1", State: func() session.State { return e.State() }, Changed: e.Changed, PINKey: func(string) []byte { return key }, Credentials: func() *pki.Credentials { return cred },
		Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	var err error
	e.relay, err = relay.New(relay.Config{
		Node:   "n1",
		Dial:   func(context.Context, string) (*quic.Conn, error) { return nil, errors.New("nobody else") },
		Parent: func(wire.TrackID, func(string) bool) (string, bool) { return "", false },
	})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	e.media = prometheus.NewRegistry()
	media, err := sfu.New(sfu.Config{Conn: conn, Advertise: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Registerer: e.media})
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{
		Door: e.door, Stage: e, Media: media, Node: "n1", Version: "1.2.3",
		Origins: func(o string) bool { return o == "https://edge2.example.org" },
	})
	e.server = s
	e.http = httptest.NewServer(s.Handler())
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	t.Cleanup(e.http.Close)
	serve(t, e.relay.Run)
	serve(t, media.Run)
	serve(t, e.door.Run)
	serve(t, s.Run)
	return e
}

func credentials(t *testing.T) *pki.Credentials {
	t.Helper()
	ca, err := pki.NewAuthority("test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := ca.Sign(pub, pki.Identity{Node: "n1", Role: pki.Edge}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	cred, err := pki.NewCredentials(der, key, ca.Cert, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return cred
}

// Claim and Sources make the edge its own stage, on the replicated state.
func (e *edge) Claim(_ context.Context, b Bid) (Claim, error) {
	id, stream, participant, takeover := b.Webinar, b.Stream, b.Participant, b.Takeover || b.Resume != 0
	epoch, err := e.apply(&controlpb.Command{Principal: participant, Kind: &controlpb.Command_ClaimStream{ClaimStream: &controlpb.ClaimStream{
		Webinar: id, Name: stream, Node: "n1", NodeEpoch: 1, Participant: participant, Takeover: takeover,
	}}})
	if err != nil {
		return nil, err
	}
	c := &claim{edge: e, webinar: id, stream: stream, epoch: epoch}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	go c.watch()
	return c, nil
}

func (e *edge) Continues(_ context.Context, b Bid) error {
	if s, ok := e.State().Webinar(b.Webinar).Stream(b.Stream); ok && s.Epoch != b.Resume {
		return webinar.ErrStreamTaken
	}
	return nil
}

func (e *edge) Sources(ctx context.Context, id string) ([]sfu.Source, error) {
	var out []sfu.Source
	for s := range e.State().Webinar(id).Streams() {
		track := wire.TrackID{Webinar: id, Stream: s.Name, Name: "video"}
		subscribe := func(ctx context.Context) (*relay.Subscription, error) { return e.relay.Subscribe(ctx, track) }
		sub, err := subscribe(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, sfu.Source{Name: s.Name + "/video", Info: sub.Track().Info(), Subscribe: subscribe})
		sub.Close()
	}
	if len(out) == 0 {
		return nil, webinar.ErrNotLive
	}
	return out, nil
}

// Watch tells of the pictures of all streams.
func (e *edge) Watch(ctx context.Context, id string, tell func([]sfu.Source, []string)) {
	seen := uint64(0)
	for {
		changed := e.Changed()
		var out []sfu.Source
		sum := uint64(1)
		for s := range e.State().Webinar(id).Streams() {
			sum = sum*31 + s.Epoch
			track := wire.TrackID{Webinar: id, Stream: s.Name, Name: "video"}
			subscribe := func(ctx context.Context) (*relay.Subscription, error) { return e.relay.Subscribe(ctx, track) }
			sub, err := subscribe(ctx)
			if err != nil {
				return
			}
			out = append(out, sfu.Source{Name: s.Name + "/video", Info: sub.Track().Info(), Subscribe: subscribe, Participant: s.Participant, Person: "Name of " + s.Name})
			sub.Close()
		}
		if sum != seen {
			seen = sum
			tell(out, nil)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

type claim struct {
	edge            *edge
	webinar, stream string
	epoch           uint64
	ctx             context.Context
	cancel          context.CancelCauseFunc
}

func (c *claim) Context() context.Context { return c.ctx }

func (c *claim) Epoch() uint64 { return c.epoch }

func (c *claim) Track(name string, info wire.TrackInfo, keyframe func(int)) (*relay.Track, error) {
	return c.edge.relay.Publish(wire.TrackID{Webinar: c.webinar, Stream: c.stream, Name: name}, info, c.epoch, keyframe)
}

func (c *claim) Release() {
	c.cancel(nil)
	// Of a claim that was superseded there is nothing to release.
	_, _ = c.edge.apply(&controlpb.Command{Kind: &controlpb.Command_ReleaseStream{ReleaseStream: &controlpb.ReleaseStream{
		Webinar: c.webinar, Name: c.stream, Epoch: c.epoch,
	}}})
}

func (c *claim) watch() {
	for {
		changed := c.edge.Changed()
		if s, ok := c.edge.State().Webinar(c.webinar).Stream(c.stream); ok && s.Epoch > c.epoch {
			c.cancel(webinar.ErrStreamTaken)
		}
		select {
		case <-changed:
		case <-c.ctx.Done():
			return
		}
	}
}

// reply is an answer that was read to its end.
type reply struct {
	status int
	header http.Header
	body   string
	code   string // of a problem
}

// do makes a request; header are names and values in turn.
func (e *edge) do(method, path, body string, header ...string) reply {
	e.t.Helper()
	req, err := http.NewRequestWithContext(e.t.Context(), method, e.http.URL+path, strings.NewReader(body))
	if err != nil {
		e.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		e.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		e.t.Fatal(err)
	}
	r := reply{status: res.StatusCode, header: res.Header, body: string(b)}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json") {
		var p problem
		if err := json.Unmarshal(b, &p); err != nil || p.Detail == "" || p.Title == "" || p.Status != r.status {
			e.t.Errorf("%s %s: a poor problem: %s", method, path, b)
		}
		r.code = p.Code
	}
	return r
}

// client is a WebRTC client on loopback.
func client(t *testing.T) *webrtc.PeerConnection {
	t.Helper()
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(s)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	return pc
}

func offerOf(t *testing.T, pc *webrtc.PeerConnection) string {
	t.Helper()
	o, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(o); err != nil {
		t.Fatal(err)
	}
	<-gathered
	return pc.LocalDescription().SDP
}

// camera is a client that sends VP8, pion's first codec; screen one that receives.
func camera(t *testing.T) (*webrtc.PeerConnection, *webrtc.TrackLocalStaticRTP, string) {
	t.Helper()
	pc := client(t)
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, "video", "cam")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pc.AddTrack(track); err != nil {
		t.Fatal(err)
	}
	return pc, track, offerOf(t, pc)
}

func screen(t *testing.T) (*webrtc.PeerConnection, string) {
	t.Helper()
	pc := client(t)
	_, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	if err != nil {
		t.Fatal(err)
	}
	return pc, offerOf(t, pc)
}

// connect takes an answer and waits for the transport.
func connect(t *testing.T, pc *webrtc.PeerConnection, answer string) {
	t.Helper()
	up := make(chan struct{})
	var once sync.Once
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(up) })
		}
	})
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatalf("%v\n%s", err, answer)
	}
	wait(t, up, "the transport")
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

// message is anything that the server tells a page.
type message struct {
	Type        string
	Participant string
	Role        webinar.Role
	Live        *bool
	OnStage     bool `json:"on_stage"`
	Waiting     bool
	Raised      bool
	Permissions *may
	Stopped     *stopped
	Code        string
	Detail      string
}
