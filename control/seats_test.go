package control

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

func TestS60S61TheGuestLimit(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{GuestLimit: 3}))
	l.must(registerNode("n1", 1))
	l.must(registerNode("n2", 1))
	got := 0
	for i, node := range []string{"n1", "n2", "n1", "n2", "n1", "n2"} {
		var n int
		if _, err := fmt.Sscan(l.must(acquire("w_1", node, uint64(i+1), 5)).Subject, &n); err != nil {
			t.Fatal(err)
		}
		got += n
	}
	if w := l.s.Webinar("w_1"); got != 3 || w.SeatsGranted() != 3 || w.SeatsFree() != 0 {
		t.Errorf("S60 %d seats of three were granted, %d are counted", got, w.SeatsGranted())
	}
	t.Run("S60 a lower limit throws nobody out, and lets nobody in", func(t *testing.T) {
		l.must(edit("w_1", &controlpb.Settings{GuestLimit: 1}, "guest_limit"))
		if r := l.must(acquire("w_1", "n1", 10, 1)); r.Subject != "0" || l.s.Webinar("w_1").SeatsGranted() != 3 {
			t.Errorf("granted %s, in all %d", r.Subject, l.s.Webinar("w_1").SeatsGranted())
		}
	})
	t.Run("S61 only guests need a seat", func(t *testing.T) {
		w := l.s.Edge(clusterKey, nil).Webinar("w_1")
		if !w.NeedsSeat(webinar.Admission{Guest: true}) || w.NeedsSeat(webinar.Admission{Role: webinar.Presenter}) {
			t.Error("somebody else does, or a guest does not")
		}
	})
}

// Whatever nodes and hosts do in whatever order: nothing is granted beyond the limit of
// that moment, and the sum of what nodes hold is what the commands gave and took.
func TestM1NoCommandGrantsOneTooMany(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newLog2(t)
		l.must(plan("w_1", &controlpb.Settings{GuestLimit: rapid.Uint32Range(1, 8).Draw(rt, "limit")}))
		for _, node := range []string{"n1", "n2"} {
			l.must(registerNode(node, 1))
		}
		for range rapid.IntRange(1, 50).Draw(rt, "commands") {
			d := drawer{rt, l.s}
			node := d.node()
			seq := d.seq("w_1", node)
			before := l.s.Webinar("w_1").SeatsGranted()
			var c *controlpb.Command
			switch d.n("kind", 5) {
			case 0, 1:
				c = acquire("w_1", node, seq, d.n("want", 4))
			case 2:
				c = giveBack("w_1", node, seq, d.n("count", 3))
			case 3:
				c = reportSeats("w_1", node, seq, []string{d.participant()}, []string{d.participant()})
			case 4:
				c = transfer("w_1", node, seq, d.participant())
			default:
				c = edit("w_1", &controlpb.Settings{GuestLimit: 1 + d.n("limit", 8)}, "guest_limit")
			}
			l.apply(c)
			w := l.s.Webinar("w_1")
			if w.SeatsGranted() > before && w.SeatsGranted() > w.GuestLimit {
				rt.Fatalf("M1 %v made it %d seats of %d", c, w.SeatsGranted(), w.GuestLimit)
			}
			named := map[string]int{}
			for s := range w.Seats() {
				named[s.Node]++
			}
			for held := range w.Leases() {
				if named[held.Node] > held.Granted {
					rt.Fatalf("M1 %s names %d in %d seats", held.Node, named[held.Node], held.Granted)
				}
			}
		}
	})
}

func TestM1ASilentStrictNodeLosesItsSeats(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{GuestLimit: 4, Partition: "strict"}))
	l.must(plan("w_2", &controlpb.Settings{GuestLimit: 4}))
	l.must(registerNode("n1", 1))
	l.must(acquire("w_1", "n1", 1, 2))
	l.must(acquire("w_2", "n1", 1, 2))
	l.must(renew("n1", 1, "w_1"))
	from := l.s.Time()
	ticked := time.Duration(0)
	for at := from; l.s.Webinar("w_1").SeatsGranted() > 0 && ticked < 5*time.Minute; ticked = at.Sub(from) {
		if at = at.Add(time.Second); l.s.Due(at) {
			l.must(tick(at))
		}
	}
	if ticked <= 30*time.Second || ticked > 2*time.Minute {
		t.Errorf("the seats were taken back after %v: the node ends its sessions after 30 s", ticked)
	}
	if l.s.Webinar("w_2").SeatsGranted() != 2 {
		t.Error("a webinar that keeps going lost its seats by time")
	}
}
