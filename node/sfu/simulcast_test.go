package sfu

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"stentor/relay/wire"
)

// A lens is one encoding of a simulcast camera.
type lens struct {
	rid           string
	width, height int
	track         *film
	seq, picture  uint16
	base          uint8
	time          uint32
	plis          chan struct{}
	more          int // bytes of a packet beyond 900
}

// A film is a track that its packets can leave under any SSRC.
type film struct {
	*webrtc.TrackLocalStaticRTP
	mu  sync.Mutex // guards the following
	out webrtc.TrackLocalWriter
}

func (f *film) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	f.mu.Lock()
	f.out = c.WriteStream()
	f.mu.Unlock()
	return f.TrackLocalStaticRTP.Bind(c)
}

func (f *film) anywhere(h *rtp.Header, payload []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.out.WriteRTP(h, payload)
	return err
}

// A studio publishes VP8 in several sizes whose packets the test makes.
type studio struct {
	t        *testing.T
	pc       *webrtc.PeerConnection
	pub      *Publisher
	lenses   []*lens
	mid, rid uint8 // header extensions
	section  string
}

// newStudio connects; the lenses are in the order of the offer. Nothing is sent yet.
func newStudio(t *testing.T, s *SFU, st *stage, lenses []*lens, edit ...func(string) string) *studio {
	t.Helper()
	return newStudioOf(t, newClient(t, false), s, st, lenses, edit...)
}

// newStudioOf connects a client.
func newStudioOf(t *testing.T, pc *webrtc.PeerConnection, s *SFU, st *stage, lenses []*lens, edit ...func(string) string) *studio {
	t.Helper()
	c := &studio{t: t, pc: pc, lenses: lenses}
	var sender *webrtc.RTPSender
	for _, l := range lenses {
		l.seq, l.picture, l.time, l.base = uint16(rand.Uint32()), uint16(rand.Uint32()&0x7fff), rand.Uint32(), uint8(rand.Uint32())
		l.plis = make(chan struct{}, 64)
		static, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000},
			"video", "cam", webrtc.WithRTPStreamID(l.rid))
		if err != nil {
			t.Fatal(err)
		}
		l.track = &film{TrackLocalStaticRTP: static}
		if sender == nil {
			tr, err := c.pc.AddTransceiverFromTrack(l.track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
			if err != nil {
				t.Fatal(err)
			}
			sender = tr.Sender()
		} else if err := sender.AddEncoding(l.track); err != nil {
			t.Fatal(err)
		}
	}
	offer := offerOf(t, c.pc)
	for _, f := range edit {
		offer = f(offer)
	}
	var err error
	if c.pub, err = s.Publish(t.Context(), offer, st, nil); err != nil {
		t.Fatal(err)
	}
	up := make(chan struct{})
	c.pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateConnected {
			close(up)
		}
	})
	accept(t, c.pc, c.pub.Answer())
	wait(t, up, "the publisher's transport")
	c.section = c.pc.GetTransceivers()[0].Mid()
	for _, e := range sender.GetParameters().HeaderExtensions {
		switch e.URI {
		case extMID:
			c.mid = uint8(e.ID)
		case extRID:
			c.rid = uint8(e.ID)
		}
	}
	for _, l := range lenses {
		go func() {
			for {
				packets, _, err := sender.ReadSimulcastRTCP(l.rid)
				if err != nil {
					return
				}
				for _, p := range packets {
					if _, ok := p.(*rtcp.PictureLossIndication); ok {
						l.plis <- struct{}{}
					}
				}
			}
		}()
	}
	return c
}

// frame sends one frame of n packets of one size.
func (c *studio) frame(l *lens, key bool, n int) {
	c.t.Helper()
	for i := range n {
		p := &rtp.Packet{
			Header:  rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: l.seq, Timestamp: l.time, Marker: i == n-1},
			Payload: l.payload(key, i == 0),
		}
		if err := p.Header.SetExtension(c.mid, []byte(c.section)); err != nil {
			c.t.Fatal(err)
		}
		if err := p.Header.SetExtension(c.rid, []byte(l.rid)); err != nil {
			c.t.Fatal(err)
		}
		if err := l.track.WriteRTP(p); err != nil {
			c.t.Fatal(err)
		}
		l.seq++
	}
	l.picture = (l.picture + 1) & 0x7fff
	l.base++
	l.time += 3000
}

