package control

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// hall is a log with a webinar of that many seats, and nodes a and b.
func hall(t testing.TB, limit uint32, partition string) *log {
	l := newLog(t)
	l.must(&controlpb.Command{Kind: &controlpb.Command_SetFeatureLevel{SetFeatureLevel: &controlpb.SetFeatureLevel{Level: 2}}})
	l.must(&controlpb.Command{Principal: "ada", Kind: &controlpb.Command_CreateWebinar{CreateWebinar: &controlpb.CreateWebinar{
		Id: "w_1", Link: "hall", Title: "Hall", Owner: "ada",
		Settings: &controlpb.Settings{Title: "Hall", GuestLimit: limit, Partition: partition}}}})
	l.must(registerNode("a", 1))
	l.must(registerNode("b", 1))
	return l
}

func seatsFor(node string, epoch, seq uint64, want uint32) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_AcquireSeats{AcquireSeats: &controlpb.AcquireSeats{
		Webinar: "w_1", Node: node, Epoch: epoch, Seq: seq, Want: want}}}
}

func namesAt(node string, seq uint64, joined, left []string) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_ReportSeats{ReportSeats: &controlpb.ReportSeats{
		Webinar: "w_1", Node: node, Epoch: 1, Seq: seq, Joined: joined, Left: left}}}
}

func seatsTo(node string, seq uint64, participant string, others ...string) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_TransferSeat{TransferSeat: &controlpb.TransferSeat{
		Webinar: "w_1", Node: node, Epoch: 1, Seq: seq, Participant: participant, Others: others}}}
}

func seatsBack(node string, seq uint64, n uint32) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_ReturnSeats{ReturnSeats: &controlpb.ReturnSeats{
		Webinar: "w_1", Node: node, Epoch: 1, Seq: seq, Count: n}}}
}

func guessesFor(node string, seq uint64, want, right uint32) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_AcquireGuesses{AcquireGuesses: &controlpb.AcquireGuesses{
		Webinar: "w_1", Node: node, Epoch: 1, Seq: seq, Want: want, Right: right}}}
}

func renewal(node string, seq uint64, webinars ...string) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_RenewLease{RenewLease: &controlpb.RenewLease{Node: node, Epoch: 1, Seq: seq, Webinars: webinars}}}
}

func (l *log) granted(node string) int {
	lease, _ := l.s.Webinar("w_1").Lease(node)
	return lease.Granted
}

func TestM1SeatCommands(t *testing.T) {
	l := hall(t, 8, "keep")
	for i, step := range []struct {
		name    string
		c       *controlpb.Command
		subject string
		a, b    int
	}{
		{"S60 the first node gets half", seatsFor("a", 1, 1, 9), "4", 4, 0},
		{"S60 the second half of its part", seatsFor("b", 1, 1, 9), "2", 4, 2},
		{"M1 names are noted", namesAt("a", 2, []string{"p1", "p2"}, nil), "", 4, 2},
		{"M1 seats move with their guests", seatsTo("b", 2, "p1", "p2", "nobody"), "2", 2, 4},
		{"M1 the old node says that one is gone", namesAt("a", 3, nil, []string{"p1"}), "", 2, 4},
		{"M1 who leaves then frees a seat at the new one", namesAt("b", 3, nil, []string{"p1"}), "", 2, 4},
		{"M1 the other one falls back", namesAt("b", 4, nil, []string{"p2"}), "", 3, 3},
		{"M1 idle seats come back", seatsBack("a", 4, 9), "2", 1, 3},
		{"M8 a tenth of the budget", guessesFor("a", 5, 20, 0), "10", 1, 3},
		{"M8 a tenth of what is left", guessesFor("b", 5, 20, 5), "9", 1, 3},
	} {
		r := l.must(step.c)
		if r.Subject != step.subject || l.granted("a") != step.a || l.granted("b") != step.b {
			t.Fatalf("%d %s: %q, %d and %d", i, step.name, r.Subject, l.granted("a"), l.granted("b"))
		}
	}
	if s, _ := l.s.Webinar("w_1").Seat("p2"); s.Node != "a" {
		t.Errorf("p2 is at %+v", s)
	}
	if v := l.s.Webinar("w_1").Version; v != 1 {
		t.Errorf("the settings have changed %d times", v-1)
	}
}

