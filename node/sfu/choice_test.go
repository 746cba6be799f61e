package sfu

import (
	"context"
	"encoding/binary"
	"math"
	"runtime"
	"testing"
	"time"

	pionrtp "github.com/pion/rtp"

	"stentor/node/sfu/layers"
	"stentor/relay/rtp"
	"stentor/relay/wire"
)

var vp8Layers = wire.TrackInfo{Kind: wire.Video, Mime: "video/VP8", Clock: 90000, Layers: []wire.Layer{
	{RID: "q", Width: 960, Height: 540}, {RID: "h", Width: 1920, Height: 1080}, {RID: "f", Width: 3840, Height: 2160},
}}

// A ladder is a forward of one viewer on a track of three layers that the test fills.
type ladder struct {
	*bench
	course *course
	lenses []*lens
	packs  [3]int // packets of a frame, each of 1,000 bytes
	live   [3]bool
	frames int
	due    [3]int // frame at which a key frame that was asked for comes; 0: none
	counts bool   // what carrying allocates is counted
	allocs uint64
}

func newLadder(t testing.TB) *ladder {
	l := &ladder{bench: newBench(t, vp8Layers), lenses: threeSizes(), packs: [3]int{3, 8, 40}, live: [3]bool{true, true, true}}
	for i, e := range l.lenses {
		e.seq, e.picture, e.base, e.time = uint16(1000*i), uint16(5000*i), uint8(77*i), uint32(1e6*i)
	}
	layer := l.f.at().layer
	l.course = &course{forward: l.f, ctx: context.Background(), track: l.track, layers: 3, layer: layer, reader: l.track.Reader(layer)}
	t.Cleanup(func() {
		l.course.reader.Close()
		if l.course.next != nil {
			l.course.next.reader.Close()
		}
		l.track.Close()
	})
	return l
}

// film writes one frame of each layer that is live, 33 ms after the last, and carries it.
func (l *ladder) film() {
	l.t.Helper()
	l.now = l.now.Add(33 * time.Millisecond)
	for i, e := range l.lenses {
		if !l.live[i] {
			continue
		}
		key := l.frames == 0 || l.due[i] == l.frames
		for n := range l.packs[i] {
			p := pionrtp.Packet{
				Header:  pionrtp.Header{Version: 2, PayloadType: 96, SequenceNumber: e.seq, Timestamp: e.time, SSRC: uint32(9 + i), Marker: n == l.packs[i]-1},
				Payload: e.payload(key, n == 0),
			}
			raw, err := p.Marshal()
			if err != nil {
				l.t.Fatal(err)
			}
			if err := l.track.Write(i, raw, l.now); err != nil {
				l.t.Fatal(err)
			}
			e.seq++
		}
		e.picture, e.base, e.time = (e.picture+1)&0x7fff, e.base+1, e.time+3000
	}
	if l.frames++; l.frames%12 == 0 { // as browsers report
		l.f.choice.Reported(0, 20*time.Millisecond, l.now)
	}
	var before, after runtime.MemStats
	if l.counts {
		runtime.ReadMemStats(&before)
	}
	if _, err := l.f.carry(l.course); err != nil {
		l.t.Fatal(err)
	}
	if l.counts {
		runtime.ReadMemStats(&after)
		l.allocs += after.Mallocs - before.Mallocs
	}
	if n := l.course.next; n != nil && l.due[n.layer] < l.frames { // its publisher hears of it after six frames
		l.due[n.layer] = l.frames + 6
	}
}

// takes tells the forward what its viewer's path takes, as if it had proved it.
func (l *ladder) takes(bits float64) {
	l.f.choice.Chooser = layers.Chooser{}
	l.f.choice.Estimated(bits, l.now)
	l.f.choice.Start(l.f.survey(place{l.track, l.course.layer}, l.now), l.now)
	l.f.choice.Switched(l.course.layer, l.now)
}

// goes films until the layer is sent.
func (l *ladder) goes(layer int) {
	l.t.Helper()
	for range 300 {
		if l.film(); l.course.layer == layer {
			return
		}
	}
	l.t.Fatalf("layer %d is not sent after 10 s, but %d", layer, l.course.layer)
}

