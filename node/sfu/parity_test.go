package sfu

import (
	"container/heap"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"stentor/bench/impair"
)

// A film of 4K at 12 Mbps goes over a path that loses packets: what is lost is asked for again (NACK, RFC 4585; RTX, RFC
// 4588), or frames have parity behind them, or both. The parity is better than FlexFEC's XOR can be: of a frame with k
// packets of it any k may be lost. A test of why viewers are not sent FlexFEC (DESIGN.md, "Loss").
type lossy struct {
	rtt    time.Duration
	loss   float64
	burst  float64 // mean number of packets lost in a row
	nack   bool
	parity float64 // packets of it for each one of the frame's

	link, back *impair.Link
	queue      flights
	frames     []lossyFrame
	high       int // the newest packet that came, by its number
	sent, more int // packets: of the film, and beside
}

type lossyFrame struct {
	first, n int // numbers of its packets
	came     map[int]bool
	parity   int // packets of it that came
	soonest  time.Time
	whole    time.Time // zero: never
}

// A flight is a packet that is to be sent or a request to be made.
type flight struct {
	at     time.Time
	frame  int
	number int // of the film; -1: parity
	ask    int // how often it was asked for, where this is a request
	order  int
}

type flights []flight

func (q flights) Len() int { return len(q) }
func (q flights) Less(i, j int) bool {
	return q[i].at.Before(q[j].at) || q[i].at.Equal(q[j].at) && q[i].order < q[j].order
}
func (q flights) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *flights) Push(x any)   { *q = append(*q, x.(flight)) }
func (q *flights) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

const (
	lossySize  = 1200
	lossyEvery = time.Second / 30
	lossyAsks  = 10                     // libwebrtc's bound
	lossySoon  = 10 * time.Millisecond  // it sends requests every 20 ms
	lossyAgain = 100 * time.Millisecond // and the same one no sooner
)

// play returns by how much frames were whole later than on a path without loss, in ms and in order; one that never was is infinitely late.
func (l *lossy) play(seconds int) (late []float64) {
	begin := time.Unix(1000, 0)
	p := impair.Profile{Delay: l.rtt / 2, Loss: l.loss, Burst: l.burst, Rate: 20e6}
	l.link, l.back, l.high = impair.New(p, 1), impair.New(impair.Profile{Delay: l.rtt / 2, Loss: l.loss}, 2), -1
	for i := range 30 * seconds {
		n := 39
		if i%60 == 0 {
			n *= 4
		}
		at := begin.Add(time.Duration(i) * lossyEvery)
		f := lossyFrame{first: l.sent, n: n, came: make(map[int]bool)}
		for k := range n + int(math.Ceil(l.parity*float64(n))) {
			number := l.sent
			if k >= n {
				number = -1
				l.more++
			} else {
				l.sent++
			}
			// Paced at 2.5 times the film's rate, as browsers and the node do.
			l.push(flight{at: at.Add(time.Duration(k) * lossyEvery / 39 * 2 / 5), frame: i, number: number})
		}
		l.frames = append(l.frames, f)
	}
	for len(l.queue) > 0 {
		l.step(heap.Pop(&l.queue).(flight))
	}
	for _, f := range l.frames {
		if f.whole.IsZero() {
			late = append(late, math.Inf(1))
			continue
		}
		late = append(late, float64(f.whole.Sub(f.soonest).Microseconds())/1e3)
	}
	slices.Sort(late)
	return late
}

func (l *lossy) push(f flight) {
	f.order = f.frame
	heap.Push(&l.queue, f)
}

func (l *lossy) step(p flight) {
	f := &l.frames[p.frame]
	if p.ask > 0 && p.order >= 0 { // a request leaves the viewer
		if f.came[p.number] || !f.whole.IsZero() {
			return
		}
		if p.ask < lossyAsks {
			l.push(flight{at: p.at.Add(max(l.rtt, lossyAgain)), frame: p.frame, number: p.number, ask: p.ask + 1})
		}
		for _, at := range l.back.Send(p.at, 60) {
			l.more++
			heap.Push(&l.queue, flight{at: at, frame: p.frame, number: p.number, ask: p.ask, order: -1})
		}
		return
	}
	if p.ask == 0 && p.number == f.first+f.n-1 { // when it is whole without loss: nothing waits at 20 Mbps but a moment
		f.soonest = p.at.Add(l.rtt / 2)
	}
	for _, at := range l.link.Send(p.at, lossySize) {
		l.arrive(p, f, at)
	}
}

// arrive takes what comes, in the order in which it was sent, and asks for what is left out.
func (l *lossy) arrive(p flight, f *lossyFrame, at time.Time) {
	if p.number < 0 {
		f.parity++
	} else {
		f.came[p.number] = true
	}
	if f.whole.IsZero() && len(f.came)+f.parity >= f.n {
		f.whole = at
	}
	if !l.nack || p.ask > 0 || p.number <= l.high {
		return
	}
	for missed := l.high + 1; missed < p.number; missed++ {
		frame := p.frame
		for l.frames[frame].first > missed {
			frame--
		}
		l.push(flight{at: at.Add(lossySoon), frame: frame, number: missed, ask: 1})
	}
	l.high = p.number
}

func TestWhatIsAskedForAgainComesAndWhatHasParityMayNot(t *testing.T) {
	bursts, ways := []float64{1, 4}, []lossy{{nack: true}, {parity: .05}, {parity: .10}, {parity: .20}, {nack: true, parity: .10}}
	if raced { // it is arithmetic in one goroutine: the table is for who reads it
		bursts, ways = bursts[:1], ways[:2]
	}
	quantile := func(late []float64, q float64) float64 { return late[int(q*float64(len(late)-1))] }
	beyond := func(late []float64, ms float64) (share float64) {
		for _, l := range late {
			if l > ms {
				share++
			}
		}
		return 100 * share / float64(len(late))
	}
	t.Log("| loss, row, RTT | way | late ms p50 | p95 | p99 | never | beside the film |")
	for _, burst := range bursts {
		for _, loss := range []float64{.01, .05} {
			for _, rtt := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond} {
				var never [2]float64
				for i, way := range ways {
					way.rtt, way.loss, way.burst = rtt, loss, burst
					late := way.play(12)
					name := fmt.Sprintf("parity %.0f %%, again %v", 100*way.parity, way.nack)
					t.Logf("| %.0f %%, %.0f, %v | %s | %.0f | %.0f | %.0f | %.2f %% | %.1f %% |", 100*loss, burst, rtt, name,
						quantile(late, .5), quantile(late, .95), quantile(late, .99), beyond(late, 5000), 100*float64(way.more)/float64(way.sent))
					if i == 0 {
						never[0] = beyond(late, 5000)
						if q := quantile(late, .99); never[0] > 0 || q > 3*rtt.Seconds()*1e3+300 {
							t.Errorf("%s: %.2f %% of the frames never come, and one in a hundred is %.0f ms late", name, never[0], q)
						}
					}
					if i == 1 {
						never[1] = beyond(late, 5000)
					}
				}
				if never[1] <= never[0] {
					t.Errorf("loss %v, RTT %v: parity of 5 %% loses %.2f %% of the frames, repairs %.2f %%", loss, rtt, never[1], never[0])
				}
			}
		}
	}
}