func TestM1SeatsThatAreNotThereAreRecalled(t *testing.T) {
	l := hall(t, 1, "keep")
	l.must(seatsFor("a", 1, 1, 1))
	r := l.must(seatsFor("b", 1, 1, 1))
	if w := l.s.Webinar("w_1"); r.Subject != "0" || w.Recall != r.Index {
		t.Errorf("%q, recall %d of %d", r.Subject, w.Recall, r.Index)
	}
}

func TestM1WhatSeatCommandsAreRefusedWith(t *testing.T) {
	many := make([]string, maxReported+1)
	for i := range many {
		many[i] = fmt.Sprint("p", i)
	}
	gone := &controlpb.Command{Kind: &controlpb.Command_RemoveNode{RemoveNode: &controlpb.RemoveNode{Node: "gone"}}}
	tests := []struct {
		name string
		c    *controlpb.Command
		code string
	}{
		{"M1 the same command again", seatsFor("a", 1, 5, 1), "stale_lease"},
		{"M1 an older one", seatsBack("a", 4, 1), "stale_lease"},
		{"M1 one of an older incarnation", seatsFor("b", 1, 9, 1), "stale_lease"},
		{"M1 one of an incarnation that is not registered", seatsFor("a", 2, 9, 1), "stale_lease"},
		{"M1 one of a node that nobody knows", seatsFor("c", 1, 9, 1), "stale_lease"},
		{"M1 an older incarnation cannot come back", registerNode("b", 1), "stale_lease"},
		{"M1 nor a node that was removed", registerNode("gone", 9), "stale_lease"},
		{"M1 an incarnation has a number", registerNode("c", 0), "stale_lease"},
		{"a node without a name", registerNode("", 1), "invalid_node"},
		{"too many seats at once", seatsFor("a", 1, 9, maxWant+1), "invalid_want"},
		{"too many names at once", namesAt("a", 9, many, nil), "invalid_participants"},
		{"a name that is none", namesAt("a", 9, nil, []string{"p 1"}), "invalid_participant"},
		{"a transfer of nobody", seatsTo("a", 9, ""), "invalid_participant"},
		{"too many guesses at once", guessesFor("a", 9, maxGuesses+1, 0), "invalid_want"},
		{"M8 guesses of an older incarnation", guessesFor("b", 9, 1, 0), "stale_lease"},
		{"M8 guesses that were asked for before", guessesFor("a", 5, 1, 0), "stale_lease"},
		{"a renewal of an older incarnation", renewal("b", 9), "stale_lease"},
		{"an old renewal", renewal("a", 1), "stale_lease"},
		{"too many promises", renewal("a", 9, many...), "invalid_webinars"},
		{"a promise about nothing", renewal("a", 9, ""), "invalid_webinar"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := hall(t, 8, "strict")
			l.must(seatsFor("a", 1, 5, 2))
			l.must(renewal("a", 1, "w_1"))
			l.must(registerNode("b", 2))
			l.must(gone)
			before := l.s.Hash()
			r := l.apply(tt.c)
			if d, _ := r.Err.(*webinar.Denial); d == nil || d.Code != tt.code {
				t.Fatalf("got %v, want %s", r.Err, tt.code)
			}
			if l.s.Hash() != before {
				t.Error("it has changed something")
			}
		})
	}
	t.Run("S60 an ended webinar has no seats", func(t *testing.T) {
		l := hall(t, 8, "keep")
		l.must(end("w_1"))
		if r := l.apply(seatsFor("a", 1, 1, 1)); r.Err == nil || !strings.Contains(r.Err.Error(), "ended") {
			t.Error(r.Err)
		}
	})
}

