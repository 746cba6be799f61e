package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pion/ice/v4"
	pionrtp "github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/quic-go/quic-go"

	"stentor/node/sfu"
	"stentor/relay"
	"stentor/relay/wire"
)

// A sendQuestion is asked of the server process: to let somebody in, to begin, or (empty) only what it has used.
type sendQuestion struct {
	Offer string
	To    string // an address that gets SRTP without asking
	Begin bool
	Hold  bool   // what is held now, after everything else was collected
	Call  bool   // livekit-server: it is to offer
	Reply string // a viewer's answer to that
	ID    int    // which viewer's
}

// A sendAnswer is its answer.
type sendAnswer struct {
	Answer   string
	ID       int
	CPU      time.Duration // used so far, user and system
	Memory   float64       // resident bytes
	Heap     float64       // bytes that are in use, when asked what is held
	Stacks   float64       // bytes of goroutines' stacks, then
	Routines int
	Err      string
}

// A sendSeat is the server, in a process and on a core of its own.
type sendSeat struct {
	cmd   *exec.Cmd
	ended func()     // nil: nothing else ends with it
	mu    sync.Mutex // one question at a time
	in    io.WriteCloser
	to    *json.Encoder
	of    *json.Decoder
}

func openSendSeat(ctx context.Context, way string, core int, more []string) (*sendSeat, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &sendSeat{cmd: exec.CommandContext(ctx, "taskset",
		append([]string{"-c", strconv.Itoa(core), self, "--binary", self, "send-seat", way}, more...)...)}
	s.cmd.Stderr = os.Stderr
	return s, s.start()
}

func (s *sendSeat) start() (err error) {
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	s.to, s.of = json.NewEncoder(s.in), json.NewDecoder(out)
	return s.cmd.Start()
}

// ask asks a question and waits for its answer; several may.
func (s *sendSeat) ask(q sendQuestion) (a sendAnswer, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.to.Encode(q); err != nil {
		return a, err
	}
	if err := s.of.Decode(&a); err != nil {
		return a, err
	}
	if a.Err != "" {
		return a, errors.New(a.Err)
	}
	return a, nil
}

func (s *sendSeat) stop() {
	if s.ended != nil {
		s.ended()
	}
	s.in.Close()
	_ = s.cmd.Wait()
}

// A server lets viewers in, and plays to them what it is given as a sink.
type server interface {
	sink
	view(ctx context.Context, offer string) (answer string, err error)
	give(to netip.AddrPort) error
}

// sendSeatCommand is the process of the server.
type sendSeatCommand struct {
	Way     string `arg:""`
	Profile string
}

// Run answers questions until its input ends.
func (c *sendSeatCommand) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	open := map[string]func(context.Context) (server, error){wayStentor: openStentor, wayPion: openPion, wayBare: openBare, wayIdle: openIdle}[c.Way]
	if open == nil {
		return fmt.Errorf("no way %q", c.Way)
	}
	s, err := open(ctx)
	if err != nil {
		return err
	}
	if c.Profile != "" {
		f, err := os.Create(c.Profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var q sendQuestion
		if err := in.Decode(&q); err != nil {
			return c.counts(s) // whoever asked has gone
		}
		var a sendAnswer
		switch {
		case q.Offer != "":
			a.Answer, err = s.view(ctx, q.Offer)
		case q.To != "":
			err = s.give(netip.MustParseAddrPort(q.To))
		case q.Begin:
			play := &source{film: filmOf("video"), pace: 5 * videoRate / 2}
			go play.run(ctx, videoGroup, s)
		case q.Hold:
			err = c.hold(&a)
		}
		if err != nil {
			a.Err = err.Error()
		}
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			return err
		}
		a.CPU, a.Routines, a.Memory = time.Duration(u.Utime.Nano()+u.Stime.Nano()), runtime.NumGoroutine(), resident()
		if err := out.Encode(a); err != nil {
			return err
		}
	}
}

// hold tells what is held now, and writes a profile of it beside that of the CPU.
func (c *sendSeatCommand) hold(a *sendAnswer) error {
	var m runtime.MemStats
	for range 2 { // what the first one ends, the second one takes
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	a.Heap, a.Stacks = float64(m.HeapAlloc), float64(m.StackInuse)
	if c.Profile == "" {
		return nil
	}
	var all []error
	for _, what := range []string{"heap", "goroutine"} {
		f, err := os.Create(c.Profile + "." + what)
		if err != nil {
			return err
		}
		all = append(all, pprof.Lookup(what).WriteTo(f, 0), f.Close())
	}
	return errors.Join(all...)
}

// counts writes what the server counted.
func (c *sendSeatCommand) counts(s server) error {
	counting, ok := s.(interface{ counted() prometheus.Gatherer })
	if c.Profile == "" || !ok {
		return nil
	}
	return prometheus.WriteToTextfile(c.Profile+".prom", counting.counted())
}

// resident returns the bytes of memory that this process has.
func resident() float64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, _ := strconv.ParseFloat(strings.Fields(string(b))[1], 64)
	return pages * float64(os.Getpagesize())
}