func TestAnotherLayerGoesOnWhereTheOldOneWas(t *testing.T) {
	l := newLadder(t)
	for range 40 {
		l.film()
	}
	if l.course.layer != 1 {
		t.Fatalf("it began with layer %d, want the middle", l.course.layer)
	}
	l.f.choice.own.Height = 540
	l.f.choice.Want(l.f.choice.own)
	l.goes(0)
	for range 20 {
		l.film()
	}
	l.f.choice.Want(layers.Want{})
	l.takes(30e6)
	l.goes(2)
	for range 20 {
		l.film()
	}
	l.f.choice.Want(layers.Want{Fixed: 2})
	l.goes(1)
	l.film()
	var frames int
	var before rtp.Packet
	for i, raw := range l.out.packets {
		if len(raw) < 12 || binary.BigEndian.Uint32(raw[8:]) != 1 {
			continue // padding
		}
		p, err := rtp.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		b := p.Payload()
		picture, base := binary.BigEndian.Uint16(b[2:])&0x7fff, b[4]
		if before.Raw != nil {
			was := before.Payload()
			ticks, pictures, bases := uint32(p.Time-before.Time), (picture-binary.BigEndian.Uint16(was[2:]))&0x7fff, base-was[4]
			switch {
			case uint16(p.Seq-before.Seq) != 1:
				t.Fatalf("packet %d: sequence number %d after %d", i, p.Seq, before.Seq)
			case before.Marker && (pictures != 1 || bases != 1 || ticks < 90 || ticks > 9000):
				t.Fatalf("packet %d: %d pictures, %d bases, %d ticks from one frame to the next", i, pictures, bases, ticks)
			case !before.Marker && (pictures != 0 || ticks != 0):
				t.Fatalf("packet %d: a frame broke off", i)
			}
		}
		if before = p; p.Marker {
			frames++
		}
	}
	if frames < l.frames-6 || frames > l.frames+6 {
		t.Errorf("%d frames at the viewer of %d that were filmed", frames, l.frames)
	}
	if s := l.f.snapshot(); s.Switches != 3 || s.Layer != 1 {
		t.Errorf("%d switches, layer %d", s.Switches, s.Layer)
	}
	if got := l.f.places[l.f.nth%recent]; got.layer != 1 {
		t.Errorf("what is lost is looked for in layer %d", got.layer)
	}
}

func TestALayerThatItsPublisherPausesIsLeft(t *testing.T) {
	l := newLadder(t)
	l.takes(30e6)
	l.goes(2)
	l.live[2] = false
	begin := l.now
	l.goes(1)
	if d := l.now.Sub(begin); d > silentBeside+time.Second {
		t.Errorf("left after %v", d)
	}
	for range 90 {
		l.film()
	}
	if l.course.layer != 1 {
		t.Errorf("layer %d, which does not come", l.course.layer)
	}
	l.live[2] = true
	l.goes(2)
}

func TestPaddingFillsUpToWhatIsTried(t *testing.T) {
	l := newLadder(t)
	var padded int
	sent := len(l.out.packets)
	begin := l.now
	l.goes(2)
	if d := l.now.Sub(begin); d > 8*time.Second {
		t.Errorf("it was tried for %v", d)
	}
	for _, raw := range l.out.packets[sent:] {
		if binary.BigEndian.Uint32(raw[8:]) == 2 {
			padded += len(raw)
		}
	}
	if padded < 100e3 {
		t.Errorf("%d bytes of padding before the larger layer", padded)
	}
}

// Nor does a packet cost an allocation where there are layers, padding and switches: a switch
// costs a reader and what goes with it, and no more when the picture is larger.
func TestForwardingInLayersAllocatesNothingPerPacket(t *testing.T) {
	_, w := newKernel(t)
	w.socket = nowhere{w.socket}
	s, err := newBatched(w, 1, 2, false)
	if err != nil {
		t.Fatal(err)
	}
	l := newLadder(t)
	l.f.sender = s
	for range 60 {
		l.film()
	}
	l.takes(30e6)
	l.counts = true
	const rounds = 4
	for range rounds {
		l.f.choice.Want(layers.Want{})
		l.takes(30e6)
		l.goes(2)
		for range 30 {
			l.film()
		}
		l.f.choice.Want(layers.Want{Fixed: 1})
		l.goes(0)
	}
	stats := l.f.snapshot()
	if stats.Switches < 2*rounds || stats.Packets < 40*30*rounds {
		t.Fatalf("%+v", stats)
	}
	perSwitch := float64(l.allocs) / float64(stats.Switches)
	t.Logf("%d allocations with %d packets and %d switches", l.allocs, stats.Packets, stats.Switches)
	if perSwitch > 40 && !raced {
		t.Errorf("%v allocations a switch", perSwitch)
	}
}

func TestRatesThatAreNotMeasuredHereAreExpected(t *testing.T) {
	known := []layers.Layer{{}, {Rate: 2.5e6}, {}}
	expect(known, vp8Layers.Layers)
	if known[1].Rate != 2.5e6 || known[0].Rate < 5e5 || known[0].Rate > 1e6 || known[2].Rate < 6e6 || known[2].Rate > 1e7 {
		t.Errorf("beside 2.5 Mbps: %v", known)
	}
	known = make([]layers.Layer, 3)
	expect(known, []wire.Layer{{}, {}, {}})
	for i, want := range []float64{.7e6, 2.8e6, 11.2e6} {
		if math.Abs(known[i].Rate-want) > want/10 {
			t.Errorf("layer %d of which nothing is known: %v", i, known[i].Rate)
		}
	}
}
