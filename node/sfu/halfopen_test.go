package sfu

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// check is a connectivity check with that user name, signed with that password.
func check(username, password string, behind ...byte) []byte {
	p := []byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	p = append(p, 0, 6, 0, byte(len(username)))
	p = append(p, username...)
	for len(p)%4 != 0 {
		p = append(p, 0)
	}
	p = append(p, append([]byte{0, 8, 0, 20}, integrity(password, p)...)...)
	p = append(p, behind...)
	p[2], p[3] = byte((len(p)-20)>>8), byte(len(p)-20)
	return p
}

func TestWhoKnocksIsLetInByWhatOnlyTheAnswerSays(t *testing.T) {
	from := netip.MustParseAddrPort("192.0.2.1:9")
	good := check("ours:theirs", "secret")
	edit := func(f func(p []byte) []byte) []byte { return f(bytes.Clone(good)) }
	for _, c := range []struct {
		name    string
		packet  []byte
		taken   bool
		entered bool
	}{
		{"the one who is expected", good, true, true},
		{"with a fingerprint behind the signature", check("ours:theirs", "secret", 0x80, 0x28, 0, 4, 1, 2, 3, 4), true, true},
		{"somebody else's", check("other:theirs", "secret"), false, false},
		{"without the password", check("ours:theirs", "guess"), true, false},
		{"changed on the way", edit(func(p []byte) []byte { p[30] ^= 1; return p }), true, false},
		{"without a signature", good[:20+4+12], false, false},
		{"a response", edit(func(p []byte) []byte { p[0] = 1; return p }), false, false},
		{"cut short", good[:len(good)-1], false, false},
		{"with an attribute that goes on behind the end", edit(func(p []byte) []byte { p[22] = 9; return p }), false, false},
		{"not STUN", append([]byte{0, 1, 0, 4}, make([]byte, 20)...), false, false},
		{"nothing", nil, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDoor(newMetrics(prometheus.NewRegistry()))
			if d.knock(c.packet, from) {
				t.Error("taken with nobody there")
			}
			var in []letter
			d.expect("ours", &guest{password: "secret", enter: func(l letter) { in = append(in, l) }})
			if got := d.knock(c.packet, from); got != c.taken {
				t.Errorf("taken: %v", got)
			}
			if (len(in) == 1) != c.entered {
				t.Fatalf("%d entered", len(in))
			}
			if !c.entered {
				return
			}
			if !bytes.Equal(in[0].packet, c.packet) || in[0].from != from {
				t.Errorf("%v", in)
			}
			if d.knock(c.packet, from) || d.count.Load() != 0 {
				t.Error("the second check is not the mux's")
			}
		})
	}
}

func FuzzReadCheck(f *testing.F) {
	f.Add(check("ours:theirs", "secret"))
	f.Add(check("", "secret", 0x80, 0x28, 0, 4, 1, 2, 3, 4))
	f.Fuzz(func(t *testing.T, packet []byte) {
		ufrag, signed, mac := readCheck(packet)
		if ufrag != nil && (len(mac) != 20 || len(signed) < 20 || len(integrity("x", signed)) != 20) {
			t.Errorf("%x, %x", signed, mac)
		}
	})
}

// Ten thousand who ask and never come: honest ones beside them are served as ever, and
// none of it stays.
func TestManyHalfOpenJoinsCostNextToNothing(t *testing.T) {
	attempts := 10_000
	if testing.Short() {
		attempts = 1_000
	}
	s, reg := newSFU(t)
	st := newStage(t)
	cam := newCamera(t, s, st)
	cam.frame(true, 5)
	cam.arrived(st)
	offer := offerOf(t, newScreenPC(t))
	sources := []Source{st.source("video", st.track("video").Info())}
	routines := runtime.NumGoroutine()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	views := make([]*Viewer, attempts)
	began := time.Now()
	for i := range views {
		v, err := s.View(t.Context(), offer, sources)
		if err != nil {
			t.Fatal(err)
		}
		views[i] = v
	}
	took := time.Since(began)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if n := runtime.NumGoroutine() - routines; n > 50 {
		t.Errorf("%d goroutines", n)
	}
	each := float64(after.HeapAlloc-before.HeapAlloc) / float64(attempts) / 1024
	t.Logf("%d attempts in %v, %.1f KiB each", attempts, took, each)
	if each > 40 {
		t.Errorf("%.1f KiB each", each)
	}
	honest := newScreen(t, s, st)
	for i, want := range cam.sent {
		if p := honest.next(); !bytes.Equal(p.Payload, want) {
			t.Fatalf("packet %d differs", i)
		}
	}
	if n := testutil.ToFloat64(s.metrics.knocks.WithLabelValues("entered")); n != 1 {
		t.Errorf("%v entered", n)
	}
	for _, v := range views {
		v.Close()
	}
	for _, v := range views {
		wait(t, v.Gone(), "the end")
	}
	if n := s.door.count.Load(); n != 0 || metric(t, reg, "viewers") != 1 {
		t.Errorf("%d still wait", n)
	}
}