func TestM1ANewIncarnationFreesWhatTheOldOneHad(t *testing.T) {
	for _, free := range []*controlpb.Command{registerNode("a", 2),
		{Principal: "ada", Kind: &controlpb.Command_RemoveNode{RemoveNode: &controlpb.RemoveNode{Node: "a"}}}} {
		l := hall(t, 8, "keep")
		l.must(seatsFor("a", 1, 1, 4))
		l.must(namesAt("a", 2, []string{"p1", "p2"}, nil))
		l.must(claim("w_1", "main", "a", "p_host", 1, false))
		l.must(claim("w_1", "other", "b", "p_host", 1, false))
		l.must(seatsTo("b", 1, "p1"))
		l.must(registerNode("a", 1)) // the same one again changes nothing
		if w := l.s.Webinar("w_1"); w.SeatsGranted() != 4 || w.StreamCount() != 2 {
			t.Fatalf("%d granted, %d streams", w.SeatsGranted(), w.StreamCount())
		}
		l.must(free)
		w := l.s.Webinar("w_1")
		seat, _ := w.Seat("p1")
		if w.SeatsGranted() != 1 || w.SeatCount() != 1 || seat.Node != "b" || len(seat.Echoes) != 0 {
			t.Errorf("%d granted, %d names, %+v", w.SeatsGranted(), w.SeatCount(), seat)
		}
		if _, ok := w.Stream("other"); w.StreamCount() != 1 || !ok {
			t.Error("its stream goes on, or another's does not")
		}
	}
}

// TestM1AStrictWebinarTakesSeatsBack runs ticks after a node's last renewal.
func TestM1AStrictWebinarTakesSeatsBack(t *testing.T) {
	at := func(l *log, d time.Duration) *log {
		c := &controlpb.Command{Kind: &controlpb.Command_Tick{Tick: &controlpb.Tick{}}, ProposedAt: start.Add(time.Hour + d).UnixNano()}
		l.must(c)
		return l
	}
	begin := func(partition string, renewed ...string) *log {
		l := hall(t, 8, partition)
		l.must(seatsFor("a", 1, 1, 4))
		c := renewal("a", 1, renewed...)
		c.ProposedAt = start.Add(time.Hour).UnixNano()
		l.must(c)
		return l
	}
	ticks := func(l *log, from, to time.Duration) *log {
		for d := from; d <= to; d += time.Second {
			if l.s.Due(start.Add(time.Hour + d)) {
				at(l, d)
			}
		}
		return l
	}
	t.Run("M1 not before the node has ended its sessions", func(t *testing.T) {
		if l := ticks(begin("strict", "w_1"), time.Second, 40*time.Second); l.granted("a") != 4 {
			t.Error("taken back")
		}
	})
	t.Run("M1 but some time after", func(t *testing.T) {
		l := ticks(begin("strict", "w_1"), time.Second, 60*time.Second)
		if lease, _ := l.s.Webinar("w_1").Lease("a"); lease.Granted != 0 || lease.Seq != 1 {
			t.Errorf("%+v", lease)
		}
		if l.s.Due(start.Add(2 * time.Hour)) {
			t.Error("there is still something to do")
		}
	})
	t.Run("M1 not from a node that renews", func(t *testing.T) {
		l := ticks(begin("strict", "w_1"), time.Second, 40*time.Second)
		c := renewal("a", 2, "w_1")
		c.ProposedAt = start.Add(time.Hour + 40*time.Second).UnixNano()
		l.must(c)
		if ticks(l, 41*time.Second, 80*time.Second); l.granted("a") != 4 {
			t.Error("taken back")
		}
	})
	t.Run("M1 not because a leader's clock is ahead", func(t *testing.T) {
		if l := ticks(begin("strict", "w_1"), time.Hour, time.Hour+30*time.Second); l.granted("a") != 4 {
			t.Error("taken back")
		}
	})
	t.Run("M1 not where sessions are kept", func(t *testing.T) {
		if l := ticks(begin("keep", "w_1"), time.Second, 60*time.Second); l.granted("a") != 4 {
			t.Error("taken back")
		}
	})
	t.Run("M1 not from a node that has promised nothing", func(t *testing.T) {
		if l := ticks(begin("strict"), time.Second, 60*time.Second); l.granted("a") != 4 {
			t.Error("taken back")
		}
	})
}
