package sfu

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// A speaker publishes sound and picture; what of it is received is the test's to say.
type speaker struct {
	t              *testing.T
	audio, video   *webrtc.TrackLocalStaticRTP
	noAudio, noPic atomic.Bool
	seq            uint16
}

func (p *speaker) allowed() (audio, video bool) { return !p.noAudio.Load(), !p.noPic.Load() }

func newSpeaker(t *testing.T, s *SFU, st *stage) *speaker {
	t.Helper()
	p := &speaker{t: t}
	pc := newClient(t, false)
	for _, c := range []struct {
		mime  string
		clock uint32
		name  string
		track **webrtc.TrackLocalStaticRTP
	}{{webrtc.MimeTypeOpus, 48000, "audio", &p.audio}, {webrtc.MimeTypeVP8, 90000, "video", &p.video}} {
		track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: c.mime, ClockRate: c.clock, Channels: 2 * b2u(c.name == "audio")}, c.name, "talk")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pc.AddTrack(track); err != nil {
			t.Fatal(err)
		}
		*c.track = track
	}
	pub, err := s.Publish(t.Context(), offerOf(t, pc), st, p.allowed)
	if err != nil {
		t.Fatal(err)
	}
	accept(t, pc, pub.Answer())
	wait(t, pub.Connected(), "the publisher's transport")
	wait(t, st.opened, "a track")
	wait(t, st.opened, "the other track")
	if !pub.Flowing() {
		t.Error("a publisher that is connected does not flow")
	}
	return p
}

func b2u(b bool) uint16 {
	if b {
		return 1
	}
	return 0
}

// say sends one packet of each kind; both carry n, and the picture is a key frame if key.
func (p *speaker) say(n byte, key bool) {
	p.t.Helper()
	p.seq++
	head := rtp.Header{Version: 2, SequenceNumber: p.seq, Timestamp: uint32(p.seq) * 960, Marker: true}
	picture := []byte{0x10, 1, n, 0}
	if key {
		picture = []byte{0x10, 0, n, 0, 0x9d, 0x01, 0x2a, 0, 15, 0x70, 8}
	}
	for track, payload := range map[*webrtc.TrackLocalStaticRTP][]byte{p.audio: {0xf8, 0, n}, p.video: picture} {
		if err := track.WriteRTP(&rtp.Packet{Header: head, Payload: payload}); err != nil {
			p.t.Fatal(err)
		}
	}
}

// A listener hears and sees, and keeps the numbers that the packets carry.
func newListener(t *testing.T, s *SFU, st *stage) (heard, seen chan *rtp.Packet) {
	t.Helper()
	pc := newClient(t, true)
	heard, seen = make(chan *rtp.Packet, 4096), make(chan *rtp.Packet, 4096)
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		to := seen
		if tr.Kind() == webrtc.RTPCodecTypeAudio {
			to = heard
		}
		for {
			packet, _, err := tr.ReadRTP()
			if err != nil {
				return
			}
			to <- packet
		}
	})
	view, err := s.View(t.Context(), offerOf(t, pc), []Source{st.source("video", st.track("video").Info()), st.source("audio", st.track("audio").Info())})
	if err != nil {
		t.Fatal(err)
	}
	accept(t, pc, view.Answer())
	wait(t, view.Connected(), "the viewer's transport")
	return heard, seen
}

// until sends packets until the listener gets the one that carries n.
func (p *speaker) until(what string, n byte, key bool, from chan *rtp.Packet) {
	p.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for {
		select {
		case packet := <-from:
			if packet.Payload[2] == n {
				return
			}
		case <-tick.C:
			p.say(n, key)
		case <-late:
			p.t.Fatalf("%s did not happen", what)
		}
	}
}

func TestS70StoppedMediaReachesNobodyWhileTheOtherGoesOn(t *testing.T) {
	for _, c := range []struct {
		name          string
		stop          func(p *speaker) *atomic.Bool
		stopped, goes func(heard, seen chan *rtp.Packet) chan *rtp.Packet
	}{
		{"S70 audio is stopped, video goes on", func(p *speaker) *atomic.Bool { return &p.noAudio },
			func(h, _ chan *rtp.Packet) chan *rtp.Packet { return h }, func(_, s chan *rtp.Packet) chan *rtp.Packet { return s }},
		{"S71 video is stopped, audio goes on", func(p *speaker) *atomic.Bool { return &p.noPic },
			func(_, s chan *rtp.Packet) chan *rtp.Packet { return s }, func(h, _ chan *rtp.Packet) chan *rtp.Packet { return h }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, reg := newSFU(t)
			st := newStage(t)
			p := newSpeaker(t, s, st)
			p.say(1, true)
			heard, seen := newListener(t, s, st)
			p.until("the first sound", 2, true, heard)
			p.until("the first picture", 3, true, seen)
			stopped, goes := c.stopped(heard, seen), c.goes(heard, seen)

			no := c.stop(p)
			no.Store(true)
			p.until("the other kind under the stop", 4, true, goes)
			p.until("the other kind after it", 5, false, goes)
			before := len(stopped)
			if metric(t, reg, "dropped_packets_total", "stopped") == 0 {
				t.Error("nothing was counted as stopped")
			}
			for range before {
				if n := (<-stopped).Payload[2]; n >= 4 {
					t.Fatalf("a stopped packet (%d) reached the listener", n)
				}
			}
			no.Store(false)
			p.until("what was stopped, allowed again", 6, true, stopped)
			if got := metric(t, reg, "publishers"); got != 1 {
				t.Errorf("%v publishers, want the one of before", got)
			}
		})
	}
}

func TestS44AGuestWithoutPermissionIsNeverHeard(t *testing.T) {
	s, reg := newSFU(t)
	st := newStage(t)
	p := newSpeaker(t, s, st)
	p.noAudio.Store(true)
	heard, seen := newListener(t, s, st)
	for n := range byte(20) {
		p.until("the picture", n+1, true, seen)
	}
	if len(heard) != 0 || metric(t, reg, "packets_in_total", "audio") != 0 {
		t.Errorf("%d packets of a guest without audio permission were heard", len(heard))
	}
	if r := st.track("audio").Reader(0); r.Try() != nil {
		t.Error("there is a packet in the ring, from which every hop is fed")
	}
}

func TestS72VideoThatIsAllowedAgainBeginsWithAKeyFrame(t *testing.T) {
	s, reg := newSFU(t)
	st := newStage(t)
	p := newSpeaker(t, s, st)
	_, seen := newListener(t, s, st)
	p.until("the first picture", 1, true, seen)
	p.noPic.Store(true)
	until(t, "the stop", func() bool {
		p.say(2, false)
		return metric(t, reg, "dropped_packets_total", "stopped") > 0
	})
	asked := st.asked.Load()
	p.noPic.Store(false)
	until(t, "a request for a key frame", func() bool { p.say(3, false); return st.asked.Load() > asked })
	for len(seen) > 0 {
		if n := (<-seen).Payload[2]; n == 3 {
			t.Fatal("video went on without a key frame")
		}
	}
	p.until("the picture after its key frame", 4, true, seen)
}
