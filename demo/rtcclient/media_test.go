package rtcclient_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/quic-go/quic-go"

	"stentor/demo/clip"
	"stentor/demo/rtcclient"
	"stentor/node/sfu"
	"stentor/relay"
	"stentor/relay/wire"
)

// server is a WHIP and a WHEP endpoint around the real SFU, without a door.
type server struct {
	*httptest.Server
	sfu   *sfu.SFU
	relay *relay.Relay

	mu     sync.Mutex // guards the following
	tracks []*relay.Track
	open   map[string]interface{ Close() }
	ended  []string // sessions that the client deleted
}

func newServer(t *testing.T) *server {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.(*net.UDPConn).SetReadBuffer(4 << 20)
	s := &server{open: make(map[string]interface{ Close() })}
	if s.relay, err = relay.New(relay.Config{
		Node:   "n1",
		Dial:   func(context.Context, string) (*quic.Conn, error) { return nil, errors.New("no neighbours") },
		Parent: func(wire.TrackID, func(string) bool) (string, bool) { return "", false },
	}); err != nil {
		t.Fatal(err)
	}
	s.sfu, err = sfu.New(sfu.Config{Conn: conn, Advertise: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /whip", s.whip)
	mux.HandleFunc("POST /whep", s.whep)
	mux.HandleFunc("DELETE /session/{id}", s.end)
	s.Server = httptest.NewServer(mux)

	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.relay.Run(ctx) })
	running.Go(func() { _ = s.sfu.Run(ctx) })
	t.Cleanup(func() {
		s.Server.Close()
		stop()
		running.Wait()
	})
	return s
}

// Track takes a publisher's track.
func (s *server) Track(name string, info wire.TrackInfo, keyframe func(int)) (*relay.Track, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	track, err := s.relay.Publish(wire.TrackID{Webinar: "w", Stream: "main", Name: name}, info, 1, keyframe)
	if err == nil {
		s.tracks = append(s.tracks, track)
	}
	return track, err
}

func (s *server) whip(w http.ResponseWriter, r *http.Request) {
	offer, _ := io.ReadAll(r.Body)
	p, err := s.sfu.Publish(context.WithoutCancel(r.Context()), string(offer), s, func() (bool, bool) { return true, true })
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	s.created(w, "p1", p.Answer(), p)
}

func (s *server) whep(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	var sources []sfu.Source
	for _, t := range s.tracks {
		sources = append(sources, sfu.Source{Name: t.ID().Name, Info: t.Info(), Subscribe: func(ctx context.Context) (*relay.Subscription, error) {
			return s.relay.Subscribe(ctx, t.ID())
		}})
	}
	s.mu.Unlock()
	if len(sources) < 2 {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, `{"code":"not_live"}`)
		return
	}
	offer, _ := io.ReadAll(r.Body)
	v, err := s.sfu.View(context.WithoutCancel(r.Context()), string(offer), sources)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	s.created(w, "v1", v.Answer(), v)
}

func (s *server) created(w http.ResponseWriter, id, answer string, session interface{ Close() }) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[id] = session
	w.Header().Set("Location", "/session/"+id)
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer)
}

func (s *server) end(_ http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := r.PathValue("id")
	s.ended = append(s.ended, id)
	if o := s.open[id]; o != nil {
		o.Close()
	}
}

// kick ends a session from the server's side.
func (s *server) kick(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[id].Close()
}

// within bounds a test over real sockets; nothing waits for it.
const within = 20 * time.Second

