package relay

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stentor/relay/rtp"
	"stentor/relay/wire"
)

func newVideo() *Track { return NewTrack(videoID, videoInfo, 1) }

// read takes what is there and returns the sequence numbers, the first one as 0.
func read(r *Reader, first uint64) (seqs []int) {
	for p := r.Try(); p != nil; p = r.Try() {
		seqs = append(seqs, int(p.Seq-first))
	}
	return seqs
}

func equal(a []int, b ...int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestReaderBeginsAtTheNewestKeyFrame(t *testing.T) {
	const first = 1 << 16
	tests := []struct {
		name string
		fill func(c *camera, t *Track)
		want []int
	}{
		{"nothing there", func(*camera, *Track) {}, nil},
		{"no key frame yet", func(c *camera, tr *Track) { write(t, tr, c.frame(false, 3)...) }, nil},
		{"the newest of two", func(c *camera, tr *Track) {
			write(t, tr, c.frame(true, 2)...)
			write(t, tr, c.frame(false, 2)...)
			write(t, tr, c.frame(true, 2)...)
			write(t, tr, c.frame(false, 1)...)
		}, []int{4, 5, 6}},
		{"packets of the next frame came before it", func(c *camera, tr *Track) {
			old, key, next := c.frame(false, 2), c.frame(true, 2), c.frame(false, 2)
			write(t, tr, next[0], old[0], key[0], old[1], next[1], key[1])
		}, []int{2, 4, 5, 3}},
		{"a key frame that came late, behind a newer one", func(c *camera, tr *Track) {
			first, second := c.frame(true, 1), c.frame(true, 1)
			write(t, tr, second[0], first[0])
		}, []int{1}},
		{"a key frame is one frame, however many of its packets could begin one", func(c *camera, tr *Track) {
			key := c.frame(true, 3)
			write(t, tr, key...)
		}, []int{0, 1, 2}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			track := newVideo()
			defer track.Close()
			c := &camera{}
			test.fill(c, track)
			r := track.Reader(0)
			defer r.Close()
			if got := read(r, first); !equal(got, test.want...) {
				t.Errorf("read %v, want %v", got, test.want)
			}
		})
	}
}

func TestReaderWaitsForTheFirstKeyFrame(t *testing.T) {
	track := newVideo()
	defer track.Close()
	c := &camera{}
	r := track.Reader(0)
	defer r.Close()
	write(t, track, c.frame(false, 2)...)
	if got := read(r, 1<<16); len(got) != 0 {
		t.Errorf("read %v before a key frame", got)
	}
	write(t, track, c.frame(true, 2)...)
	if got := read(r, 1<<16); !equal(got, 2, 3) {
		t.Errorf("read %v", got)
	}
}

func TestReaderThatIsLappedGoesOnAtTheNewestKeyFrame(t *testing.T) {
	track := newVideo()
	defer track.Close()
	c := &camera{}
	write(t, track, c.frame(true, 1)...)
	r := track.Reader(0)
	defer r.Close()
	if got := read(r, 1<<16); !equal(got, 0) {
		t.Fatalf("read %v", got)
	}
	for range videoSlots {
		write(t, track, c.frame(false, 1)...)
	}
	write(t, track, c.frame(true, 2)...)
	if got := read(r, 1<<16); !equal(got, videoSlots+1, videoSlots+2) || r.Skips() != 1 {
		t.Errorf("read %d packets, first %v, %d skips", len(got), got[:1], r.Skips())
	}
}

func TestReaderFromAFrame(t *testing.T) {
	track := newVideo()
	defer track.Close()
	c := &camera{}
	for i := range 6 {
		write(t, track, c.frame(i%3 == 0, 2)...)
	}
	tests := []struct {
		name string
		from uint64
		want []int
	}{
		{"0 is the newest key frame", 0, []int{6, 7, 8, 9, 10, 11}},
		{"a frame that is there", 1<<16 + 4, []int{4, 5, 6, 7, 8, 9, 10, 11}},
		{"a frame to come", 1<<16 + 12, nil},
		{"a frame from before the ring", 1, []int{6, 7, 8, 9, 10, 11}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := track.readerFrom(0, test.from)
			defer r.Close()
			if got := read(r, 1<<16); !equal(got, test.want...) {
				t.Errorf("read %v, want %v", got, test.want)
			}
		})
	}
}

