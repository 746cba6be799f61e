package window

import "time"

// buckets is into how many parts a filter divides its window: what is forgotten is forgotten a tenth of the window early
// at most, and nothing has to be sorted or allocated.
const buckets = 10

// A filter keeps the best of the values of the last while.
type filter struct {
	span   time.Duration          // of one bucket
	better func(a, b uint64) bool // whether a is better than b
	best   [buckets]uint64
	epoch  [buckets]int64 // which stretch of time the bucket holds, counted from 1; 0 is none
}

func newFilter(window time.Duration, better func(a, b uint64) bool) filter {
	return filter{span: window / buckets, better: better}
}

func greater(a, b uint64) bool { return a > b }
func less(a, b uint64) bool    { return a < b }

// add takes a value of now. Time does not go back.
func (f *filter) add(now time.Duration, v uint64) {
	epoch := int64(now/f.span) + 1
	i := epoch % buckets
	if f.epoch[i] != epoch || f.better(v, f.best[i]) {
		f.epoch[i], f.best[i] = epoch, v
	}
}

// value is the best value of the window that ends now, 0 when there is none.
func (f *filter) value(now time.Duration) uint64 {
	epoch := int64(now/f.span) + 1
	var v uint64
	found := false
	for i := range f.best {
		if f.epoch[i] > epoch-buckets && (!found || f.better(f.best[i], v)) && f.epoch[i] != 0 {
			v, found = f.best[i], true
		}
	}
	return v
}

// A meter measures which share of the bytes of the last second was lost.
type meter struct {
	epoch           [buckets]int64
	delivered, lost [buckets]uint64
}

// meterSpan is one bucket of a meter.
const meterSpan = time.Second / buckets

// enough is how many bytes a share is computed from at least: one loss among the twenty datagrams of an idle link says
// nothing.
const enough = 64 << 10

func (m *meter) add(now time.Duration, delivered, lost uint64) {
	epoch := int64(now/meterSpan) + 1
	i := epoch % buckets
	if m.epoch[i] != epoch {
		m.epoch[i], m.delivered[i], m.lost[i] = epoch, 0, 0
	}
	m.delivered[i] += delivered
	m.lost[i] += lost
}

// share is what was lost of all that was delivered or lost, 0 where too little was sent to tell.
func (m *meter) share(now time.Duration) float64 {
	epoch := int64(now/meterSpan) + 1
	var delivered, lost uint64
	for i := range m.epoch {
		if m.epoch[i] > epoch-buckets && m.epoch[i] != 0 {
			delivered += m.delivered[i]
			lost += m.lost[i]
		}
	}
	if delivered+lost < enough {
		return 0
	}
	return float64(lost) / float64(delivered+lost)
}