func TestTheClipArrivesAsItWasSent(t *testing.T) {
	s := newServer(t)
	pictures, err := clip.Load()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()

	_, err = rtcclient.Play(ctx, rtcclient.PlayerConfig{URL: s.URL + "/whep"})
	if after, ok := rtcclient.NotLive(err); !ok || after != time.Second {
		t.Fatalf("before anyone publishes: %v", err)
	}

	publishing, stop := context.WithCancel(ctx)
	publisher := rtcclient.NewPublisher(rtcclient.PublisherConfig{URL: s.URL + "/whip", Bearer: "secret", Clip: pictures})
	done := make(chan error, 1)
	go func() { done <- publisher.Run(publishing) }()
	select {
	case <-publisher.Connected():
	case err := <-done:
		t.Fatal(err)
	}

	frames := make(chan rtcclient.Frame, 1000)
	player := playWhenLive(ctx, t, s, func(f rtcclient.Frame) { frames <- f })
	stats, err := player.Wait(ctx, func(s rtcclient.PlayerStats) bool { return s.WholeFrames >= 45 && s.KeyFrames >= 2 && s.Audio >= 50 })
	if err != nil {
		t.Fatalf("%v with %+v", err, stats)
	}
	if stats.Width != 3840 || stats.Height != 2160 || stats.Lost != 0 || stats.WholeFrames != stats.Frames {
		t.Errorf("got %+v", stats)
	}
	if stats.LatencyP50 <= 0 || stats.LatencyP50 > 5*time.Second {
		t.Errorf("frames took %v", stats.LatencyP50)
	}
	sameFrames(t, pictures, frames)

	s.kick("v1")
	select {
	case <-player.Done():
	case <-ctx.Done():
		t.Fatal("a session that the server ended goes on")
	}
	if _, err := player.Wait(ctx, func(rtcclient.PlayerStats) bool { return false }); !errors.Is(err, rtcclient.ErrEnded) {
		t.Errorf("waiting on a session that is over: %v", err)
	}
	player.Close()

	stop()
	if err := <-done; err != nil {
		t.Errorf("the publisher ended with %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := publisher.Stats(); got.Sessions != 1 || got.Frames < 45 || got.KeyFrames < 2 {
		t.Errorf("the publisher counts %+v", got)
	}
	if len(s.ended) != 2 {
		t.Errorf("the clients deleted %v", s.ended)
	}
}

// playWhenLive plays as soon as both tracks are there.
func playWhenLive(ctx context.Context, t *testing.T, s *server, on func(rtcclient.Frame)) *rtcclient.Player {
	t.Helper()
	for {
		p, err := rtcclient.Play(ctx, rtcclient.PlayerConfig{URL: s.URL + "/whep", OnFrame: on})
		if err == nil {
			return p
		}
		if _, ok := rtcclient.NotLive(err); !ok {
			t.Fatal(err)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal(err)
		}
	}
}

// sameFrames compares what arrived with the clip, from the first key frame on.
func sameFrames(t *testing.T, c *clip.Clip, frames <-chan rtcclient.Frame) {
	t.Helper()
	at := -1
	for n := len(frames); n > 0; n-- {
		f := <-frames
		if at < 0 && f.Key {
			for i := range c.Video {
				if bytes.Equal(c.Video[i].Data, f.Data) {
					at = i
				}
			}
		}
		if at < 0 {
			t.Fatal("the first frame is no key frame of the clip")
		}
		if !bytes.Equal(c.Video[at].Data, f.Data) {
			t.Fatalf("frame %d of the clip came out different", at)
		}
		at = (at + 1) % len(c.Video)
	}
}

func TestAPublisherComesBack(t *testing.T) {
	s := newServer(t)
	pictures, err := clip.Load()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var attempts int
	again := make(chan struct{})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			if attempts++; attempts == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			} else if attempts == 3 {
				close(again)
				w.WriteHeader(http.StatusForbidden) // final
				return
			}
		}
		s.Config.Handler.ServeHTTP(w, r)
	}))
	defer front.Close()
	publisher := rtcclient.NewPublisher(rtcclient.PublisherConfig{URL: front.URL + "/whip", Clip: pictures})
	done := make(chan error, 1)
	go func() { done <- publisher.Run(ctx) }()
	select {
	case <-publisher.Connected(): // after a refusal that passes
	case <-ctx.Done():
		t.Fatal("never connected")
	}
	s.kick("p1")
	select {
	case <-again:
	case <-ctx.Done():
		t.Fatal("did not come back after its session was ended")
	}
	var refused *rtcclient.Refusal
	if err := <-done; !errors.As(err, &refused) || refused.Status != http.StatusForbidden {
		t.Errorf("went on after a refusal that will not change: %v", err)
	}
}
