package main

import (
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A Script is a seat of which it is known what it has written at each moment: a frame at once, when its time comes.
type Script struct {
	film  film
	began time.Time
}

// sent returns the bytes and the frame that were written until at, and the bytes that had crossed a link by then, which needs
// as long for a frame as loopback does.
func (s *Script) sent(at time.Time) (written, crossed uint64, last uint32) {
	for frame := uint32(0); ; frame++ {
		begin := s.began.Add(time.Duration(frame) * s.film.every)
		if begin.After(at) {
			return written, crossed, frame - 1
		}
		bytes := uint64(s.film.packets(frame) * s.film.size)
		took := time.Millisecond
		if s.film.key(frame) {
			took = 14 * time.Millisecond
		}
		written += bytes
		if !begin.Add(took).After(at) {
			crossed += bytes
		}
	}
}

// Use answers as a seat does.
func (s *Script) Use(_ Nothing, out *Usage) error {
	out.Sent, _, out.Last = s.sent(time.Now())
	return nil
}

func TestWhatIsMeasuredBeginsAndEndsWithNothingOnItsWay(t *testing.T) {
	// Whenever the first frame was written, and also when the looks fall into key frames, as they do by themselves: one
	// comes each two seconds, and [settle] is a multiple of that.
	for _, ms := range []time.Duration{0, 1, 4, 9, 13, 15, 33, 700, 1300, 1966, 1990} {
		late := ms * time.Millisecond
		synctest.Test(t, func(t *testing.T) {
			s := &Script{film: filmOf("video"), began: time.Now().Add(-late)}
			m, stop := seated(t, s)
			defer stop()
			l := &line{cast: &cast{members: []*member{m}}}
			var marks [2]uint64
			err := l.measure(t.Context(), 5*time.Second, func(end int) { _, marks[end], _ = s.sent(time.Now()) })
			if err != nil {
				t.Fatal(err)
			}
			source, crossed := l.after[0].Sent-l.before[0].Sent, marks[1]-marks[0]
			if source != crossed || source < 4*videoRate/8 {
				t.Errorf("begun %v ago: the source wrote %d bytes, and %d crossed", late, source, crossed)
			}
			if l.from%videoGroup <= sinceKey || l.to%videoGroup == videoGroup-1 {
				t.Errorf("begun %v ago: frames %d to %d", late, l.from, l.to)
			}
		})
	}
}

// seated returns a member whose seat is s, in this process.
func seated(t *testing.T, s *Script) (m *member, stop func()) {
	t.Helper()
	server := rpc.NewServer()
	if err := server.RegisterName("Seat", s); err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	var over sync.WaitGroup
	over.Go(func() { server.ServeCodec(jsonrpc.NewServerCodec(far)) })
	m = &member{name: "origin", rpc: jsonrpc.NewClient(near)}
	return m, func() {
		_ = m.rpc.Close()
		over.Wait()
	}
}