func mediaSocket() (*net.UDPConn, error) {
	return net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
}

// stentorServer is a node's relay and SFU.
type stentorServer struct {
	sfu   *sfu.SFU
	track *relay.Track
	views []sfu.Source
	count *prometheus.Registry
}

func (s *stentorServer) counted() prometheus.Gatherer { return s.count }

func openStentor(ctx context.Context) (server, error) {
	conn, err := mediaSocket()
	if err != nil {
		return nil, err
	}
	r, err := relay.New(relay.Config{
		Node:   "n1",
		Dial:   func(context.Context, string) (*quic.Conn, error) { return nil, errors.New("nobody else") },
		Parent: func(wire.TrackID, func(string) bool) (string, bool) { return "", false },
	})
	if err != nil {
		return nil, err
	}
	s := &stentorServer{count: prometheus.NewRegistry()}
	s.sfu, err = sfu.New(sfu.Config{Conn: conn, Advertise: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Registerer: s.count})
	if err != nil {
		return nil, err
	}
	go func() { _ = r.Run(ctx) }()
	go func() { _ = s.sfu.Run(ctx) }()
	f := filmOf("video")
	if s.track, err = r.Publish(f.id(), f.info, 1, func(int) {}); err != nil {
		return nil, err
	}
	s.views = []sfu.Source{{Name: "main/video", Info: f.info, Subscribe: func(ctx context.Context) (*relay.Subscription, error) {
		return r.Subscribe(ctx, f.id())
	}}}
	return s, nil
}

func (s *stentorServer) view(ctx context.Context, offer string) (string, error) {
	v, err := s.sfu.View(ctx, offer, s.views)
	if err != nil {
		return "", err
	}
	return v.Answer(), nil
}

func (s *stentorServer) give(netip.AddrPort) error { return errors.New("viewers have to ask") }
func (s *stentorServer) begin(uint32)              {}
func (s *stentorServer) end()                      {}

func (s *stentorServer) packet(b []byte, now time.Time) {
	if err := s.track.Write(0, slices.Clone(b), now); err != nil {
		fmt.Fprintln(os.Stderr, "send-seat:", err)
	}
}

// pionServer is the SFU of pion's examples, with everything at its default.
type pionServer struct {
	api   *webrtc.API
	track *webrtc.TrackLocalStaticRTP // nil: no media
}

// openIdle is pion's connections and no media.
func openIdle(ctx context.Context) (server, error) {
	s, err := openPion(ctx)
	if err == nil {
		s.(*pionServer).track = nil
	}
	return s, err
}

func openPion(context.Context) (server, error) {
	conn, err := mediaSocket()
	if err != nil {
		return nil, err
	}
	var e webrtc.SettingEngine
	e.SetICEUDPMux(ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: conn}))
	e.SetIncludeLoopbackCandidate(true)
	e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	e.SetLite(true)
	s := &pionServer{api: webrtc.NewAPI(webrtc.WithSettingEngine(e))} // default codecs and interceptors
	s.track, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90000, SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}, "video", "main")
	return s, err
}

func (s *pionServer) view(_ context.Context, offer string) (string, error) {
	pc, err := s.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return "", err
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	if err := s.play(pc); err != nil {
		return "", err
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		return "", err
	}
	<-gathered
	return pc.LocalDescription().SDP, nil
}

func (s *pionServer) play(pc *webrtc.PeerConnection) error {
	if s.track == nil {
		return nil
	}
	sender, err := pc.AddTrack(s.track)
	if err != nil {
		return err
	}
	go func() { // feedback has to be read, for the interceptors
		for b := make([]byte, 1500); ; {
			if _, _, err := sender.Read(b); err != nil {
				return
			}
		}
	}()
	return nil
}

func (s *pionServer) give(netip.AddrPort) error { return errors.New("viewers have to ask") }
func (s *pionServer) begin(uint32)              {}
func (s *pionServer) end()                      {}

func (s *pionServer) packet(b []byte, _ time.Time) {
	var p pionrtp.Packet
	if s.track == nil {
		return
	}
	if err := p.Unmarshal(b); err != nil {
		fmt.Fprintln(os.Stderr, "send-seat:", err)
		return
	}
	if err := s.track.WriteRTP(&p); err != nil {
		fmt.Fprintln(os.Stderr, "send-seat:", err)
	}
}
