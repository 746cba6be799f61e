package sfu

import (
	"context"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"stentor/relay"
	"stentor/relay/wire"
)

// A gallery is a viewer with several sections: what comes in each, by its mid.
type gallery struct {
	t    *testing.T
	pc   *webrtc.PeerConnection
	view *Viewer
	got  map[string]chan *rtp.Packet
}

// newGallery watches with so many sections of each kind.
func newGallery(t *testing.T, s *SFU, videos, audios int, sources []Source, edit ...func(*webrtc.SettingEngine)) *gallery {
	t.Helper()
	g := &gallery{t: t, pc: newClient(t, false, edit...), got: make(map[string]chan *rtp.Packet)}
	for i := range videos + audios {
		kind := webrtc.RTPCodecTypeVideo
		if i >= videos {
			kind = webrtc.RTPCodecTypeAudio
		}
		if _, err := g.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	offer := offerOf(t, g.pc)
	for _, tr := range g.pc.GetTransceivers() {
		g.got[tr.Mid()] = make(chan *rtp.Packet, 4096)
	}
	g.pc.OnTrack(func(tr *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		mid := ""
		for _, x := range g.pc.GetTransceivers() {
			if x.Receiver() == receiver {
				mid = x.Mid()
			}
		}
		for {
			p, a, err := tr.ReadRTP()
			if err != nil {
				return
			}
			if a.Get(webrtc.AttributeRtxSsrc) == nil {
				g.got[mid] <- p
			}
		}
	})
	var err error
	if g.view, err = s.View(t.Context(), offer, sources); err != nil {
		t.Fatal(err)
	}
	accept(t, g.pc, g.view.Answer())
	return g
}

// An actor is a stream of one track, whose packets the test writes into the ring.
type actor struct {
	t     *testing.T
	track *relay.Track
	src   Source
	seq   uint16
	time  uint32
	mark  byte
}

func newActor(t *testing.T, st *stage, stream string, info wire.TrackInfo, mark byte) *actor {
	t.Helper()
	id := wire.TrackID{Webinar: "w_test", Stream: stream, Name: info.Kind.String()}
	track, err := st.relay.Publish(id, info, st.epoch.Add(1), func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(track.Close)
	return &actor{t: t, track: track, mark: mark, src: Source{Name: stream + "/" + id.Name, Info: info, Participant: "p_" + stream, Subscribe: func(ctx context.Context) (*relay.Subscription, error) {
		return st.relay.Subscribe(ctx, id)
	}}}
}

// frame writes one, a key frame of a picture.
func (a *actor) frame() {
	a.t.Helper()
	payload := []byte{0x65, a.mark, 0, 0}
	switch a.track.Info().Mime {
	case webrtc.MimeTypeVP8:
		payload = []byte{0x10, a.mark, 0, 0} // its second byte is in the frame tag of a key frame, which is even
	case webrtc.MimeTypeOpus:
		payload[0] = 0
	}
	binary.BigEndian.PutUint16(payload[2:], a.seq)
	p := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: a.track.Info().PayloadType, SequenceNumber: a.seq, Timestamp: a.time, SSRC: 7, Marker: true}, Payload: payload}
	raw, err := p.Marshal()
	if err != nil {
		a.t.Fatal(err)
	}
	if err := a.track.Write(0, raw, time.Now()); err != nil {
		a.t.Fatal(err)
	}
	a.seq++
	a.time += 3000
}

var (
	pictureInfo = wire.TrackInfo{Kind: wire.Video, Mime: "video/H264", Clock: 90000, Fmtp: "packetization-mode=1;profile-level-id=42e01f", PayloadType: 96}
	vp8Info     = wire.TrackInfo{Kind: wire.Video, Mime: "video/VP8", Clock: 90000, PayloadType: 97}
	voiceInfo   = wire.TrackInfo{Kind: wire.Audio, Mime: "audio/opus", Clock: 48000, Channels: 2, PayloadType: 111}
)

// seen writes frames until one has come in the section.
func (g *gallery) seen(a *actor, mid string) *rtp.Packet {
	g.t.Helper()
	late := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		a.frame()
		select {
		case p := <-g.got[mid]:
			if p.Payload[1] == a.mark {
				return p
			}
		case <-tick.C:
		case <-late:
			g.t.Fatalf("nothing of %s came in section %s", a.src.Name, mid)
		}
	}
}

