package sfu

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"regexp"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"stentor/bench/impair"
	"stentor/relay"
	"stentor/relay/rtp/dependency"
	"stentor/relay/wire"
)

// A reel is a Chromium's scalable stream (relay/rtp/svc/testdata), shown at 30 pictures a second
// without end: each turn begins with a key frame, and all numbers go on.
type reel struct {
	track    *relay.Track
	pictures [][][]byte
	frames   uint16 // of a turn
	shown    int
	seq      uint16
	turn     uint16
}

const reelDD = 13 // under which id its Chromium sent the dependency descriptor

func newReel(t *testing.T, st *stage, name, mime string) *reel {
	t.Helper()
	b, err := os.ReadFile("../../relay/rtp/svc/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	r := &reel{}
	var at uint32
	first, last := -1, uint16(0)
	for len(b) > 4 {
		raw := make([]byte, binary.BigEndian.Uint16(b))
		n := int(binary.BigEndian.Uint16(b[2:]))
		copy(raw, b[4:4+n])
		b = b[4+n:]
		raw[0] &^= 0x20
		if time := binary.BigEndian.Uint32(raw[4:]); r.pictures == nil || time > at {
			at = time
			r.pictures = append(r.pictures, nil)
		}
		i := len(r.pictures) - 1
		r.pictures[i] = append(r.pictures[i], raw)
		if d := descriptorOf(raw); d != nil {
			if last = binary.BigEndian.Uint16(d[1:]); first < 0 {
				first = int(last)
			}
		}
	}
	r.pictures = r.pictures[:len(r.pictures)-1] // which is not whole
	r.frames = last - uint16(first) + 8
	info := wire.TrackInfo{
		Kind: wire.Video, Mime: mime, Clock: 90000, Fmtp: "profile-id=0", PayloadType: 98,
		Extensions: []wire.Extension{{ID: reelDD, URI: extDependency}},
	}
	if r.track, err = st.Track("video", info, func(int) {}); err != nil {
		t.Fatal(err)
	}
	return r
}

// descriptorOf is the dependency descriptor of a packet. It aliases it.
func descriptorOf(raw []byte) []byte {
	var h rtp.Header
	if _, err := h.Unmarshal(raw); err != nil {
		return nil
	}
	return h.GetExtension(reelDD)
}

// next shows a picture.
func (r *reel) next(t *testing.T) {
	t.Helper()
	i := r.shown % len(r.pictures)
	if i == 0 && r.shown > 0 {
		r.turn++
	}
	for _, packet := range r.pictures[i] {
		raw := append([]byte(nil), packet...)
		binary.BigEndian.PutUint16(raw[2:], r.seq)
		binary.BigEndian.PutUint32(raw[4:], uint32(3000*r.shown))
		if d := descriptorOf(raw); d != nil {
			binary.BigEndian.PutUint16(d[1:], binary.BigEndian.Uint16(d[1:])+r.turn*r.frames)
		}
		if err := r.track.Write(0, raw, time.Now()); err != nil {
			t.Fatal(err)
		}
		r.seq++
	}
	r.shown++
}

// A spectator is a viewer that looks at dependency descriptors, reports and estimates.
type spectator struct {
	t    *testing.T
	pc   *webrtc.PeerConnection
	view *Viewer

	mu      sync.Mutex // guards the following
	reader  dependency.Reader
	ssrc    uint32
	frames  map[uint16]*svcFrame
	begun   time.Time
	heights int // of the size that came last
	estimate
}

type svcFrame struct {
	dependency.Descriptor
	at      time.Time
	packets int
	from    uint16 // number of its first packet
	to      uint16 // and of its last
	first   bool
	last    bool
}

const spectatorDD = 9

func newSpectator(t *testing.T, s *SFU, st *stage, edit ...func(*webrtc.SettingEngine)) *spectator {
	t.Helper()
	w := &spectator{t: t, pc: newClient(t, false, edit...), frames: make(map[uint16]*svcFrame)}
	if _, err := w.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	w.pc.OnTrack(func(tr *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		go func() {
			for {
				if _, _, err := receiver.ReadRTCP(); err != nil {
					return
				}
			}
		}()
		for {
			p, _, err := tr.ReadRTP()
			if err != nil {
				return
			}
			w.take(p)
		}
	})
	// pion's offer does not say that the viewer understands the descriptor.
	offer := regexp.MustCompile(`(?m)^a=rtcp-mux\r$`).ReplaceAllString(offerOf(t, w.pc), fmt.Sprintf("a=rtcp-mux\r\na=extmap:%d %s\r", spectatorDD, extDependency))
	var err error
	if w.view, err = s.View(t.Context(), offer, []Source{st.source("video", st.track("video").Info())}); err != nil {
		t.Fatal(err)
	}
	accept(t, w.pc, w.view.Answer())
	return w
}

func (w *spectator) take(p *rtp.Packet) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if w.begun.IsZero() {
		w.begun = now
	}
	w.ssrc = p.SSRC
	w.came(p.MarshalSize()+28, now)
	w.sent(time.Duration(p.Timestamp)*time.Second/90000, now.Sub(time.Unix(0, 0)))
	var d dependency.Descriptor
	if w.reader.Parse(p.Header.GetExtension(spectatorDD), &d) != nil {
		return // its key frame was lost
	}
	f := w.frames[d.Number]
	if f == nil {
		f = &svcFrame{Descriptor: d, at: now}
		w.frames[d.Number] = f
		w.heights = w.reader.Structure().Size(int(d.Spatial)).Height
	}
	f.packets++
	if d.First {
		f.first, f.from = true, p.SequenceNumber
	}
	if d.Last {
		f.last, f.to = true, p.SequenceNumber
	}
}

