package sfu

import (
	"encoding/binary"
	"maps"
	"math"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/prometheus/client_golang/prometheus"

	"stentor/bench/impair"
)

// A watcher is a viewer that reports, asks again for what is lost and estimates its path
// as browsers do, and puts frames together.
type watcher struct {
	t    *testing.T
	pc   *webrtc.PeerConnection
	view *Viewer

	mu     sync.Mutex // guards the following
	ssrc   uint32
	frames map[uint32]*frame // by RTP time
	packet map[uint16]bool   // came, by sequence number
	begun  time.Time
	lines  int   // of the newest key frame
	layers []int // that were sent, at each frame

	estimate
}

// height is that of the newest key frame.
func (w *watcher) height() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lines
}

// A frame is what came of one.
type frame struct {
	first, last uint16 // sequence numbers, as far as is known
	begins      bool   // first is its first packet
	ends        bool
	at          time.Time // of its newest packet
	done        time.Time // when the last that it lacked came; zero: not whole
}

// An estimate is the receiver's, by the rules of draft-alvestrand-rmcat-remb and
// draft-ietf-rmcat-gcc-02, section 5.5, with libwebrtc's 8 % a second: as much as comes,
// less when what comes is ever later.
type estimate struct {
	window []arrival // of the last second
	base   time.Duration
	known  bool
	late   time.Duration // by how much the newest frame was behind the soonest
	before time.Duration
	bits   float64
	at     time.Time
}

type arrival struct {
	at   time.Time
	bits float64
}

func (e *estimate) came(bytes int, now time.Time) {
	e.window = append(e.window, arrival{now, 8 * float64(bytes)})
	for now.Sub(e.window[0].at) > time.Second {
		e.window = e.window[1:]
	}
}

// sent says how late the first packet of a frame is that was made at a time of the sender's.
func (e *estimate) sent(made time.Duration, came time.Duration) {
	d := came - made
	if !e.known || d < e.base {
		e.base, e.known = d, true
	}
	e.late = d - e.base
}

// tell returns the estimate, and whether it has to be told now.
func (e *estimate) tell(begun, now time.Time) (float64, bool) {
	var incoming float64
	for _, a := range e.window {
		incoming += a.bits
	}
	if d := now.Sub(begun); d < time.Second {
		if d < 400*time.Millisecond {
			return 0, false
		}
		incoming /= d.Seconds()
	}
	d := now.Sub(e.at).Seconds()
	switch {
	case e.bits == 0:
		e.bits = incoming
	case e.late > 60*time.Millisecond && e.late > e.before-5*time.Millisecond:
		e.bits = min(e.bits, 0.85*incoming)
	default:
		e.bits = max(min(e.bits*math.Pow(1.08, d), 1.5*incoming+10e3), 100e3)
	}
	e.at, e.before = now, e.late
	return e.bits, true
}

func newWatcher(t *testing.T, s *SFU, st *stage, edit ...func(*webrtc.SettingEngine)) *watcher {
	t.Helper()
	w := &watcher{t: t, pc: newClient(t, false, edit...), frames: make(map[uint32]*frame), packet: make(map[uint16]bool)}
	_, err := w.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	if err != nil {
		t.Fatal(err)
	}
	w.pc.OnTrack(func(tr *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		go func() { // so that reports answer the server's
			for {
				if _, _, err := receiver.ReadRTCP(); err != nil {
					return
				}
			}
		}()
		for {
			p, a, err := tr.ReadRTP()
			if err != nil {
				return
			}
			w.take(p, a.Get(webrtc.AttributeRtxSsrc) != nil)
		}
	})
	w.view, err = s.View(t.Context(), offerOf(t, w.pc), []Source{st.source("video", st.track("video").Info())})
	if err != nil {
		t.Fatal(err)
	}
	accept(t, w.pc, w.view.Answer())
	return w
}

// take puts a packet into its frame.
func (w *watcher) take(p *rtp.Packet, again bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if w.begun.IsZero() {
		w.begun = now
	}
	w.ssrc = p.SSRC
	w.came(p.MarshalSize()+28, now)
	if w.packet[p.SequenceNumber] { // padding
		return
	}
	w.packet[p.SequenceNumber] = true
	f := w.frames[p.Timestamp]
	if f == nil {
		f = &frame{first: p.SequenceNumber, last: p.SequenceNumber}
		w.frames[p.Timestamp] = f
	}
	f.at = now
	if int16(p.SequenceNumber-f.first) < 0 {
		f.first = p.SequenceNumber
	}
	if int16(p.SequenceNumber-f.last) > 0 {
		f.last = p.SequenceNumber
	}
	if p.Payload[0]&0x10 != 0 {
		f.first, f.begins = p.SequenceNumber, true
		if b := p.Payload; len(b) > 15 && b[5]&1 == 0 { // RFC 7741 section 4.3
			w.lines = int(binary.LittleEndian.Uint16(b[13:]))
		}
		if !again {
			w.sent(time.Duration(p.Timestamp)*time.Second/90000, now.Sub(time.Unix(0, 0)))
		}
	}
	f.ends = f.ends || p.Marker
	if !f.begins || !f.ends || !f.done.IsZero() {
		return
	}
	for seq := f.first; seq != f.last+1; seq++ {
		if !w.packet[seq] {
			return
		}
	}
	f.done = now
}

// report sends the estimate.
func (w *watcher) report() {
	w.mu.Lock()
	bits, ok := w.tell(w.begun, time.Now())
	ok = ok && w.ssrc != 0
	ssrc := w.ssrc
	w.mu.Unlock()
	if !ok {
		return
	}
	err := w.pc.WriteRTCP([]rtcp.Packet{&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: float32(bits), SSRCs: []uint32{ssrc}}})
	if err != nil {
		w.t.Error(err)
	}
}