// TestWhoComesLaterIsSeenWithoutAnotherDescription is the promise of slots: the description
// of the join is the only one.
func TestWhoComesLaterIsSeenWithoutAnotherDescription(t *testing.T) {
	for _, c := range []struct {
		name string
		edit []func(*webrtc.SettingEngine)
		kind string
	}{
		{"by the batched path", nil, "batched"},
		{"by pion's", []func(*webrtc.SettingEngine){func(e *webrtc.SettingEngine) {
			e.SetSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_80)
		}}, "pion"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, reg := newSFU(t)
			st := newStage(t)
			main := newActor(t, st, "main", pictureInfo, 2)
			main.frame()
			g := newGallery(t, s, 3, 2, []Source{main.src}, c.edit...)
			g.seen(main, "0")

			late, voice := newActor(t, st, "p1", vp8Info, 4), newActor(t, st, "p1", voiceInfo, 6)
			if !g.view.Assign([]Source{main.src, late.src, voice.src}, nil) {
				t.Error("nothing changed")
			}
			first := g.seen(late, "1")
			g.seen(voice, "4") // the second section of sound, beside the second picture
			g.seen(main, "0")
			if g.view.Assign([]Source{main.src, late.src, voice.src}, nil) {
				t.Error("the same stage once more is a change")
			}

			// Who goes leaves the section to the next, with another codec, and no frame of the old one comes.
			other := newActor(t, st, "p2", pictureInfo, 8)
			g.view.Assign([]Source{main.src, other.src}, nil)
			p := g.seen(other, "1")
			if p.SSRC != first.SSRC {
				t.Errorf("the source of the section is %d, was %d", p.SSRC, first.SSRC)
			}
			if p.PayloadType == first.PayloadType {
				t.Errorf("H.264 comes as payload type %d, as VP8 did", p.PayloadType)
			}
			late.frame()
			g.seen(main, "0")
			for len(g.got["1"]) > 0 {
				if p := <-g.got["1"]; p.Payload[1] == late.mark {
					t.Error("a picture of somebody who left the section")
				}
			}
			for _, tr := range g.view.Stats().Tracks {
				if tr.Packets > 0 && tr.Sender != c.kind {
					t.Errorf("%s goes by %s", tr.Source, tr.Sender)
				}
			}
			if n := metric(t, reg, "slots_assigned"); n != 2 {
				t.Errorf("%v sections carry something, want 2", n)
			}
			g.view.Close()
			wait(t, g.view.Gone(), "the end")
			if n := metric(t, reg, "slots_assigned"); n != 0 {
				t.Errorf("%v sections carry something after the end", n)
			}
		})
	}
}

// TestAssigningBeforeTheViewerComes: the stage changes between the answer and the first check.
func TestAssigningBeforeTheViewerComes(t *testing.T) {
	s, _ := newSFU(t)
	st := newStage(t)
	main, late := newActor(t, st, "main", pictureInfo, 2), newActor(t, st, "p1", pictureInfo, 4)
	main.frame()
	pc := newClient(t, false)
	for range 2 {
		if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	g := &gallery{t: t, pc: pc, got: map[string]chan *rtp.Packet{"0": make(chan *rtp.Packet, 4096), "1": make(chan *rtp.Packet, 4096)}}
	pc.OnTrack(func(tr *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		mid := "0"
		if r == pc.GetTransceivers()[1].Receiver() {
			mid = "1"
		}
		for {
			p, _, err := tr.ReadRTP()
			if err != nil {
				return
			}
			g.got[mid] <- p
		}
	})
	view, err := s.View(t.Context(), offerOf(t, pc), []Source{main.src})
	if err != nil {
		t.Fatal(err)
	}
	view.Assign([]Source{main.src, late.src}, nil)
	accept(t, pc, view.Answer())
	g.seen(late, "1")
	g.seen(main, "0")
	view.Close()
	view.Assign([]Source{main.src}, nil) // of no effect, and no harm
	wait(t, view.Gone(), "the end")
}

// TestSpareSections: what is answered to sections that nothing is for.
func TestSpareSections(t *testing.T) {
	pc := newClient(t, true)
	for range 2 {
		if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	offer := offerOf(t, pc)
	for _, c := range []struct {
		name   string
		offer  string
		spare  int
		first  int // formats of the first section
		answer string
	}{
		{"a section beside the one in use takes all that may come, and sound that nobody makes is refused", offer, 1, 5, "m=audio 0 "},
		{"a section outside of the group is refused", strings.Replace(offer, "BUNDLE 0 1 2", "BUNDLE 0 2", 1), 0, 5, "a=mid:1"},
		{"a player with one section is answered with the one format of what it is sent", strings.Replace(offer, "a=mid:1\r\n", "a=mid:1\r\na=inactive\r\n", 1), 0, 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.first == 1 {
				before, after, _ := strings.Cut(c.offer, "a=mid:1\r\n")
				c.offer = before + "a=mid:1\r\n" + strings.Replace(after, "a=recvonly\r\n", "", 1)
			}
			p, err := planView(mustRead(t, c.offer), []Source{{Name: "main/video", Info: pictureInfo}})
			if err != nil {
				t.Fatal(err)
			}
			if len(p.used) != 1 || len(p.spare) != c.spare {
				t.Errorf("%d sections in use and %d spare", len(p.used), len(p.spare))
			}
			if n := len(p.used[0].all()); (n == 1) != (c.first == 1) {
				t.Errorf("%d formats in the first section", n)
			}
			var forwards []*forward
			for range p.accepted() {
				forwards = append(forwards, &forward{ssrc: 1, msid: [2]string{"a", "b"}})
			}
			text, err := p.answerViewer(introduction{fingerprint: "sha-256 AA"}, forwards)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(text, c.answer) {
				t.Errorf("no %q in\n%s", c.answer, text)
			}
		})
	}
}

// TestAPictureLeavesRoomForTheOthers: a viewer's estimate is of its path, not of one section.
func TestAPictureLeavesRoomForTheOthers(t *testing.T) {
	for _, c := range []struct {
		name       string
		voice, one int64 // bits a second in the other sections
		want       float64
	}{
		{"alone", 0, 0, 4e6},
		{"beside a small picture", 0, 1e6, 3e6},
		{"beside a voice, which is too little to count", 5e4, 0, 4e6},
		{"beside a picture that takes all: its part", 0, 5e6, 2e6},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := &Viewer{forwards: []*forward{{kind: wire.Video}, {kind: wire.Video}, {kind: wire.Audio}}}
			v.forwards[1].bits.Store(c.one)
			v.forwards[2].bits.Store(c.voice)
			if got := v.share(v.forwards[0], 4e6); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}
