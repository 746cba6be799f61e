package layers

import "time"

// What is assumed, and what counts as trouble.
const (
	// assumed is what a path takes of which nothing is known: enough for 1080p, and most
	// paths to a home take more.
	assumed = 5e6
	// leastTakes is what every path is believed to take.
	leastTakes = 150e3
	// lossy is the share of packets that no path loses by chance for long: random loss of a
	// few in a hundred (radio) is repaired and is no reason to send less; libwebrtc draws the
	// same line at one in ten.
	lossy = 0.10
	// certain is a share in a single report, which may be of a hundred packets, that is no
	// accident; less has to be in the mean of two.
	certain = 0.20
	// queued is by how much the round trip may grow above the shortest one until a queue
	// counts as full: a router at the edge of a home holds 100 to 300 ms.
	queued = 120 * time.Millisecond
	// back is what is left of a path when it proved to be too narrow: the same share that
	// receivers' estimates take (draft-ietf-rmcat-gcc-02, section 5.5).
	back = 0.85
	// grow is by how much a second a path is believed to recover by itself when what it
	// carries, or more, gets through.
	grow = 0.05
	// missedFor is the time in which requests for what is lost are counted, missedShare the share
	// of what goes out that no path loses by chance in it, and missedLeast the bits (30 packets)
	// that are no burst of a radio.
	missedFor   = 300 * time.Millisecond
	missedShare = 0.3
	missedLeast = 240e3
	// paddingFor is how long after padding its effects may be in a report: browsers make one a
	// second, and the queue drains meanwhile.
	paddingFor = 1200 * time.Millisecond
	// shortest forgets the shortest round trip after this long: paths change.
	rttMemory = 30 * time.Second
	// settling is how long after a switch nothing is held against the new layer: what was
	// queued by the old one is still on its way.
	settling = 600 * time.Millisecond
)

// A Path is what one viewer's path takes, as far as its answers tell. The zero Path is of
// one of which nothing is known.
type Path struct {
	takes    float64 // bits a second
	sent     float64 // the same, that went out of late
	window   float64 // bits in the window that runs
	since    time.Time
	aged     time.Time
	estimate float64 // the receiver's newest
	loss     float64 // in the newest report
	rtt      time.Duration
	least    [2]time.Duration // shortest round trip in the halves of rttMemory
	turned   time.Time
	trouble  time.Time // when the path last showed that it is full
	heard    time.Time // when it last said anything
	reported time.Time // when the newest report of loss came
	measured time.Time // when the newest estimate did
	missed   float64   // bits that it said to miss since missing
	missing  time.Time
	quiet    time.Time // until then trouble is of what was before
	queueing int       // reports in a row that say so
	padded   time.Time // until then what is too much may be padding
	floor    float64   // which says nothing against this much
}

func (p *Path) start(now time.Time) {
	if p.takes == 0 {
		p.takes = assumed
	}
	p.aged = now
}

// Takes is what the path takes, in bits a second.
func (p *Path) Takes(time.Time) float64 { return max(p.takes, leastTakes) }

// RTT is the newest round trip; 0 where none was reported.
func (p *Path) RTT() time.Duration { return p.rtt }

// Troubled reports whether the path showed after at that it is full.
func (p *Path) Troubled(at time.Time) bool { return p.trouble.After(at) }

// Heard reports whether the viewer said anything after at.
func (p *Path) Heard(at time.Time) bool { return p.heard.After(at) }

// Proved says that the path took that many bits a second.
func (p *Path) Proved(rate float64) {
	if rate > p.takes {
		p.takes = rate
	}
}

// Sent counts what went out, media and padding.
func (p *Path) Sent(bytes int, now time.Time) {
	p.window += float64(8 * bytes)
	const every = 500 * time.Millisecond
	switch d := now.Sub(p.since); {
	case d > 4*every:
		p.since, p.window = now, 0
	case d >= every:
		p.sent = p.window / d.Seconds()
		p.since, p.window = now, 0
	}
}