func TestOriginNumbersFrames(t *testing.T) {
	track := newVideo()
	defer track.Close()
	c := &camera{}
	a, b, d := c.frame(true, 2), c.frame(false, 1), c.frame(false, 2)
	write(t, track, a[0], a[1], d[0], d[1], b[0], a[0]) // b comes late, a twice
	frame := func(seq uint64) uint64 {
		p := track.Packet(0, 1<<16+seq)
		if p == nil {
			t.Fatalf("packet %d is not there", seq)
		}
		return p.Frame
	}
	if frame(0) != frame(1) || frame(3) != frame(4) {
		t.Error("one frame has two names")
	}
	if !(frame(0) < frame(2) && frame(2) < frame(3)) {
		t.Errorf("names do not grow: %d %d %d", frame(0), frame(2), frame(3))
	}
	if got := counter(track.metrics.dropped.WithLabelValues("duplicate")); got != 1 {
		t.Errorf("%v duplicates counted", got)
	}
	late := (&camera{seq: c.seq}).frame(false, 1)[0]
	c.seq++
	for range recentFrames {
		write(t, track, c.frame(false, 1)...)
	}
	write(t, track, late)
	if got := counter(track.metrics.dropped.WithLabelValues("unknown_frame")); got != 1 {
		t.Errorf("a packet of a frame unknown and older than all known ones: %v counted", got)
	}
}

func TestSourceThatBeginsAnewGoesOnBehind(t *testing.T) {
	track := newVideo()
	defer track.Close()
	c := &camera{seq: 30000, time: 1 << 30, ssrc: 1}
	write(t, track, c.frame(true, 2)...)
	r := track.Reader(0)
	defer r.Close()
	read(r, 0)
	other := &camera{seq: 20000, time: 5, ssrc: 2}
	write(t, track, other.frame(true, 2)...)
	back := &camera{seq: 100, time: 9, ssrc: 2} // the same SSRC, far back: counts from the second packet on
	write(t, track, back.frame(true, 3)...)
	if got := read(r, 0); !equal(got, 2<<16+20000, 2<<16+20001, 3<<16+101, 3<<16+102) {
		t.Errorf("read %v", got)
	}
}

func TestCaptureTimeIsInterpolated(t *testing.T) {
	track := newVideo()
	defer track.Close()
	c := &camera{}
	first, second := c.frame(true, 1)[0], c.frame(false, 1)[0]
	capture := time.Date(2026, 5, 1, 12, 0, 0, 500e6, time.UTC).UnixNano()
	ext := append([]byte{0xbe, 0xde, 0, 3, 5<<4 | 7}, rtp.AppendCapture(nil, capture)...)
	ext = append(ext, 0, 0, 0)
	first[0] |= 0x10
	first = append(first[:12:12], append(ext, first[12:]...)...)
	write(t, track, first, second)
	a, b := track.Packet(0, 1<<16), track.Packet(0, 1<<16+1)
	if a.Capture != capture {
		t.Errorf("capture %d, want %d", a.Capture, capture)
	}
	if d := time.Duration(b.Capture - capture); d != 33333*time.Microsecond {
		t.Errorf("the next frame was captured %v later", d)
	}
}

func TestReadersAreWokenInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		track := newVideo()
		defer track.Close()
		c := &camera{}
		r := track.Reader(0)
		defer r.Close()
		next := func() time.Duration {
			start := time.Now()
			if _, err := r.Next(t.Context()); err != nil {
				t.Error(err)
			}
			read(r, 0)
			return time.Since(start)
		}
		feed := func(packets [][]byte) {
			synctest.Wait()
			write(t, track, packets...)
		}
		go feed(c.frame(true, 2))
		if d := next(); d != 0 {
			t.Errorf("woken %v after the marker", d)
		}
		go feed(c.frame(false, WakePackets+1)[:WakePackets])
		if d := next(); d != 0 {
			t.Errorf("woken %v after a batch of packets", d)
		}
		go feed(c.frame(false, 5)[:3])
		if d := next(); d != wakeAfter {
			t.Errorf("woken %v after the first of three packets", d)
		}
	})
}

