package layers

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// A link is one viewer's path in virtual time: a bottleneck with a queue in front of it, and
// a receiver that reports twice and a half a second, as browsers do.
type link struct {
	rate  func(at time.Duration) float64 // bits a second
	loss  float64                        // by chance, beside what the queue has no room for
	rtt   time.Duration
	remb  bool // the receiver estimates, as libwebrtc does without transport-wide feedback
	queue float64
	seed  uint64

	sent, lost, came float64 // packets, and bits, since the last report
	estimate, delay  float64
}

// queueFor is how much of its rate the bottleneck holds.
const queueFor = 0.25

func (l *link) random() float64 {
	l.seed = l.seed*6364136223846793005 + 1442695040888963407
	return float64(l.seed>>11) / (1 << 53)
}

// step puts bits into the link for one tick.
func (l *link) step(bits float64, at, tick time.Duration) {
	rate := l.rate(at)
	for ; bits > 0; bits -= 9600 {
		n := min(bits, 9600)
		l.sent++
		if l.queue+n > rate*queueFor || l.random() < l.loss {
			l.lost++
			continue
		}
		l.queue += n
	}
	out := min(l.queue, rate*tick.Seconds())
	l.queue -= out
	l.came += out
}

// report is what the receiver says every 400 ms.
func (l *link) report(at time.Duration) (loss float64, rtt time.Duration, remb float64) {
	const every = 0.4
	delay := l.queue / l.rate(at)
	if l.sent > 0 {
		loss = math.Floor(256*l.lost/l.sent) / 256 // RFC 3550: a fraction of 8 bits
	}
	incoming := l.came / every
	if l.estimate == 0 {
		l.estimate = incoming
	}
	switch { // draft-ietf-rmcat-gcc-02, section 5.5, with libwebrtc's 8 % a second
	case delay > 0.06 && delay > l.delay-0.01:
		l.estimate = min(l.estimate, back*incoming)
	default:
		l.estimate = max(min(l.estimate*math.Pow(1.08, every), 1.5*incoming+10e3), 100e3)
	}
	l.delay = delay
	l.sent, l.lost, l.came = 0, 0, 0
	return loss, l.rtt + time.Duration(delay*float64(time.Second)), l.estimate
}

// A course is what a viewer saw.
type course struct {
	at    []time.Duration // of the switches
	layer []int
	share [3]time.Duration // time with each layer
	pads  float64          // bits of padding
	lost  float64          // packets
	sent  float64
}

// watch plays for a while. The sizes are 540, 1080 and 2160 lines.
func watch(l *link, want func(time.Duration) Want, rates [3]float64, last time.Duration) course {
	const tick = 5 * time.Millisecond
	var c Chooser
	var out course
	begin := time.Unix(1000, 0)
	now := func(at time.Duration) time.Time { return begin.Add(at) }
	all := []Layer{{Rate: rates[0], Height: 540}, {Rate: rates[1], Height: 1080}, {Rate: rates[2], Height: 2160}}
	current := c.Start(all, begin)
	out.at, out.layer = append(out.at, 0), append(out.layer, current)
	target, pad, since, key := current, 0.0, time.Duration(0), 0.0
	for at := time.Duration(0); at < last; at += tick {
		if at%(33*time.Millisecond/tick*tick) < tick { // a frame; after a key frame the encoder saves it up again
			bits := rates[current]*.033 + key
			key = -key / 6
			if pad > 0 {
				more := max(0, pad-rates[current]) * .033
				out.pads += more
				bits += more
			}
			before := l.lost
			l.step(bits, at, 0)
			out.sent, out.lost = out.sent+math.Ceil(bits/9600), out.lost+l.lost-before
			c.Sent(int(bits/8), now(at))
		}
		l.step(0, at, tick)
		if at%(400*time.Millisecond) == 0 && at > 0 {
			loss, rtt, remb := l.report(at)
			c.Reported(loss, rtt, now(at))
			if l.remb {
				c.Estimated(remb, now(at))
			}
		}
		if at%(100*time.Millisecond) == 0 {
			if want != nil {
				c.Want(want(at))
			}
			before := target
			target, pad = c.Choose(all, now(at))
			if target != before {
				since = at
			}
		}
		if target != current && at-since > 300*time.Millisecond { // its key frame is there
			current = target
			c.Switched(current, now(at))
			out.at, out.layer = append(out.at, at), append(out.layer, current)
			key = rates[current] * .033 * 4
		}
		out.share[current] += tick
	}
	return out
}

// by returns when, after a time, layer was there to stay until a later time; -1 if it was not.
func (c course) by(layer int, after, until time.Duration) time.Duration {
	found := time.Duration(-1)
	for i := range c.at {
		if c.at[i] >= until {
			break
		}
		switch {
		case c.layer[i] != layer:
			found = -1
		case found < 0:
			found = max(c.at[i], after)
		}
	}
	if found < 0 {
		return -1
	}
	return found - after
}

func (c course) switches(from, to time.Duration) (n int) {
	for i := 1; i < len(c.at); i++ {
		if c.at[i] >= from && c.at[i] < to {
			n++
		}
	}
	return n
}

var usual = [3]float64{900e3, 2.5e6, 14e6}

func fixed(mbps float64) func(time.Duration) float64 {
	return func(time.Duration) float64 { return mbps * 1e6 }
}

func TestABandwidthThatDropsAndComesBackIsFollowedWithoutSwinging(t *testing.T) {
	for _, rtt := range []time.Duration{10 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond} {
		for _, remb := range []bool{true, false} {
			for _, loss := range []float64{0, .01, .05} {
				t.Run(fmt.Sprintf("rtt %v, estimate of the receiver %v, loss %v", rtt, remb, loss), func(t *testing.T) {
					const down, up, end = 30 * time.Second, 60 * time.Second, 120 * time.Second
					l := &link{rtt: rtt, remb: remb, loss: loss, seed: 1, rate: func(at time.Duration) float64 {
						if at >= down && at < up {
							return 3e6
						}
						return 20e6
					}}
					c := watch(l, nil, usual, end)
					first, fell, came := c.by(2, 0, down), c.by(1, down, up), c.by(2, up, end)
					t.Logf("4K after %v; down to 1080p in %v, back in %v; %d switches; %.1f %% padding, %.2f %% lost",
						first, fell, came, c.switches(0, end), 100*c.pads/(c.sent*9600), 100*c.lost/c.sent)
					if first < 0 || first > 5*time.Second {
						t.Errorf("4K came after %v at 20 Mbps", first)
					}
					if fell < 0 || fell > 2*time.Second {
						t.Errorf("1080p was there to stay %v after the drop to 3 Mbps: %v %v", fell, c.at, c.layer)
					}
					if came < 0 || came > 16*time.Second {
						t.Errorf("4K was back %v after the 20 Mbps: %v %v", came, c.at, c.layer)
					}
					if n := c.switches(0, end); n > 4 {
						t.Errorf("%d switches: %v %v", n, c.at, c.layer)
					}
				})
			}
		}
	}
}
