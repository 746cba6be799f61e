package relay

import (
	"testing"
	"time"
)

func TestWhenALinkIsIllAndWhenItIsWell(t *testing.T) {
	for _, c := range []struct {
		name      string
		v         vitals
		ill, well bool
	}{
		{"nothing known is well", vitals{}, false, true},
		{"a quiet link is well", vitals{rtt: 20 * ms, minRTT: 18 * ms}, false, true},
		{"100 ms behind is not ill yet", vitals{backlog: 100 * ms}, false, false},
		{"101 ms behind is ill", vitals{backlog: 101 * ms}, true, false},
		{"50 ms behind is not well", vitals{backlog: 50 * ms}, false, false},
		{"random loss of 4 % is well", vitals{loss: 0.04}, false, true},
		{"loss of 7 % is neither", vitals{loss: 0.07}, false, false},
		{"loss of 11 % is ill", vitals{loss: 0.11}, true, false},
		{"a short way may jitter by 30 ms", vitals{rtt: 31 * ms, minRTT: ms}, false, false},
		{"and no more", vitals{rtt: 32 * ms, minRTT: ms}, true, false},
		{"a long way by a quarter and 30 ms", vitals{rtt: 280 * ms, minRTT: 200 * ms}, false, false},
		{"more is a queue", vitals{rtt: 281 * ms, minRTT: 200 * ms}, true, false},
		{"long round trips without a queue are the machine's", vitals{rtt: 500 * ms, minRTT: 20 * ms, still: true}, false, true},
		{"a long way that jitters by a quarter is well", vitals{rtt: 250 * ms, minRTT: 200 * ms}, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.v.ill() != c.ill || c.v.well() != c.well {
				t.Errorf("ill %v, well %v", c.v.ill(), c.v.well())
			}
		})
	}
}

// A patient is a link of a size, whose vitals follow from what it carries: each thing that is left out makes room.
type patient struct {
	shedder
	now    time.Time
	loads  []int // what it carries with 0, 1, 2 ... things left out
	size   int
	out    int
	probes int
	orders []order
	at     []time.Duration // of the orders
}

// run looks at the link for d.
func (p *patient) run(d time.Duration) {
	for until := p.now.Add(d); p.now.Before(until); {
		p.now = p.now.Add(regulateEvery)
		load := p.loads[p.out]
		if !p.probing.IsZero() {
			load = p.loads[p.out-1]
		}
		v := vitals{rtt: 50 * ms, minRTT: 50 * ms}
		if load > p.size {
			v.rtt = 150 * ms
		}
		o := p.next(v, p.out > 0, p.now)
		switch o {
		case orderNothing:
			continue
		case orderLess:
			p.out = min(p.out+1, len(p.loads)-1)
		case orderMore:
			p.out--
		case orderProbe:
			p.probes++
		}
		p.orders, p.at = append(p.orders, o), append(p.at, p.now.Sub(time.Time{}))
	}
}

func newPatient(size int) *patient { return &patient{loads: []int{20, 6, 2}, size: size} }

func TestALinkThatIsBigEnoughKeepsEverything(t *testing.T) {
	p := newPatient(20)
	p.run(time.Hour)
	if len(p.orders) != 0 {
		t.Errorf("orders %v", p.orders)
	}
}

func TestAKeyFrameThatFillsALinkForAQuarterOfASecondShedsNothing(t *testing.T) {
	p := newPatient(30)
	for range 100 {
		p.size = 10 // three looks are ill: 200 to 300 ms
		p.run(300 * ms)
		p.size = 30
		p.run(1700 * ms)
	}
	if len(p.orders) != 0 {
		t.Errorf("orders %v at %v", p.orders, p.at)
	}
}

func TestTheTopLayerGoesAfter300Milliseconds(t *testing.T) {
	p := newPatient(10)
	p.run(time.Second)
	if p.out != 1 || len(p.at) != 1 || p.at[0] != 400*ms { // the first look that is ill, and three more
		t.Errorf("%d left out, %v at %v", p.out, p.orders, p.at)
	}
	p = newPatient(3)
	p.run(time.Second)
	if p.out != 2 || p.at[1]-p.at[0] < 300*ms+150*ms {
		t.Errorf("%d left out, %v at %v: the second step must wait for what the first does", p.out, p.orders, p.at)
	}
}

