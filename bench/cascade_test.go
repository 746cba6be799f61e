package main

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"stentor/relay/rtp"
	"stentor/relay/wire"
)

func TestTheFilmIsTwentyMegabits(t *testing.T) {
	var group, most, least int
	for frame := uint32(0); frame < 10*videoGroup; frame++ {
		n := packetsOf(frame) * videoPacket
		group += n
		if frame%videoGroup == 0 {
			if n < 500_000 || n > 1_000_000 {
				t.Errorf("a key frame of %d bytes", n)
			}
			continue
		}
		if most = max(most, n); least == 0 || n < least {
			least = n
		}
	}
	const seconds = 10 * videoGroup / videoFPS
	if rate := group * 8 / seconds; rate < videoRate*97/100 || rate > videoRate*103/100 {
		t.Errorf("%d bit/s", rate)
	}
	if most < least*3/2 || most > least*3 {
		t.Errorf("frames of %d to %d bytes: not like motion", least, most)
	}
}

func TestPacketsAreRTPThatARelayUnderstands(t *testing.T) {
	for _, c := range []struct {
		name   string
		film   string
		l      label
		key    bool
		marker bool
	}{
		{"the first of a key frame", "video", label{0, 60, 0, 625, 1_700_000_000_123_456_000}, true, false},
		{"the second of a key frame", "video3", label{3, 60, 1, 625, 1_700_000_000_123_456_000}, true, false}, // an IDR slice alone counts, too
		{"the last of another frame", "video", label{0, 61, 57, 58, 1_700_000_000_000_000_000}, false, true},
		{"sound", "audio", label{audioNumber, 7, 0, 1, 1_700_000_000_000_000_000}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := filmOf(c.film)
			if err := f.info.Check(); err != nil {
				t.Fatal(err)
			}
			raw := f.appendPacket([]byte("before"), 65535, c.l)[len("before"):]
			if len(raw) != f.size {
				t.Errorf("%d bytes, not %d", len(raw), f.size)
			}
			p, err := rtp.Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			if p.Marker != c.marker || p.PayloadType != f.info.PayloadType || p.Seq != 65535 {
				t.Errorf("%+v", p)
			}
			if f.info.Kind == wire.Video && rtp.KeyFrames(f.info.Mime)(p.Payload()) != c.key {
				t.Errorf("key frame: %v", !c.key)
			}
			if l, err := parseLabel(raw); l != c.l || err != nil {
				t.Errorf("label %+v, %v", l, err)
			}
			capture, ok := rtp.ParseCapture(raw[17:25])
			if d := capture - c.l.Sent; !ok || d < -1000 || d > 1000 {
				t.Errorf("capture time %d, %v", capture, ok)
			}
		})
	}
}

func TestAMeterCountsWhatCame(t *testing.T) {
	f := filmOf("video")
	at := func(ms int64) time.Time { return time.UnixMilli(1_700_000_000_000 + ms) }
	m := newMeter(f)
	come := func(frame uint32, index, count uint16, sent, now int64) {
		if err := m.note(f.appendPacket(nil, 0, label{0, frame, index, count, at(sent).UnixNano()}), at(now)); err != nil {
			t.Fatal(err)
		}
	}
	come(1, 1, 2, 11, 50) // out of order
	come(1, 0, 2, 10, 60)
	come(1, 0, 2, 10, 70) // again
	come(2, 0, 100, 43, 80)
	come(2, 0, 100, 43, 81) // again
	come(2, 99, 100, 44, 82)
	other := filmOf("video1")
	if err := m.note(other.appendPacket(nil, 0, label{1, 1, 0, 1, 0}), at(0)); err != nil {
		t.Error(err)
	}
	if err := m.note([]byte("too short"), at(0)); err == nil {
		t.Error("no packet was taken for one")
	}
	want := []Take{{1, 2, 2, at(11).UnixNano(), at(60).UnixNano()}, {2, 2, 100, at(44).UnixNano(), 0}}
	if got := m.since(0); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	if m.twice != 2 {
		t.Errorf("%d packets came twice", m.twice)
	}
	select {
	case <-m.whole:
	default:
		t.Error("nobody was told of the first whole frame")
	}
}