// Reported takes a receiver's report: the share of packets lost since the last one, and the
// round trip, 0 where it is not known.
func (p *Path) Reported(loss float64, rtt time.Duration, now time.Time) {
	p.heard, p.reported = now, now
	full := loss > certain || (loss+p.loss)/2 > lossy
	p.loss = loss
	if rtt > 0 {
		drains := rtt < p.rtt-10*time.Millisecond // what was queued before: less goes in than out
		p.rtt = rtt
		if now.Sub(p.turned) > rttMemory/2 {
			p.least = [2]time.Duration{rtt, p.least[0]}
			p.turned = now
		}
		p.least[0] = min(p.least[0], rtt)
		floor := p.least[0]
		if p.least[1] > 0 {
			floor = min(floor, p.least[1])
		}
		switch {
		case rtt <= floor+queued:
			p.queueing = 0
		case !drains:
			p.queueing++
		}
		full = full || !drains && (p.queueing >= 2 || p.queueing == 1 && loss > 0.02)
	}
	if full {
		p.full(p.sent*(1-loss), now)
	}
}

// Estimated takes the receiver's own estimate in bits a second. It follows what comes, and
// grows by a few in a hundred a second: only one that falls says that the path is full.
func (p *Path) Estimated(bits float64, now time.Time) {
	before := p.estimate
	p.estimate = bits
	p.heard, p.measured = now, now
	switch {
	case before > 0 && bits < before*0.95 && bits < p.sent*1.05:
		p.full(bits/back, now)
	case bits > p.takes:
		p.takes = bits
	}
}

// Missed says that the viewer has asked for so many bytes for the first time. It does so at
// once, while reports of loss come once a second, in which a path that became narrow loses a
// second of pictures. A few packets are no sign of that.
func (p *Path) Missed(bytes int, now time.Time) {
	if now.Sub(p.missing) > missedFor {
		p.missing, p.missed = now, 0
	}
	p.missed += float64(8 * bytes)
	if s := missedFor.Seconds(); p.missed > max(missedShare*p.sent*s, missedLeast) {
		p.full(max(p.sent-p.missed/s, 0), now)
		p.missed = 0
	}
}

// PaddingLost says which share of the padding was lost, in the newest report of it.
func (p *Path) PaddingLost(share float64, now time.Time) {
	if share > certain && now.Before(p.padded) {
		p.trouble = now
	}
}

// Took reports whether the viewer spoke after at of what came, in all the ways in which it does,
// and did not contradict that a rate came through: an estimate that was given before grows with
// what comes, and one that stays where it was is held down by a queue, as a round trip shows.
func (p *Path) Took(at time.Time, rate, before float64) (took, known bool) {
	if !p.reported.After(at) || p.estimate > 0 && !p.measured.After(at) {
		return false, false
	}
	return p.queueing == 0 && (p.estimate == 0 || p.estimate > before || p.estimate >= rate), true
}

// full says that the path is, at the rate that got through.
func (p *Path) full(rate float64, now time.Time) {
	if now.Before(p.quiet) {
		return
	}
	p.trouble = now
	rate *= back
	if now.Before(p.padded) {
		rate = max(rate, p.floor)
	}
	if rate > 0 && rate < p.takes {
		p.takes = rate
	}
}

// pads says that padding goes out at now beside media of a rate that got through until then:
// where that is too much, the media alone is not.
func (p *Path) pads(media float64, now time.Time) {
	p.padded, p.floor = now.Add(paddingFor+p.rtt), media
}

// settle leaves what was queued before a switch out of account.
func (p *Path) settle(now time.Time) { p.quiet = now.Add(settling) }

// age believes in a little more as long as what is sent gets through.
func (p *Path) age(now time.Time) {
	d := now.Sub(p.aged)
	if d < 200*time.Millisecond {
		return
	}
	p.aged = now
	if !p.Troubled(now.Add(-2*time.Second)) && p.Heard(now.Add(-2*time.Second)) && p.sent > p.takes*0.8 {
		p.takes *= 1 + grow*min(d.Seconds(), 1)
	}
}
