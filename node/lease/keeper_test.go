package lease

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

func TestS60TheLimitHoldsOverTheWholeMesh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 10, "keep")
		total, full := 0, 0
		for i := range 3 {
			n := c.join(fmt.Sprintf("n%d", i), 1)
			in, refused := n.enter(fmt.Sprintf("p%d-", i), 8)
			total += in
			full += refused[webinar.ErrFull]
		}
		if total != 10 || full != 14 {
			t.Errorf("%d of 10 inside, %d heard that it is full, want 14", total, full)
		}
	})
}

func TestM1IdleSeatsAreRecalledBeforeAnybodyIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 20, "keep")
		a, b := c.join("a", 1), c.join("b", 1)
		if in, _ := a.enter("a", 15); in != 15 {
			t.Fatalf("%d of 15 entered at the first edge", in)
		}
		time.Sleep(2 * time.Second)
		for i := range 12 {
			a.Leave("w_1", fmt.Sprintf("a%d", i))
		}
		if in, refused := b.enter("b", 17); in != 17 {
			t.Errorf("%d of 17 entered at the second edge: %v", in, refused)
		}
		if in, refused := a.enter("more", 1); in != 0 || refused[webinar.ErrFull] != 1 {
			t.Errorf("a guest above the limit: %d in, %v", in, refused)
		}
	})
}

func TestM1FullIsSaidAtOnceWhenEverySeatHasAName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 4, "keep")
		a := c.join("a", 1)
		a.enter("a", 4)
		time.Sleep(3 * time.Second)
		before, commands := time.Now(), c.total()
		if err := a.Take(t.Context(), "w_1", "late"); err != webinar.ErrFull || time.Since(before) != 0 {
			t.Errorf("%v after %v", err, time.Since(before))
		}
		if c.total() != commands {
			t.Error("a refused guest costs a command")
		}
	})
}

func TestM3AnEdgeThatIsCutOffGoesOnWithItsLeasedSeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 100, "keep")
		a := c.join("a", 1)
		if in, _ := a.enter("a", 4); in != 4 {
			t.Fatal("the first ones do not get in")
		}
		time.Sleep(2 * time.Second)
		a.cut()
		time.Sleep(10 * time.Minute)
		_, idle := a.count()
		if idle == 0 {
			t.Fatal("nothing was asked for ahead")
		}
		in, refused := a.enter("late", idle+3)
		if in != idle || refused[webinar.ErrUnavailable] != 3 {
			t.Errorf("%d of %d leased seats were given, %v", in, idle, refused)
		}
		if len(a.ended()) != 0 {
			t.Error("a webinar that keeps its sessions was fenced")
		}
		a.heal()
		time.Sleep(2 * time.Second)
		if in, _ := a.enter("healed", 20); in != 20 {
			t.Errorf("%d of 20 after the heal", in)
		}
	})
}

func TestM1APersonTakesTheirSeatAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, "keep")
		a, b := c.join("a", 1), c.join("b", 1)
		a.enter("p", 3)
		time.Sleep(2 * time.Second) // their names are known
		if err := b.Take(t.Context(), "w_1", "p1"); err != nil {
			t.Fatalf("p1 cannot come over: %v", err)
		}
		time.Sleep(2 * time.Second)
		if !slices.Equal(a.heard(), []string{"p1"}) {
			t.Errorf("superseded at the old edge: %v", a.heard())
		}
		if err := b.Take(t.Context(), "w_1", "stranger"); err != webinar.ErrFull {
			t.Errorf("somebody else: %v", err)
		}
		s, _ := c.now()
		if seat, _ := s.Webinar("w_1").Seat("p1"); seat.Node != "b" || len(seat.Echoes) != 0 {
			t.Errorf("the seat is %+v", seat)
		}
	})
}

