package send

import "time"

// Defaults of a [Pacer], as long as nobody knows what the viewer's path takes.
const (
	// PaceRate is 100 Mbps: five times a 4K stream, so that what a publisher paced
	// (libwebrtc: 2.5 times its rate) goes out as it came, while a key frame out of a
	// ring, 750 kB at once, takes 60 ms instead of one burst at line rate. Home routers
	// of a Gbps on one side and less on the other drop the end of such a burst.
	PaceRate = 100e6 / 8
	// PaceBurst is what may go at once: half of the 128 KB that cheap routers queue.
	PaceBurst = 64 << 10
	// paceTick is the shortest wait: shorter ones cost a wake-up each for a batch or two.
	paceTick = 2 * time.Millisecond
)

// A Pacer spreads what one viewer gets at once over time: a bucket of PaceBurst bytes
// that fills at a rate. Audio need not be paced, and repairs count. The zero Pacer is
// ready. It is for one goroutine at a time.
type Pacer struct {
	rate float64   // bytes a second; 0: PaceRate
	owed float64   // bytes that went out and are not paid for by time yet
	at   time.Time // when owed was right
}

// SetRate sets the rate, in bytes a second; 0 is the default. Whoever estimates what
// the viewer's path takes gives about 2.5 times that.
func (p *Pacer) SetRate(rate float64) { p.rate = max(rate, 0) }

// Spend says that n bytes went out at now, and returns how long to wait before the
// next: 0 as long as the burst lasts.
func (p *Pacer) Spend(now time.Time, n int) time.Duration {
	rate := p.rate
	if rate == 0 {
		rate = PaceRate
	}
	if d := now.Sub(p.at); d > 0 {
		p.owed = max(0, p.owed-d.Seconds()*rate)
		p.at = now
	}
	p.owed += float64(n)
	wait := time.Duration((p.owed - PaceBurst) / rate * float64(time.Second))
	if wait < paceTick { // it stays owed, and is waited for with what follows
		return 0
	}
	return wait
}