// newScreenPC is a client that wants to receive video.
func newScreenPC(t *testing.T, edit ...func(*webrtc.SettingEngine)) *webrtc.PeerConnection {
	t.Helper()
	pc := newClient(t, true, edit...)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	return pc
}

// The answer that a viewer gets is the one that pion would have given.
func TestTheAnswerIsPionsOwn(t *testing.T) {
	s, _ := newSFU(t)
	st := newStage(t)
	cam := newCamera(t, s, st)
	cam.frame(true, 1)
	cam.arrived(st)
	video := st.source("video", st.track("video").Info())
	for name, sources := range map[string][]Source{"a picture": {video}, "a picture of two": {video, video}} {
		t.Run(name, func(t *testing.T) {
			pc := newScreenPC(t)
			for range sources[1:] {
				if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
					t.Fatal(err)
				}
			}
			o, err := readOffer(offerOf(t, pc))
			if err != nil {
				t.Fatal(err)
			}
			plan, err := planView(o, sources)
			if err != nil {
				t.Fatal(err)
			}
			for i := range plan.used {
				plan.used[i].formats = nil // pion is told of one, whatever else may go out
			}
			c, err := s.newPeer(plan, webrtc.RTPTransceiverDirectionSendonly)
			if err != nil {
				t.Fatal(err)
			}
			v := &Viewer{peer: c}
			v.choose(plan, sources)
			ours, err := plan.answerViewer(c.me, v.forwards)
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			if err := c.connect(&interceptor.Registry{}); err != nil {
				t.Fatal(err)
			}
			if err := v.addTracks(); err != nil {
				t.Fatal(err)
			}
			answer, err := c.negotiate()
			if err != nil {
				t.Fatal(err)
			}
			pions, err := plan.complete(answer, c.me.candidates)
			if err != nil {
				t.Fatal(err)
			}
			if a, b := comparable(ours, v), comparable(pions, v); !slices.Equal(a, b) {
				t.Errorf("ours:\n%s\npion's:\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
			}
		})
	}
}

// comparable are the lines of an answer, sorted, without what is drawn for each
// connection (pion's repair SSRC is not in use) and what is obsolete.
func comparable(answer string, v *Viewer) (lines []string) {
	repair := regexp.MustCompile(`^a=ssrc:(\d+) |^a=ssrc-group:FID (\d+) (\d+)`)
	for line := range strings.Lines(answer) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "o=") || strings.Contains(line, "mslabel:") || strings.Contains(line, " label:") {
			continue
		}
		if m := repair.FindStringSubmatch(line); m != nil {
			media := slices.ContainsFunc(v.forwards, func(f *forward) bool { return fmt.Sprint(f.ssrc) == m[1] || fmt.Sprint(f.ssrc) == m[2] })
			switch {
			case m[3] != "":
				line = strings.Replace(line, m[3], "RTX", 1)
			case !media:
				line = strings.Replace(line, m[1], "RTX", 1)
			}
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

// A phone that changes its network keeps its seat: new addresses, new credentials, the
// same keys and the same stream.
func TestICEBeginsAnew(t *testing.T) {
	s, _ := newSFU(t)
	st := newStage(t)
	cam := newCamera(t, s, st)
	cam.frame(true, 3)
	cam.arrived(st)
	scr := newScreen(t, s, st)
	for range 3 {
		scr.next()
	}
	before := scr.view.peer.way.dest.Load().Addr()
	ufrag := scr.view.peer.me.ufrag
	offer, err := scr.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(scr.pc)
	if err := scr.pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	answer, err := scr.view.Restart(attribute(scr.pc.LocalDescription().SDP, "ice-ufrag"), attribute(scr.pc.LocalDescription().SDP, "ice-pwd"))
	if err != nil {
		t.Fatal(err)
	}
	if now := attribute(answer, "ice-ufrag"); now == ufrag || len(now) < 8 || answer != scr.view.Answer() {
		t.Errorf("still %s", now)
	}
	accept(t, scr.pc, answer)
	until(t, "the new address", func() bool { return scr.view.peer.way.dest.Load().Addr() != before })
	last := len(cam.sent)
	cam.frame(false, 4)
	for _, want := range cam.sent[last:] {
		if p := scr.next(); !bytes.Equal(p.Payload, want) {
			t.Fatal("a packet differs")
		}
	}
	if !scr.view.Flowing() {
		t.Error("the viewer has gone")
	}
	scr.view.Close()
	if _, err := scr.view.Restart("abcdabcd", strings.Repeat("x", 24)); err == nil {
		t.Error("what has ended began anew")
	}
}

func attribute(sdp, key string) string {
	for line := range strings.Lines(sdp) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "a="+key+":"); ok {
			return v
		}
	}
	return ""
}