func (w *spectator) report() {
	w.mu.Lock()
	bits, ok := w.tell(w.begun, time.Now())
	ssrc := w.ssrc
	w.mu.Unlock()
	if !ok || ssrc == 0 {
		return
	}
	if err := w.pc.WriteRTCP([]rtcp.Packet{&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: float32(bits), SSRCs: []uint32{ssrc}}}); err != nil {
		w.t.Error(err)
	}
}

// height is that of the size that came last.
func (w *spectator) height() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.heights
}

// whole counts the frames since a time, by their spatial layers, and holds that each came as a
// whole and with all that it refers to.
func (w *spectator) whole(since time.Time) (by [3]int) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for n, f := range w.frames {
		if !f.at.After(since) || time.Since(f.at) < 300*time.Millisecond { // what is on its way is not whole yet
			continue
		}
		if !f.first || !f.last || f.packets < int(f.to-f.from)+1 {
			w.t.Errorf("frame %d is not whole: %d packets", n, f.packets)
		}
		for _, diff := range f.Refs() {
			if w.frames[n-diff] == nil {
				w.t.Errorf("frame %d (%d, %d) refers to %d, which did not come", n, f.Spatial, f.Temporal, n-diff)
			}
		}
		by[f.Spatial]++
	}
	return by
}

func TestAScalableStreamIsThinnedForAViewerBehindANarrowPath(t *testing.T) {
	for _, test := range []struct {
		name, file, mime string
		path             int64 // bits a second
	}{
		{"VP9, sizes joined at key frames", "vp9-l3t3-key.rtp", webrtc.MimeTypeVP9, 2500e3},
		{"AV1, sizes joined at every picture", "av1-l3t3.rtp", webrtc.MimeTypeAV1, 1300e3},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEther(t)
				way := impair.Profile{Delay: 10 * time.Millisecond}
				free, back := impair.New(way, 1), impair.New(way, 3)
				narrow := impair.New(impair.Profile{Delay: 10 * time.Millisecond, Rate: test.path}, 2)
				s, reg := sfuAt(t, e.port(1, func(to net.Addr) *impair.Link {
					if to.(*net.UDPAddr).Port == 4 {
						return narrow
					}
					return free
				}))
				st := newStage(t)
				r := newReel(t, st, test.file, test.mime)
				r.next(t)
				out := func(net.Addr) *impair.Link { return back }
				wide := newSpectator(t, s, st, e.on(e.port(3, out)))
				thin := newSpectator(t, s, st, e.on(e.port(4, out)))
				run := func(d time.Duration) {
					for begun := time.Now(); time.Since(begun) < d; {
						r.next(t)
						time.Sleep(time.Second / 30)
						if r.shown%6 == 0 {
							wide.report()
							thin.report()
						}
					}
				}
				run(6 * time.Second)
				settled := time.Now()
				run(4 * time.Second)
				all, less := wide.whole(settled), thin.whole(settled)
				t.Log("whole frames by size:", all, less)
				if all[2] < 105 || wide.height() != 720 {
					t.Errorf("on a free path: %v frames of each size, %d lines", all, wide.height())
				}
				if less[2] > 0 || less[0]+less[1] < 100 || thin.height() != 360 && thin.height() != 180 {
					t.Errorf("behind a narrow path: %v frames of each size, %d lines", less, thin.height())
				}
				if stats := thin.view.Stats().Tracks[0]; stats.Switches == 0 || metric(t, reg, "layer_switches_total") == 0 {
					t.Errorf("switches: %+v", stats)
				}
				if told := wide.view.Layers()[0]; len(told) != 3 || told[0].Height != 180 || told[2].RID != "s2" || told[2].Height != 720 || told[2].Bitrate < 1e6 {
					t.Errorf("the viewer is told of %+v", told)
				}
				if err := wide.view.Choose(-1, Wish{Height: 400}); err != nil {
					t.Error(err)
				}
				run(2 * time.Second)
				settled = time.Now()
				run(time.Second)
				if all = wide.whole(settled); all[2] > 0 || all[1] < 18 {
					t.Errorf("with a wish for 400 lines: %v frames", all)
				}
				if err := wide.view.Choose(-1, Wish{RID: "s7"}); err != ErrNoLayer {
					t.Errorf("a size that there is not: %v", err)
				}
			})
		})
	}
}