// payload is a VP8 descriptor with a picture id of 15 bits and TL0PICIDX (RFC 7741), and
// the beginning of a frame.
func (l *lens) payload(key, first bool) []byte {
	b := []byte{0x80, 0xc0, 0x80 | byte(l.picture>>8), byte(l.picture), l.base}
	if !first {
		return append(b, make([]byte, 900+l.more)...)
	}
	b[0] |= 0x10
	if !key {
		return append(b, append([]byte{1, 0, 0}, make([]byte, 900+l.more)...)...)
	}
	b = append(b, 0x10, 0, 0, 0x9d, 1, 0x2a)
	b = binary.LittleEndian.AppendUint16(b, uint16(l.width))
	b = binary.LittleEndian.AppendUint16(b, uint16(l.height))
	return append(b, make([]byte, 890+l.more)...)
}

func threeSizes() []*lens {
	return []*lens{{rid: "q", width: 960, height: 540}, {rid: "h", width: 1920, height: 1080}, {rid: "f", width: 3840, height: 2160}}
}

// opens sends key frames of the lenses until the track is open.
func (c *studio) opens(st *stage, lenses ...*lens) {
	c.t.Helper()
	until(c.t, "the track's opening", func() bool {
		select {
		case <-st.opened:
			return true
		default:
		}
		for _, l := range lenses {
			c.frame(l, true, 3)
		}
		return false
	})
}

// heights are those that the track says of its layers.
func heights(info wire.TrackInfo) (out []int) {
	for _, l := range info.Layers {
		out = append(out, int(l.Height))
	}
	return out
}

func rids(info wire.TrackInfo) (out []string) {
	for _, l := range info.Layers {
		out = append(out, l.RID)
	}
	return out
}

func TestSimulcastIsLayersBySize(t *testing.T) {
	reversed := threeSizes()
	slices.Reverse(reversed)
	for _, test := range []struct {
		name    string
		offered []*lens
		come    func([]*lens) []*lens // those that come at once
		rids    []string
		heights []int
	}{
		{"three in the order of browsers", threeSizes(), func(l []*lens) []*lens { return l }, []string{"q", "h", "f"}, []int{540, 1080, 2160}},
		{"three with the largest first", reversed, func(l []*lens) []*lens { return l }, []string{"q", "h", "f"}, []int{540, 1080, 2160}},
		{"the largest is not sent yet", threeSizes(), func(l []*lens) []*lens { return l[:2] }, []string{"q", "h", "f"}, []int{540, 1080, 0}},
		{"only the last one offered is sent yet", reversed, func(l []*lens) []*lens { return l[2:] }, []string{"q", "h", "f"}, []int{540, 0, 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, _ := newSFU(t)
			st := newStage(t)
			c := newStudio(t, s, st, test.offered)
			c.opens(st, test.come(test.offered)...)
			info := st.track("video").Info()
			if got := rids(info); !slices.Equal(got, test.rids) {
				t.Errorf("layers %q, want %q", got, test.rids)
			}
			if got := heights(info); !slices.Equal(got, test.heights) {
				t.Errorf("heights %v, want %v", got, test.heights)
			}
		})
	}
}

func TestSimulcastFillsEachLayerAndAsksEachForKeyFrames(t *testing.T) {
	s, _ := newSFU(t)
	st := newStage(t)
	c := newStudio(t, s, st, threeSizes())
	answer := c.pub.Answer()
	for _, want := range []string{"a=rid:q recv", "a=rid:h recv", "a=rid:f recv", "a=simulcast:recv q;h;f", extRepairedRID} {
		if !strings.Contains(answer, want) {
			t.Errorf("the answer lacks %q\n%s", want, answer)
		}
	}
	c.opens(st, c.lenses...)
	track := st.track("video")
	for layer, l := range c.lenses {
		c.frame(l, true, 2)
		c.frame(l, false, 2)
		want := l.seq - 1
		r := track.Reader(layer)
		defer r.Close()
		until(t, "layer "+l.rid, func() bool {
			for p := r.Try(); p != nil; p = r.Try() {
				if uint16(p.Seq) == want {
					return true
				}
			}
			return false
		})
	}
	track.RequestKeyFrame(1)
	wait(t, c.lenses[1].plis, "the request at the middle size")
	track.RequestKeyFrame(2)
	wait(t, c.lenses[2].plis, "the request at the largest size")
	if len(c.lenses[0].plis) != 0 {
		t.Error("the smallest was asked too")
	}
}