// Who has not come yet may change its credentials too.
func TestICEBeginsAnewBeforeItBegan(t *testing.T) {
	s, _ := newSFU(t)
	st := newStage(t)
	cam := newCamera(t, s, st)
	cam.frame(true, 3)
	cam.arrived(st)
	pc := newScreenPC(t)
	got := make(chan struct{}, 8)
	pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			if _, _, err := tr.ReadRTP(); err != nil {
				return
			}
			got <- struct{}{}
		}
	})
	offer := offerOf(t, pc)
	old := strings.ReplaceAll(offer, attribute(offer, "ice-ufrag"), "somebodyelse")
	view, err := s.View(t.Context(), old, []Source{st.source("video", st.track("video").Info())})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := view.Restart(attribute(offer, "ice-ufrag"), attribute(offer, "ice-pwd"))
	if err != nil {
		t.Fatal(err)
	}
	accept(t, pc, answer)
	wait(t, got, "a packet")
	if n := s.door.count.Load(); n != 0 {
		t.Errorf("%d still wait", n)
	}
}

func TestViewersComeByTCPAndByIPv6(t *testing.T) {
	only := func(n webrtc.NetworkType) func(*webrtc.SettingEngine) {
		return func(e *webrtc.SettingEngine) {
			e.SetNetworkTypes([]webrtc.NetworkType{n})
			if n == webrtc.NetworkTypeUDP6 { // pion's client does not find ::1 by itself
				conn, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback})
				if err != nil {
					t.Skipf("no IPv6 here: %v", err)
				}
				mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: conn})
				t.Cleanup(func() { mux.Close() })
				e.SetICEUDPMux(mux)
			}
		}
	}
	for name, c := range map[string]struct {
		listen  string
		tcp     bool
		network webrtc.NetworkType
		kind    string
	}{
		"UDP beside TCP": {"127.0.0.1", true, webrtc.NetworkTypeUDP4, "batched"},
		"TCP":            {"127.0.0.1", true, webrtc.NetworkTypeTCP4, "pion"},
		"IPv6":           {"::1", false, webrtc.NetworkTypeUDP6, "batched"},
	} {
		t.Run(name, func(t *testing.T) {
			addr := netip.MustParseAddr(c.listen)
			s, reg := newSFU(t, func(cfg *Config) {
				conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
				if err != nil {
					t.Skipf("no %s here: %v", c.listen, err)
				}
				cfg.Conn.Close()
				cfg.Conn, cfg.Advertise = conn, []netip.Addr{addr}
				if c.tcp {
					l, err := net.Listen("tcp", netip.AddrPortFrom(addr, 0).String())
					if err != nil {
						t.Fatal(err)
					}
					cfg.Streams = l
				}
			})
			v4, _ := newSFU(t) // the camera's
			st := newStage(t)
			cam := newCamera(t, v4, st)
			cam.frame(true, 40)
			cam.arrived(st)
			scr := newScreen(t, s, st, only(c.network))
			for i, want := range cam.sent {
				if p := scr.next(); !bytes.Equal(p.Payload, want) {
					t.Fatalf("packet %d differs", i)
				}
			}
			if n := metric(t, reg, "senders", c.kind); n != 1 {
				t.Errorf("%v senders of kind %s", n, c.kind)
			}
			streams := 0.
			if c.kind == "pion" {
				streams = 1
			}
			if n := testutil.ToFloat64(s.metrics.streams); n != streams {
				t.Errorf("%v connections", n)
			}
			scr.view.Close()
			wait(t, scr.view.Gone(), "the end")
		})
	}
}