func TestM1TheSeatOfSomebodyWhoMayStillSitAtACutOffEdgeIsNobodyElses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2, "keep")
		a, b := c.join("a", 1), c.join("b", 1)
		a.enter("p", 2)
		time.Sleep(2 * time.Second)
		a.cut()
		if err := b.Take(t.Context(), "w_1", "p1"); err != nil {
			t.Fatal(err)
		}
		b.Leave("w_1", "p1")
		time.Sleep(5 * time.Second)
		if err := b.Take(t.Context(), "w_1", "stranger"); err != webinar.ErrFull {
			t.Fatalf("the seat was given to somebody else, while p1 may still be inside: %v", err)
		}
		a.heal()
		time.Sleep(2 * time.Second)
		a.Leave("w_1", "p1")
		time.Sleep(500 * time.Millisecond)
		if err := b.Take(t.Context(), "w_1", "stranger"); err != nil {
			t.Errorf("after p1 has surely left: %v", err)
		}
	})
}

func TestM1ARestartFreesWhatTheOldIncarnationHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 5, "keep")
		a := c.join("a", 1)
		a.enter("p", 5)
		time.Sleep(2 * time.Second)
		a.stop()
		b := c.join("b", 1)
		if err := b.Take(t.Context(), "w_1", "q"); err != webinar.ErrFull {
			t.Fatalf("the seats of a silent node: %v", err)
		}
		c.join("a", 2)
		if in, refused := b.enter("q", 5); in != 5 {
			t.Errorf("%d of 5 after the restart, %v", in, refused)
		}
	})
}

func TestM1AnOlderIncarnationEndsItsSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 5, "keep")
		a := c.join("a", 1)
		a.enter("p", 2)
		c.join("a", 2)
		time.Sleep(time.Second)
		if len(a.ended()) != 1 {
			t.Errorf("fenced %d times", len(a.ended()))
		}
		if err := a.Take(t.Context(), "w_1", "q"); err != webinar.ErrUnavailable {
			t.Errorf("it still lets people in: %v", err)
		}
	})
}

func TestM1AnswersThatAreLostChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 6, "keep")
		a, b := c.join("a", 1), c.join("b", 1)
		a.lose()
		b.lose()
		inA, _ := a.enter("a", 5)
		inB, _ := b.enter("b", 5)
		for range 4 {
			time.Sleep(2 * time.Second)
			more, _ := a.enter("again", 1)
			inA += more
		}
		if inA+inB != 6 {
			t.Errorf("%d and %d of 6", inA, inB)
		}
	})
}

func TestPartitionStrict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 4, "strict")
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			for {
				select {
				case <-time.After(time.Second):
					c.tick()
				case <-stop:
					return
				}
			}
		}()
		a, b := c.join("a", 1), c.join("b", 1)
		if in, _ := a.enter("p", 3); in != 3 {
			t.Fatal("not even three get in")
		}
		time.Sleep(10 * time.Second)
		a.cut()
		cut := time.Now()
		if err := a.Strict("w_1"); err != nil {
			t.Errorf("at once: %v", err)
		}
		time.Sleep(10*time.Second - time.Millisecond)
		if err := a.Take(t.Context(), "w_1", "p1"); err != nil {
			t.Errorf("somebody who is inside comes back before 10 s: %v", err)
		}
		time.Sleep(time.Millisecond)
		if err := a.Strict("w_1"); err != webinar.ErrUnavailable {
			t.Errorf("at 10 s: %v", err)
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if len(a.ended()) == 0 || a.ended()[0].Sub(cut) > 30*time.Second {
			t.Fatalf("the sessions ended at %v", a.ended())
		}
		if in, _ := b.enter("q", 4); in != 1 {
			t.Errorf("%d entered elsewhere before the seats are back, want 1", in)
		}
		time.Sleep(25 * time.Second)
		if in, refused := b.enter("r", 4); in != 3 {
			t.Errorf("%d of 3 entered once they are: %v", in, refused)
		}
	})
}

func TestS60ALimitThatComesLaterCountsThoseInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 0, "keep")
		a, b := c.join("a", 1), c.join("b", 1)
		before := time.Now()
		if in, _ := a.enter("a", 30); in != 30 || time.Since(before) != 0 {
			t.Fatalf("%d of 30 entered without a limit, after %v", in, time.Since(before))
		}
		time.Sleep(2 * time.Second)
		c.limit(31)
		if in, _ := b.enter("b", 5); in > 1 {
			t.Errorf("%d entered at once where one may", in)
		}
		time.Sleep(3 * time.Second)
		in, _ := b.enter("b", 5)
		if in != 1 {
			t.Errorf("%d of 5 entered later, the same one again included", in)
		}
		c.limit(10)
		time.Sleep(3 * time.Second)
		for i := range 20 {
			a.Leave("w_1", fmt.Sprintf("a%d", i))
		}
		time.Sleep(3 * time.Second)
		if err := a.Take(t.Context(), "w_1", "z"); err != webinar.ErrFull {
			t.Errorf("11 are inside of 10: %v", err)
		}
	})
}

func TestM8TheBudgetIsOneForAllEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 0, "keep")
		tried := 0
		var nodes []*node
		for i := range 5 {
			nodes = append(nodes, c.join(fmt.Sprintf("n%d", i), 1))
		}
		begun := time.Now()
		for time.Since(begun) < 2*time.Hour {
			for _, n := range nodes {
				if n.Spend(t.Context(), "w_1") {
					tried++
					n.Settle("w_1", false, true)
				}
			}
			time.Sleep(7 * time.Second)
		}
		if tried > 300 || tried < 270 {
			t.Errorf("%d wrong PINs in two hours over five edges, the budget is 300", tried)
		}
	})
}

func TestM8ARightPINTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 0, "keep")
		n := c.join("n", 1)
		for i := range 1000 {
			if !n.Spend(t.Context(), "w_1") {
				t.Fatalf("the %d. right one is refused", i+1)
			}
			n.Settle("w_1", true, true)
		}
		s, _ := c.now()
		if asked := c.count("*controlpb.Command_AcquireGuesses"); asked > 2 {
			t.Errorf("%d commands", asked)
		}
		if b := s.Webinar("w_1").Budget(); b.Left < 90_000 {
			t.Errorf("%d thousandths are left", b.Left)
		}
	})
}

func TestM8ANodeThatIsCutOffSaysSoAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 0, "keep")
		n := c.join("n", 1)
		n.cut()
		before := time.Now()
		if n.Spend(t.Context(), "w_1") || time.Since(before) > 300*time.Millisecond {
			t.Errorf("after %v", time.Since(before))
		}
		time.Sleep(time.Minute)
		before = time.Now()
		if n.Spend(t.Context(), "w_1") || time.Since(before) != 0 {
			t.Errorf("a minute later, after %v", time.Since(before))
		}
	})
}

// A node that just started has no guesses to give before the voters know it. Whoever has
// the right PIN is to get in all the same.
func TestM8ANodeThatJustStartedHasPeopleWaitForItsFirstGuesses(t *testing.T) {
	tests := []struct {
		name    string
		after   time.Duration // the voters know the node
		come    time.Duration
		spent   bool
		atMost  time.Duration
		atLeast time.Duration
	}{
		{"they come with its start", 1200 * time.Millisecond, 50 * time.Millisecond, true, 1500 * time.Millisecond, time.Second},
		{"an election is under way", 2900 * time.Millisecond, 50 * time.Millisecond, true, 3300 * time.Millisecond, 2 * time.Second},
		{"the voters are not found", time.Hour, 50 * time.Millisecond, false, 3300 * time.Millisecond, 3200 * time.Millisecond},
		{"the voters are not found, for long", time.Hour, time.Minute, false, waitGuess, waitGuess},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 0, "keep")
				begun := time.Now()
				c.refuse(func(cmd *controlpb.Command) error {
					if cmd.GetRegisterNode() != nil && time.Since(begun) < tt.after {
						return errLost
					}
					return nil
				})
				n := c.join("n", 1)
				time.Sleep(time.Until(begun.Add(tt.come)))
				came := time.Now()
				if spent := n.Spend(t.Context(), "w_1"); spent != tt.spent {
					t.Errorf("there was a guess: %t", spent)
				}
				if took := time.Since(came); took < tt.atLeast || took > tt.atMost {
					t.Errorf("after %v", took)
				}
			})
		})
	}
}

func TestAWebinarThatIsNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newCluster(t, 3, "keep").join("n", 1)
		if err := n.Take(t.Context(), "w_none", "p"); err == nil {
			t.Error("somebody has a seat in a webinar that is not there")
		}
		if n.Spend(t.Context(), "w_none") {
			t.Error("a guess at its PIN")
		}
		n.Leave("w_none", "p")
		n.Settle("w_none", true, true)
		if err := n.Strict("w_none"); err != nil {
			t.Error(err)
		}
		if n.kept() != 0 {
			t.Error("something is kept of it")
		}
	})
}

func TestNothingIsKeptOfAWebinarThatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, "keep")
		n := c.join("n", 1)
		n.enter("p", 3)
		time.Sleep(2 * time.Second)
		c.must(&controlpb.Command{Kind: &controlpb.Command_EndWebinar{EndWebinar: &controlpb.EndWebinar{Webinar: "w_1"}}})
		for i := range 3 {
			n.Leave("w_1", fmt.Sprintf("p%d", i))
		}
		time.Sleep(2 * time.Second)
		if n.kept() != 0 {
			t.Error("there is still a machine")
		}
	})
}

func TestMandatoryConfig(t *testing.T) {
	if _, err := New(Config{Node: "n", Epoch: 1}); err == nil {
		t.Error("a keeper without a replica")
	}
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, "keep")
		reg := prometheus.NewPedanticRegistry()
		state := func() *control.State { s, _ := c.now(); return s }
		_, err := New(Config{Node: "n", Epoch: 1, State: state, Changed: func() <-chan struct{} { return nil },
			Propose:    func(context.Context, *controlpb.Command) (control.Result, error) { return control.Result{}, nil },
			Fresh:      func() time.Duration { return never },
			Registerer: reg})
		if err != nil {
			t.Fatal(err)
		}
		families, err := reg.Gather()
		if err != nil || len(families) < 4 {
			t.Errorf("%d families, %v", len(families), err)
		}
		for _, f := range families {
			if f.GetHelp() == "" || f.GetHelp()[len(f.GetHelp())-1] != '.' {
				t.Errorf("%s: Help is no sentence", f.GetName())
			}
		}
	})
}

// TestARefusalIsNotAskedForAgainAndAgain: the voters refuse what an edge proposes, for a
// reason that no snapshot shows (they are of an older version, or the edge is wrong).
func TestARefusalIsNotAskedForAgainAndAgain(t *testing.T) {
	of := func(kind any) func(*controlpb.Command) error {
		return func(c *controlpb.Command) error {
			if fmt.Sprintf("%T", c.GetKind()) == fmt.Sprintf("%T", kind) {
				return control.ErrFeatureLevel
			}
			return nil
		}
	}
	for _, tt := range []struct {
		name    string
		refuses func(*controlpb.Command) error
	}{
		{"seats", of(&controlpb.Command_AcquireSeats{})},
		{"names on seats", of(&controlpb.Command_ReportSeats{})},
		{"everything", func(*controlpb.Command) error { return control.ErrFeatureLevel }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 20, "keep")
				a := c.join("a", 1)
				a.enter("a", 4)
				c.refuse(tt.refuses)
				a.enter("b", 8)
				began, before := time.Now(), c.total()
				time.Sleep(time.Hour)
				if n := c.total() - before; n > 130 { // a refused one and one in its place, each minute
					t.Errorf("%d commands in %v", n, time.Since(began))
				}
				c.refuse(nil)
				time.Sleep(2 * time.Minute)
				b := c.join("b", 1)
				inA, _ := a.enter("c", 20)
				inB, _ := b.enter("d", 20)
				if held, _ := a.count(); held+inB != 20 {
					t.Errorf("%d and %d of 20 are inside when nothing is refused any more (%d came)", held, inB, inA)
				}
			})
		})
	}
}

func TestANodeThatIsRefusedRegistersMoreAndMoreSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 20, "keep")
		c.refuse(func(c *controlpb.Command) error {
			if c.GetRegisterNode() != nil {
				return control.ErrFeatureLevel
			}
			return nil
		})
		before := c.total()
		a := c.join("a", 1)
		time.Sleep(10 * time.Minute)
		if n := c.total() - before; n > 70 {
			t.Errorf("%d attempts in ten minutes", n)
		}
		c.refuse(nil)
		time.Sleep(registerMost + time.Second)
		if in, _ := a.enter("a", 20); in != 20 {
			t.Errorf("%d of 20 are inside once the node is registered", in)
		}
	})
}
