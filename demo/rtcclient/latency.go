package rtcclient

import (
	"slices"
	"time"
)

// samples is how many of the last measurements quantiles are taken from: a bit more
// than two minutes of frames.
const samples = 4096

// latencies keeps the last measurements.
type latencies struct {
	last [samples]time.Duration
	n    int
}

func (l *latencies) add(d time.Duration) {
	l.last[l.n%samples] = d
	l.n++
}

// quantiles returns the nearest-rank quantiles of what is kept, zeros if that is
// nothing.
func (l *latencies) quantiles(q ...float64) []time.Duration {
	sorted := slices.Clone(l.last[:min(l.n, samples)])
	slices.Sort(sorted)
	out := make([]time.Duration, len(q))
	for i, q := range q {
		if len(sorted) > 0 {
			out[i] = sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
		}
	}
	return out
}