func TestAMeterForgetsTheOldest(t *testing.T) {
	f, m := filmOf("audio"), newMeter(filmOf("audio"))
	for frame := range uint32(keep + 10) {
		if err := m.note(f.appendPacket(nil, 0, label{audioNumber, frame, 0, 1, 1}), time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if got := m.since(0); len(got) != keep || got[0].Frame != 10 {
		t.Errorf("%d frames from %d on", len(got), got[0].Frame)
	}
}

func TestAgesCountFramesThatNeverCame(t *testing.T) {
	ms := func(n int) int64 { return int64(n) * int64(time.Millisecond) }
	takes := []Take{
		{Frame: 9, Sent: 0, Whole: ms(1)},     // before
		{Frame: 10, Sent: 0, Whole: ms(130)},  // 30 ms above the link
		{Frame: 11, Sent: 0, Whole: 0},        // cut short
		{Frame: 13, Sent: 0, Whole: ms(300)},  // 200
		{Frame: 14, Sent: 0, Whole: ms(1100)}, // 1000
		{Frame: 15, Sent: 0, Whole: ms(1)},    // behind
	}
	a := agesOf(takes, 10, 14, 100*time.Millisecond) // and 12 was never heard of
	for within, want := range map[time.Duration]float64{29 * time.Millisecond: 0, 30 * time.Millisecond: 20, 200 * time.Millisecond: 40, time.Hour: 60} {
		if got := a.within(within); got != want {
			t.Errorf("%v %% within %v, not %v", got, within, want)
		}
	}
	for p, want := range map[float64]float64{0: 30, 0.5: 200, 0.99: 1000, 1: 1000} {
		if got := a.at(p); got != want {
			t.Errorf("p%v is %v ms, not %v", 100*p, got, want)
		}
	}
	if none := agesOf(nil, 1, 10, 0); none.within(time.Hour) != 0 || none.at(0.5) != 0 {
		t.Error("nothing came, and was in time")
	}
}

// written is a sink that notes how long after its beginning each frame began and ended.
type written struct {
	since         time.Time
	frames        []uint32
	begins, ended []time.Duration
	packets       int
	at            []time.Duration // of each packet
}

func (w *written) begin(frame uint32) {
	w.frames, w.begins = append(w.frames, frame), append(w.begins, time.Since(w.since))
}
func (w *written) packet([]byte, time.Time) {
	w.packets, w.at = w.packets+1, append(w.at, time.Since(w.since))
}
func (w *written) end() { w.ended = append(w.ended, time.Since(w.since)) }

func TestASourcePlaysInRealTime(t *testing.T) {
	paced := func(frame uint32) time.Duration { // eight packets at a time, the last of them at once
		return time.Duration(int64((packetsOf(frame)-1)/8*8*videoPacket*8) * int64(time.Second) / (2 * videoRate))
	}
	for _, c := range []struct {
		name string
		film string
		pace int64
		took func(frame uint32) time.Duration
	}{
		{"sound", "audio", 0, func(uint32) time.Duration { return 0 }},
		{"a picture at once", "video", 0, func(uint32) time.Duration { return 0 }},
		{"a picture at twice the rate", "video", 2 * videoRate, paced},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := filmOf(c.film)
				ctx, cancel := context.WithTimeout(t.Context(), 4*f.every-time.Millisecond)
				defer cancel()
				s, w := &source{film: f, pace: c.pace}, &written{since: time.Now()}
				s.run(ctx, 5, w)
				if !slices.Equal(w.frames, []uint32{5, 6, 7, 8}) || len(w.ended) != 4 || s.last.Load() != 8 {
					t.Fatalf("frames %v, %d ended", w.frames, len(w.ended))
				}
				for i := range w.frames {
					if want := time.Duration(i) * f.every; w.begins[i] != want || w.ended[i]-want != c.took(w.frames[i]) {
						t.Errorf("frame %d lasts from %v to %v", w.frames[i], w.begins[i], w.ended[i])
					}
				}
				if s.bytes.Load() != uint64(w.packets*f.size) {
					t.Errorf("%d bytes of %d packets", s.bytes.Load(), w.packets)
				}
			})
		})
	}
}

func TestASourceIsNeverFasterThanItsPaceBehindALargeFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := filmOf("video")
		ctx, cancel := context.WithTimeout(t.Context(), 20*f.every)
		defer cancel()
		w := &written{since: time.Now()}
		(&source{film: f, pace: 5 * videoRate / 2}).run(ctx, videoGroup, w) // a key frame of 120 ms, and what had to wait for it
		least := time.Duration(int64(8*f.size*8) * int64(time.Second) / (5 * videoRate / 2))
		for i := 16; i < len(w.at); i += 8 {
			if w.at[i]-w.at[i-16] < least { // the last eight of a frame may be fewer
				t.Fatalf("packets %d to %d within %v", i-16, i, w.at[i]-w.at[i-16])
			}
		}
		if last := w.ended[len(w.ended)-1]; last > 20*f.every {
			t.Errorf("the pacer does not catch up: %v", last)
		}
	})
}

func TestABoardShowsMedians(t *testing.T) {
	b := &board{columns: []way{wayRelay, wayStreams}}
	for _, v := range []float64{3, 100, 1} {
		b.note("a", "%.0f ms", "<= 2 ms", wayRelay, v)
	}
	b.note("b", "%.1f", "", wayStreams, 7)
	if got := b.rows[0].cell(wayRelay); got != "3 ms" {
		t.Errorf("median %q", got)
	}
	if got := b.rows[0].cell(wayStreams); got != "" {
		t.Errorf("a figure from nowhere: %q", got)
	}
	if len(b.rows) != 2 || b.rows[1].cell(wayStreams) != "7.0" {
		t.Errorf("%+v", b.rows)
	}
}