// seen is how many frames were whole in a stretch of time, how many of those that came in
// it are not, and the longest time without one.
func (w *watcher) seen(from, to time.Time) (whole, broken int, longest time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	times := slices.SortedFunc(maps.Values(w.frames), func(a, b *frame) int { return a.done.Compare(b.done) })
	before := from
	for _, f := range times {
		switch {
		case f.done.IsZero():
			if f.at.After(from) && f.at.Before(to) {
				broken++
			}
		case f.done.After(from) && !f.done.After(to):
			whole++
			longest = max(longest, f.done.Sub(before))
			before = f.done
		}
	}
	return whole, broken, max(longest, to.Sub(before))
}

// A home is a camera of three sizes, one viewer whose path is free and one whose path is
// the test's, in virtual time.
type home struct {
	t          *testing.T
	cam        *studio
	wide, thin *watcher
	narrow     *impair.Link
	reg        *prometheus.Registry
	begun      time.Time
	films      int
}

// Packets of a frame in each size, of 1,200 bytes: 0.9, 2.6 and 14 Mbps at 30 frames a second.
var packs = [3]int{3, 9, 49}

func newHome(t *testing.T, path impair.Profile) *home {
	e := newEther(t)
	way := impair.Profile{Delay: 10 * time.Millisecond}
	free, back := impair.New(way, 1), impair.New(way, 3)
	h := &home{t: t, narrow: impair.New(path, 2)}
	s, reg := sfuAt(t, e.port(1, func(to net.Addr) *impair.Link {
		if to.(*net.UDPAddr).Port == 4 {
			return h.narrow
		}
		return free
	}))
	h.reg = reg
	out := func(net.Addr) *impair.Link { return back }
	st := newStage(t)
	lenses := threeSizes()
	for _, l := range lenses {
		l.more = 270
	}
	h.cam = newStudioOf(t, newClient(t, false, e.on(e.port(2, out))), s, st, lenses)
	h.cam.opens(st, lenses...)
	h.wide = newWatcher(t, s, st, e.on(e.port(3, out)))
	h.thin = newWatcher(t, s, st, e.on(e.port(4, out)))
	h.begun = time.Now()
	return h
}

// film lets the camera film, and the viewers say what they have to say.
func (h *home) film(d time.Duration) {
	for begun := time.Now(); time.Since(begun) < d; h.films++ {
		for i, l := range h.cam.lenses {
			n, key := packs[i], len(l.plis) > 0
			for len(l.plis) > 0 {
				<-l.plis
			}
			if key {
				n *= 3
			}
			h.cam.frame(l, key, n)
		}
		time.Sleep(time.Second / 30)
		if h.films%6 == 0 {
			h.wide.report()
			h.thin.report()
		}
		for _, w := range []*watcher{h.wide, h.thin} {
			w.layers = append(w.layers, w.view.Stats().Tracks[0].Layer)
		}
	}
}

// at is a time after the beginning.
func (h *home) at(d time.Duration) time.Time { return h.begun.Add(d) }

// smooth holds that between two times a viewer had nearly all frames of a layer, of which no
// two were further apart than gap.
func (h *home) smooth(name string, w *watcher, layer int, from, to, gap time.Duration) {
	h.t.Helper()
	whole, broken, longest := w.seen(h.at(from), h.at(to))
	all := int((to - from) / (time.Second / 30))
	h.t.Logf("%s, %v to %v: %d of %d frames, %d never whole, at most %v apart", name, from, to, whole, all, broken, longest)
	if whole < all*98/100 || longest > gap {
		h.t.Errorf("%s, %v to %v: %d whole frames of %d, %d that came are not, %v without one", name, from, to, whole, all, broken, longest)
	}
	for i, l := range w.layers {
		if at := time.Duration(i) * time.Second / 30; at >= from && at < to && l != layer {
			h.t.Fatalf("%s: layer %d after %v", name, l, at)
		}
	}
}

func TestAViewerBehindANarrowPathHasASmallerPictureBesideOneWith4K(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, impair.Profile{Delay: 10 * time.Millisecond, Rate: 3e6, Loss: .01})
		h.film(9 * time.Second)
		h.smooth("behind 3 Mbps", h.thin, 1, 2*time.Second, 8500*time.Millisecond, 200*time.Millisecond)
		h.smooth("on a free path", h.wide, 2, 5*time.Second, 8500*time.Millisecond, 120*time.Millisecond)
		if thin, wide := h.thin.height(), h.wide.height(); thin != 1080 || wide != 2160 {
			t.Errorf("they see %d and %d lines", thin, wide)
		}
	})
}

func TestAPathThatBecomesNarrowCostsAMomentAndThenTheSmallerPictureIsSmooth(t *testing.T) {
	if raced {
		t.Skip("what may race here does so in the test above")
	}
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, impair.Profile{Delay: 10 * time.Millisecond, Rate: 20e6})
		h.film(6500 * time.Millisecond)
		h.smooth("behind 20 Mbps", h.thin, 2, 5*time.Second, 6*time.Second, 120*time.Millisecond)
		h.narrow.Set(impair.Profile{Delay: 10 * time.Millisecond, Rate: 3e6})
		h.film(4500 * time.Millisecond)
		whole, broken, longest := h.thin.seen(h.at(6500*time.Millisecond), h.at(8*time.Second))
		if longest > 800*time.Millisecond {
			t.Errorf("%d frames whole and %d not, %v without one after the drop", whole, broken, longest)
		}
		h.smooth("behind 3 Mbps", h.thin, 1, 8*time.Second, 10500*time.Millisecond, 200*time.Millisecond)
		h.smooth("on a free path", h.wide, 2, 5*time.Second, 10500*time.Millisecond, 120*time.Millisecond)
	})
}
