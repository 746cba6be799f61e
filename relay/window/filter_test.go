package window

import (
	"testing"
	"time"
)

const ms = time.Millisecond

func TestFilter(t *testing.T) {
	type sample struct {
		at time.Duration
		v  uint64
	}
	for _, c := range []struct {
		name    string
		better  func(a, b uint64) bool
		samples []sample
		at      time.Duration
		want    uint64
	}{
		{"nothing was seen", greater, nil, time.Second, 0},
		{"the greatest of the window counts", greater, []sample{{0, 5}, {100 * ms, 9}, {200 * ms, 7}}, 300 * ms, 9},
		{"the least of the window counts", less, []sample{{0, 5}, {100 * ms, 9}, {200 * ms, 7}}, 300 * ms, 5},
		{"within a bucket too", greater, []sample{{10 * ms, 9}, {20 * ms, 5}}, 30 * ms, 9},
		{"it lasts for nine tenths of the window at least", greater, []sample{{99 * ms, 9}}, 999 * ms, 9},
		{"it is gone after the window", greater, []sample{{99 * ms, 9}}, 1000 * ms, 0},
		{"what is left takes its place", greater, []sample{{0, 9}, {500 * ms, 4}, {600 * ms, 3}}, 1200 * ms, 4},
		{"a bucket that comes round again forgets", greater, []sample{{0, 9}, {1000 * ms, 2}}, 1000 * ms, 2},
		{"a long silence leaves nothing", less, []sample{{0, 9}, {50 * ms, 2}}, time.Hour, 0},
		{"zero is a value", less, []sample{{0, 0}, {0, 3}}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFilter(time.Second, c.better)
			for _, s := range c.samples {
				f.add(s.at, s.v)
			}
			if v := f.value(c.at); v != c.want {
				t.Errorf("%d, not %d", v, c.want)
			}
		})
	}
}

func TestMeter(t *testing.T) {
	type sample struct {
		at              time.Duration
		delivered, lost uint64
	}
	for _, c := range []struct {
		name    string
		samples []sample
		at      time.Duration
		want    float64
	}{
		{"nothing was sent", nil, time.Second, 0},
		{"a quarter is lost", []sample{{0, 300_000, 0}, {500 * ms, 0, 100_000}}, 600 * ms, .25},
		{"too little was sent to tell", []sample{{0, 3000, 3000}}, 0, 0},
		{"all is lost", []sample{{0, 0, 200_000}}, 0, 1},
		{"what is older than a second does not count", []sample{{0, 0, 200_000}, {900 * ms, 200_000, 0}}, 1000 * ms, 0},
		{"a bucket that comes round again forgets", []sample{{0, 0, 200_000}, {1000 * ms, 200_000, 0}}, 1000 * ms, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m meter
			for _, s := range c.samples {
				m.add(s.at, s.delivered, s.lost)
			}
			if v := m.share(c.at); v != c.want {
				t.Errorf("%v, not %v", v, c.want)
			}
		})
	}
}