func TestTrackEnds(t *testing.T) {
	track := newVideo()
	c := &camera{}
	write(t, track, c.frame(true, 2)...)
	r := track.Reader(0)
	track.Close()
	for range 2 {
		if _, err := r.Next(context.Background()); err != nil {
			t.Errorf("what was in the ring: %v", err)
		}
	}
	if _, err := r.Next(context.Background()); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
	if err := track.Write(0, c.frame(true, 1)[0], time.Now()); !errors.Is(err, ErrClosed) {
		t.Errorf("write after the end: %v", err)
	}
	if _, err := track.Reader(9).Next(context.Background()); err != io.EOF {
		t.Errorf("layer that is not there: %v", err)
	}
}

func TestBadPacketsAreRefused(t *testing.T) {
	track := newVideo()
	defer track.Close()
	for name, test := range map[string]struct {
		layer int
		raw   []byte
		want  error
	}{
		"no such layer":  {1, (&camera{}).frame(true, 1)[0], ErrLayer},
		"below no layer": {-1, (&camera{}).frame(true, 1)[0], ErrLayer},
		"too long":       {0, make([]byte, wire.MaxPacket+1), ErrTooLong},
		"empty":          {0, nil, rtp.ErrShort},
		"not RTP":        {0, make([]byte, 100), rtp.ErrVersion},
	} {
		if err := track.Write(test.layer, test.raw, time.Now()); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestManyReadersOneWriter(t *testing.T) {
	track := newVideo()
	c := &camera{}
	write(t, track, c.frame(true, 1)...)
	var wg sync.WaitGroup
	for range 4 {
		r := track.Reader(0)
		wg.Go(func() {
			defer r.Close()
			last := uint64(0)
			for {
				p, err := r.Next(context.Background())
				if err != nil {
					return
				}
				if p.Seq <= last || uint16(p.Seq) != binary.BigEndian.Uint16(p.Raw[2:]) {
					t.Errorf("packet %d after %d", p.Seq, last)
				}
				if q := track.Packet(0, p.Seq); q != nil && q.Seq != p.Seq {
					t.Errorf("packet %d by its number is %d", p.Seq, q.Seq)
				}
				last = p.Seq
			}
		})
	}
	for i := range 3 * videoSlots {
		write(t, track, c.frame(i%500 == 0, 1)...)
	}
	track.Close()
	wg.Wait()
}

func TestLayerThatComesBackGivesEachPacketOnce(t *testing.T) {
	const first = 1 << 16
	c := &camera{}
	var sent [][]byte
	for i := range 4 {
		sent = append(sent, c.frame(i == 0, 2)...)
	}
	play := func(track *Track) { // as a link does, from the key frame on
		for _, raw := range sent {
			p, err := rtp.Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			p.Seq += first
			p.Frame, p.Arrived = p.Seq&^1, time.Now().UnixNano()
			track.layers[0].insert(&p)
		}
	}
	for name, open := range map[string]func(*Track) *Reader{
		"a viewer": func(t *Track) *Reader { return t.Reader(0) },
		"a child":  func(t *Track) *Reader { return t.readerFrom(0, first) },
	} {
		for _, late := range []bool{false, true} {
			track := newVideo()
			play(track)
			track.layers[0].kill(first + 2)
			track.layers[0].forget()
			if late {
				play(track)
			}
			r := open(track)
			if !late {
				play(track)
			}
			if got := read(r, first); !equal(got, 0, 1, 2, 3, 4, 5, 6, 7) || r.Skips() != 0 {
				t.Errorf("%s, late %v: read %v, %d skips", name, late, got, r.Skips())
			}
			if track.layers[0].dead(first + 2) {
				t.Error("a frame that came again is taken for dead")
			}
			r.Close()
			track.Close()
		}
	}
}