func TestWhatWasLeftOutComesBackAfterAProbe(t *testing.T) {
	p := newPatient(10)
	p.run(time.Second)
	p.size = 30
	p.run(4 * time.Second)
	if p.out != 0 || p.probes != 1 {
		t.Fatalf("%d left out after %d probes: %v at %v", p.out, p.probes, p.orders, p.at)
	}
	if back := p.at[len(p.at)-1] - p.at[len(p.at)-2]; back != probeFor {
		t.Errorf("probed for %v", back)
	}
	p.run(time.Minute)
	if len(p.orders) != 3 {
		t.Errorf("no rest: %v", p.orders)
	}
}

func TestProbesInVainBecomeRare(t *testing.T) {
	p := newPatient(10)
	p.run(time.Hour)
	if p.out != 1 {
		t.Errorf("%d left out", p.out)
	}
	for i, o := range p.orders {
		if o == orderMore {
			t.Errorf("a layer came back at %v though there was no room", p.at[i])
		}
	}
	// 2, 4, 8 ... 60 seconds, and then each minute.
	if p.probes < 58 || p.probes > 66 {
		t.Errorf("%d probes in an hour", p.probes)
	}
	for i := 1; i < len(p.orders); i++ {
		if p.orders[i] == orderCalm && p.at[i]-p.at[i-1] > 200*ms {
			t.Errorf("padding went on for %v on a link without room", p.at[i]-p.at[i-1])
		}
	}
}

func TestAProbeThatSaysYesWronglyIsNotBelievedTwice(t *testing.T) {
	p := newPatient(10)
	p.run(time.Second)
	for range 6 { // there is room while it is tried, and none after
		p.size = 30
		for p.out > 0 {
			p.run(regulateEvery)
		}
		p.size = 10
		for p.out == 0 {
			p.run(regulateEvery)
		}
	}
	if p.hold < 64*time.Second && p.hold != holdMost {
		t.Errorf("waits only %v after six relapses", p.hold)
	}
}

func TestAMachineThatStandsStillShedsNothing(t *testing.T) {
	var s shedder
	now := time.Time{}
	for i := range 1000 {
		now = now.Add(regulateEvery)
		if i%3 == 0 { // each third look comes too late
			now = now.Add(time.Second)
			s.stalled()
			continue
		}
		if o := s.next(vitals{backlog: time.Second}, false, now); o != orderNothing {
			t.Fatalf("order %v at look %d", o, i)
		}
	}
}

func TestNothingIsProbedForWhenNothingIsLeftOut(t *testing.T) {
	var s shedder
	now := time.Time{}
	for range 10_000 {
		now = now.Add(regulateEvery)
		if o := s.next(vitals{}, false, now); o != orderNothing {
			t.Fatalf("order %v", o)
		}
	}
}

func TestAProbeEndsWhenWhatWasLeftOutIsNotWantedAnyMore(t *testing.T) {
	p := newPatient(10)
	p.run(time.Second)
	p.size = 30
	for p.probing.IsZero() {
		p.run(regulateEvery)
	}
	now := p.now.Add(regulateEvery)
	if o := p.next(vitals{}, false, now); o != orderCalm {
		t.Errorf("order %v", o)
	}
	if o := p.next(vitals{}, false, now.Add(regulateEvery)); o != orderNothing {
		t.Errorf("then %v", o)
	}
}

func TestLossKeepsALayerAway(t *testing.T) {
	var s shedder
	now, out := time.Time{}, 0
	for range 100 {
		now = now.Add(regulateEvery)
		if s.next(vitals{loss: 0.2}, out > 0, now) == orderLess {
			out++
		}
	}
	if out < 2 {
		t.Errorf("%d left out at 20 %% of loss for ten seconds", out)
	}
	for range 100 {
		now = now.Add(regulateEvery)
		if o := s.next(vitals{loss: 0.07}, true, now); o != orderNothing {
			t.Errorf("order %v between ill and well", o)
		}
	}
}
