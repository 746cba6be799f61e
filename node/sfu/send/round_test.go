//go:build linux

package send

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
)

func TestARoundGoesOutTogetherAndWhoHindersAlone(t *testing.T) {
	equal := []int{900, 900, 900}
	for name, c := range map[string]struct {
		rungs   []Rung   // of each viewer
		answers []answer // to calls for several
		alone   []answer // to calls for one
		calls   []string // for several, then for one
		errs    []error
		left    []int
	}{
		"all is well":                    {make([]Rung, 3), nil, nil, []string{"3"}, make([]error, 3), []int{0, 0, 0}},
		"one alone is sent as ever":      {make([]Rung, 1), nil, nil, []string{"1 segments"}, make([]error, 1), []int{0}},
		"a viewer without segments":      {[]Rung{0, Messages, 0}, nil, nil, []string{"5"}, make([]error, 3), []int{0, 0, 0}},
		"a viewer packet by packet":      {[]Rung{0, Single, 0}, nil, nil, []string{"1", "3 plain", "1 segments"}, make([]error, 3), []int{0, 0, 0}},
		"a full buffer for one":          {make([]Rung, 3), []answer{{1, 0}}, []answer{{0, syscall.EAGAIN}}, []string{"3", "1 segments", "1 segments"}, []error{nil, ErrFull, nil}, []int{0, 3, 0}},
		"a filter before one":            {make([]Rung, 3), []answer{{0, syscall.EPERM}}, []answer{{0, syscall.EPERM}}, []string{"3", "1 segments", "2"}, []error{ErrRefused, nil, nil}, []int{3, 0, 0}},
		"a device that cannot checksum":  {make([]Rung, 2), []answer{{0, syscall.EIO}}, []answer{{0, syscall.EIO}}, []string{"2", "1 segments", "3 plain", "1 segments"}, make([]error, 2), []int{0, 0}},
		"a sandbox without sendmmsg":     {make([]Rung, 2), []answer{{0, syscall.ENOSYS}}, nil, []string{"2", "1 segments", "1 segments"}, make([]error, 2), []int{0, 0}},
		"the kernel takes some messages": {[]Rung{0, Messages, 0}, []answer{{3, 0}}, nil, []string{"5", "1 plain", "1 segments"}, make([]error, 3), []int{0, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSocket(t, listen(t, "udp4", "127.0.0.1:0"), 0)
			k := &kernel{answers: c.alone}
			s.post = k.post
			s.many = func(fd uintptr, m []message) (int, syscall.Errno) {
				k.calls = append(k.calls, fmt.Sprint(len(m)))
				if len(c.answers) == 0 {
					return sendmmsg(fd, m)
				}
				a := c.answers[0]
				c.answers = c.answers[1:]
				if a.took > 0 {
					return sendmmsg(fd, m[:a.took])
				}
				return 0, a.errno
			}
			var r Round
			viewer := listen(t, "udp4", "127.0.0.1:0")
			for _, rung := range c.rungs {
				d := dest(t, s, viewer.LocalAddr())
				d.rung.Store(int32(rung))
				r.Add(filled(t, s, equal...), d)
			}
			s.Post(&r)
			arrive := 0
			for i := range c.rungs {
				b, err := r.Sent(i)
				if !errors.Is(err, c.errs[i]) || b.Left() != c.left[i] {
					t.Errorf("viewer %d: %v, %d left", i, err, b.Left())
				}
				arrive += len(equal) - b.Left()
			}
			if !slices.Equal(k.calls, c.calls) {
				t.Errorf("calls %q, want %q", k.calls, c.calls)
			}
			arrives(t, viewer, arrive)
		})
	}
}

func TestViewersOfARoundGetWhatIsTheirs(t *testing.T) {
	s := newSocket(t, listen(t, "udp4", "127.0.0.1:0"), 0)
	var r Round
	for range 2 { // one that was used is as a new one
		var want [][][2]int
		var check []func() [][2]int
		for i := range RoundBatches {
			viewer := listen(t, "udp4", "127.0.0.1:0")
			sizes := []int{500 + i, 500 + i, 100 + i, 700 + i} // two runs
			r.Add(filled(t, s, sizes...), dest(t, s, viewer.LocalAddr()))
			want = append(want, [][2]int{{500 + i, 1}, {500 + i, 2}, {100 + i, 3}, {700 + i, 4}})
			check = append(check, func() [][2]int { return arrives(t, viewer, 4) })
		}
		if !r.Full() {
			t.Fatal("there is room")
		}
		s.Post(&r)
		for i := range want {
			if got := check[i](); !slices.Equal(got, want[i]) {
				t.Errorf("viewer %d: %v", i, got)
			}
		}
		r.Clear()
	}
}

func TestARoundAllocatesNothing(t *testing.T) {
	s := newSocket(t, listen(t, "udp4", "127.0.0.1:0"), 0)
	viewer := listen(t, "udp4", "127.0.0.1:0")
	d := dest(t, s, viewer.LocalAddr())
	var batches [RoundBatches]*Batch
	for i := range batches {
		batches[i] = newBatch()
	}
	packet := make([]byte, 1200)
	var r Round
	if n := testing.AllocsPerRun(20, func() {
		for _, b := range batches {
			b.Clear()
			for range 16 {
				if err := b.Add(append(b.Next(), packet...)); err != nil {
					t.Fatal(err)
				}
			}
			r.Add(b, d)
		}
		s.Post(&r)
		r.Clear()
	}); n >= 1 {
		t.Errorf("%v allocations for %d packets", n, 16*RoundBatches)
	}
}