func TestOffersOfSimulcast(t *testing.T) {
	base := []string{"extmap:1 " + extMID, "extmap:2 " + extRID, "extmap:3 " + extRepairedRID}
	for _, test := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{"three", []string{"rid:q send", "rid:h send", "rid:f send", "simulcast:send q;h;f"}, []string{"q", "h", "f"}},
		{"more than three: the first", []string{"rid:a send", "rid:b send", "rid:c send", "rid:d send", "simulcast:send a;b;c;d"}, []string{"a", "b", "c"}},
		{"alternatives: the first", []string{"rid:a send pt=96", "rid:b send", "rid:c send", "simulcast:send a,b;c"}, []string{"a", "c"}},
		{"paused ones too", []string{"rid:a send", "rid:b send", "simulcast:send a;~b"}, []string{"a", "b"}},
		{"both directions", []string{"rid:a send", "rid:b send", "rid:x recv", "simulcast:recv x send a;b"}, []string{"a", "b"}},
		{"one is no simulcast", []string{"rid:a send", "simulcast:send a"}, nil},
		{"twice the same", []string{"rid:a send", "simulcast:send a;a"}, nil},
		{"undeclared", []string{"rid:a send", "simulcast:send a;b"}, nil},
		{"no line", []string{"rid:a send", "rid:b send"}, nil},
		{"names that no packet can carry", []string{"rid:a! send", "rid:12345678901234567 send", "simulcast:send a!;12345678901234567"}, nil},
		{"only received", []string{"rid:a recv", "rid:b recv", "simulcast:recv a;b"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := &sdp.MediaDescription{}
			for _, l := range slices.Concat(base, test.lines) {
				k, v, _ := strings.Cut(l, ":")
				m.Attributes = append(m.Attributes, sdp.Attribute{Key: k, Value: v})
			}
			s := readSection(0, m)
			if got := readRIDs(&s); !slices.Equal(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
			s.exts = map[string]uint8{extMID: 1}
			if readRIDs(&s) != nil {
				t.Error("taken from an offer whose packets do not name their stream")
			}
		})
	}
}

func TestAPublisherWhoseSourcesChangeWithoutEndIsEnded(t *testing.T) {
	s, reg := newSFU(t)
	st := newStage(t)
	c := newStudio(t, s, st, threeSizes())
	limit := maxStreamsOf(c.pub.peer.plan)
	for ssrc := range uint32(limit) {
		h := &rtp.Header{Version: 2, PayloadType: 96, SSRC: ssrc + 1}
		_ = h.SetExtension(c.mid, []byte(c.section))
		_ = h.SetExtension(c.rid, []byte("q"))
		if c.lenses[0].track.anywhere(h, c.lenses[0].payload(true, true)) != nil {
			break // it is over
		}
	}
	wait(t, c.pub.Gone(), "the end of the publisher")
	if err := c.pub.Err(); err != errChurn {
		t.Errorf("it ended by %v", err)
	}
	if n := metric(t, reg, "churning_publishers_total"); n != 1 {
		t.Errorf("%v counted", n)
	}
}

func TestAPictureThatChangesItsSizeChangesThoseOfItsLayers(t *testing.T) {
	s, _ := newSFU(t)
	st := newStage(t)
	c := newStudio(t, s, st, threeSizes())
	c.opens(st, c.lenses...)
	w := newWatcher(t, s, st)
	told := func() (out [3][2]int) {
		for i, l := range w.view.Layers()[0] {
			out[i] = [2]int{l.Width, l.Height}
		}
		return out
	}
	until(t, "the sizes of the camera", func() bool {
		return told() == [3][2]int{{960, 540}, {1920, 1080}, {3840, 2160}}
	})
	c.lenses[1].width, c.lenses[1].height = 800, 600 // a window is shown instead; of one size the key frame comes first
	c.frame(c.lenses[1], true, 3)
	until(t, "the sizes of the window", func() bool {
		return told() == [3][2]int{{400, 300}, {800, 600}, {1600, 1200}}
	})
	if err := w.view.Choose(-1, Wish{Width: 900}); err != nil {
		t.Fatal(err)
	}
	f := w.view.forwards[0]
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.choice.own.Height != 1199 {
		t.Errorf("a wish for 900 pixels bounds the lines at %d", f.choice.own.Height)
	}
}
