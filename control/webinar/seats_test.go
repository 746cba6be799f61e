package webinar

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// seated is a webinar of a hundred seats.
func seated(limit int) *Webinar { return &Webinar{ID: "w_1", State: Live, GuestLimit: limit} }

// book is a webinar whose changes are applied one after the other.
type book struct {
	t   *testing.T
	w   *Webinar
	seq map[string]uint64
}

func newBook(t *testing.T, limit int) *book {
	return &book{t: t, w: seated(limit), seq: make(map[string]uint64)}
}

func (b *book) lessee(node string) Lessee {
	b.seq[node]++
	return Lessee{Node: node, Epoch: 1, Seq: b.seq[node]}
}

func (b *book) done(c SeatChange, err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	b.w = c.After
	sum := 0
	for l := range b.w.Leases() {
		sum += l.Granted
		if l.Granted < b.w.SeatedCount(l.Node) {
			b.t.Fatalf("%s has %d seats and %d names", l.Node, l.Granted, b.w.SeatedCount(l.Node))
		}
	}
	if sum != b.w.SeatsGranted() {
		b.t.Fatalf("%d seats in leases, counted as %d", sum, b.w.SeatsGranted())
	}
}

func (b *book) acquire(node string, want int) int {
	b.t.Helper()
	c, n, err := b.w.Acquire(b.lessee(node), want, 77)
	b.done(c, err)
	return n
}

func (b *book) give(node string, n int) int {
	b.t.Helper()
	c, n, err := b.w.Return(b.lessee(node), n)
	b.done(c, err)
	return n
}

func (b *book) report(node string, joined, left []string) {
	b.t.Helper()
	c, err := b.w.Report(b.lessee(node), joined, left)
	b.done(c, err)
}

func (b *book) transfer(node string, who ...string) int {
	b.t.Helper()
	c, n, err := b.w.Transfer(b.lessee(node), who)
	b.done(c, err)
	return n
}

func (b *book) granted(node string) int { l, _ := b.w.Lease(node); return l.Granted }

func TestS60SeatsAreLeased(t *testing.T) {
	t.Run("S60 one node gets half of its part at most", func(t *testing.T) {
		b := newBook(t, 100)
		if n := b.acquire("a", 80); n != 50 {
			t.Errorf("the first one got %d", n)
		}
		if n := b.acquire("b", 80); n != 25 {
			t.Errorf("the second one got %d", n)
		}
		if n := b.acquire("c", 80); n != 6 {
			t.Errorf("the third one got %d", n)
		}
	})
	t.Run("S60 never more than there are, and the last ones one at a time", func(t *testing.T) {
		b := newBook(t, 5)
		got := []int{}
		for range 7 {
			got = append(got, b.acquire("a", 9), b.acquire("b", 9))
		}
		if b.w.SeatsGranted() != 5 || slices.Max(got[1:]) > 1 {
			t.Errorf("granted %v", got)
		}
	})
	t.Run("M1 who finds none recalls what is idle", func(t *testing.T) {
		b := newBook(t, 1)
		b.acquire("a", 1)
		if b.w.Recall != 0 {
			t.Error("recalled before")
		}
		if n := b.acquire("b", 1); n != 0 || b.w.Recall != 77 {
			t.Errorf("%d, recall %d", n, b.w.Recall)
		}
		if b.acquire("b", 0); b.w.Recall != 77 {
			t.Error("asking for nothing recalls")
		}
	})
	t.Run("S60 a limit that is lowered grants nothing until there is room", func(t *testing.T) {
		b := newBook(t, 10)
		b.acquire("a", 5)
		b.acquire("a", 5)
		lower := *b.w
		lower.GuestLimit = 4
		b.w = &lower
		if n := b.acquire("a", 1); n != 0 || b.w.SeatsFree() != -3 {
			t.Errorf("%d, %d free", n, b.w.SeatsFree())
		}
		b.give("a", 4)
		if n := b.acquire("b", 1); n != 1 {
			t.Errorf("%d once there is room", n)
		}
	})
	t.Run("S60 a webinar without a limit gives what is asked for", func(t *testing.T) {
		if n := newBook(t, 0).acquire("a", 100_000); n != 100_000 {
			t.Errorf("%d", n)
		}
	})
	t.Run("M1 seats with names on them are not returned", func(t *testing.T) {
		b := newBook(t, 20)
		b.acquire("a", 5)
		b.report("a", []string{"p1", "p2"}, nil)
		if n := b.give("a", 5); n != 3 || b.granted("a") != 2 {
			t.Errorf("%d returned, %d left", n, b.granted("a"))
		}
	})
	t.Run("M1 all seats are taken when all have names", func(t *testing.T) {
		b := newBook(t, 2)
		b.acquire("a", 1)
		b.acquire("a", 1)
		b.report("a", []string{"p1"}, nil)
		if b.w.AllSeated() {
			t.Error("with one that has none")
		}
		if b.report("a", []string{"p2"}, nil); !b.w.AllSeated() {
			t.Error("with two names")
		}
	})
}

func TestM1SeatsMove(t *testing.T) {
	t.Run("M1 a seat moves with what is granted for it", func(t *testing.T) {
		b := newBook(t, 2)
		b.acquire("a", 2)
		b.report("a", []string{"p"}, nil)
		if n := b.transfer("b", "p", "unknown"); n != 1 || b.granted("a") != 0 || b.granted("b") != 1 {
			t.Errorf("%d moved, %d and %d", n, b.granted("a"), b.granted("b"))
		}
		if s, _ := b.w.Seat("p"); s.Node != "b" || !slices.Equal(s.Echoes, []string{"a"}) {
			t.Errorf("%+v", s)
		}
	})
	t.Run("M1 it is free once the old node has said that they are gone", func(t *testing.T) {
		b := newBook(t, 2)
		b.acquire("a", 2)
		b.report("a", []string{"p"}, nil)
		b.transfer("b", "p")
		b.report("a", nil, []string{"p"})
		b.report("b", nil, []string{"p"})
		if _, ok := b.w.Seat("p"); ok || b.granted("b") != 1 {
			t.Errorf("still named, or %d at b", b.granted("b"))
		}
	})
	t.Run("M1 until then it falls back", func(t *testing.T) {
		b := newBook(t, 2)
		b.acquire("a", 2)
		b.report("a", []string{"p"}, nil)
		b.transfer("b", "p")
		b.transfer("c", "p")
		b.report("c", nil, []string{"p"})
		if s, _ := b.w.Seat("p"); s.Node != "b" || !slices.Equal(s.Echoes, []string{"a"}) || b.granted("c") != 0 || b.granted("b") != 1 {
			t.Errorf("%+v, %d at b, %d at c", s, b.granted("b"), b.granted("c"))
		}
		b.report("b", nil, []string{"p"})
		if s, _ := b.w.Seat("p"); s.Node != "a" || len(s.Echoes) != 0 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("M1 back where it was it is no echo of itself", func(t *testing.T) {
		b := newBook(t, 2)
		b.acquire("a", 2)
		b.report("a", []string{"p"}, nil)
		b.transfer("b", "p")
		b.transfer("a", "p")
		b.transfer("a", "p")
		if s, _ := b.w.Seat("p"); s.Node != "a" || !slices.Equal(s.Echoes, []string{"b"}) || b.granted("a") != 1 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("M1 a name that is elsewhere is not taken, and none goes on a seat that is not there", func(t *testing.T) {
		b := newBook(t, 4)
		b.acquire("a", 1)
		b.acquire("b", 1)
		b.report("a", []string{"p", "q"}, nil)
		b.report("b", []string{"p"}, nil)
		if s, _ := b.w.Seat("p"); s.Node != "a" || b.w.SeatCount() != 1 {
			t.Errorf("%+v, %d names", s, b.w.SeatCount())
		}
	})
}

func TestM1LateCommandsAreRefused(t *testing.T) {
	b := newBook(t, 10)
	b.acquire("a", 2)
	l, _ := b.w.Lease("a")
	for name, late := range map[string]Lessee{
		"M1 the same one again":       {"a", 1, l.Seq},
		"M1 an older one":             {"a", 1, 0},
		"M1 of an older incarnation":  {"a", 0, 99},
		"M1 of one that is not there": {"a", 2, 99},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, acquire := b.w.Acquire(late, 1, 1)
			_, _, give := b.w.Return(late, 1)
			_, report := b.w.Report(late, []string{"p"}, nil)
			_, _, transfer := b.w.Transfer(late, []string{"p"})
			for _, err := range []error{acquire, give, report, transfer} {
				if !errors.Is(err, ErrStaleLease) {
					t.Error(err)
				}
			}
		})
	}
}

func TestM1ANodeThatIsGoneFreesWhatItHad(t *testing.T) {
	for _, keep := range []bool{false, true} {
		b := newBook(t, 10)
		b.acquire("a", 4)
		b.acquire("b", 2)
		b.report("a", []string{"p", "q"}, nil)
		b.report("b", []string{"r"}, nil)
		b.transfer("b", "p") // a is its echo
		b.transfer("a", "r") // b is its echo
		b.done(b.w.Vacate("a", keep), nil)
		s, _ := b.w.Seat("p")
		r, _ := b.w.Seat("r")
		if s.Node != "b" || len(s.Echoes) != 0 || r.Node != "b" || len(r.Echoes) != 0 || b.w.SeatCount() != 2 || b.granted("a") != 0 {
			t.Errorf("%+v, %+v, %d at a", s, r, b.granted("a"))
		}
		if _, ok := b.w.Lease("a"); ok != keep {
			t.Errorf("the lease: %v", ok)
		}
		b.done(b.w.Vacate("nobody", keep), nil)
	}
}

// TestM1WhateverIsAskedTheSumHolds asks at random.
func TestM1WhateverIsAskedTheSumHolds(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 3))
		b := newBook(t, 1+rng.IntN(8))
		nodes, people := []string{"a", "b", "c"}, []string{"p", "q", "r", "s", "u", "v"}
		some := func() []string { return people[rng.IntN(len(people)):] }
		for range 60 {
			before, node := b.w.SeatsGranted(), nodes[rng.IntN(3)]
			switch rng.IntN(6) {
			case 0:
				b.acquire(node, rng.IntN(4))
			case 1:
				b.give(node, rng.IntN(3))
			case 2:
				b.report(node, some(), some())
			case 3:
				b.transfer(node, some()...)
			case 4:
				b.done(b.w.Vacate(node, true), nil)
			case 5:
				c := *b.w
				c.GuestLimit = 1 + rng.IntN(8)
				b.w = &c
			}
			if g := b.w.SeatsGranted(); g > max(before, b.w.SeatLimit()) {
				t.Fatalf("seed %d: %d seats of %d", seed, g, b.w.SeatLimit())
			}
			for s := range b.w.Seats() {
				if slices.Contains(s.Echoes, s.Node) {
					t.Fatalf("seed %d: %+v", seed, s)
				}
			}
		}
	}
}

func TestM1TheIndexOfNamesFollows(t *testing.T) {
	b := newBook(t, 10)
	b.acquire("a", 5)
	before := b.w
	b.acquire("b", 2)
	if !b.w.SameSeats(before, "a") {
		t.Error("a's seats are others because b has some")
	}
	b.report("a", []string{"q", "p"}, nil)
	if b.w.SameSeats(before, "a") || !slices.Equal(slices.Collect(b.w.Seated("a")), []string{"p", "q"}) {
		t.Error("names are missing")
	}
	before = b.w
	b.transfer("b", "p")
	if b.w.SameSeats(before, "a") || !slices.Equal(slices.Collect(b.w.Echoed("a")), []string{"p"}) || b.w.SeatedCount("b") != 1 {
		t.Error("the echo is missing")
	}
}

func TestM8TheBudget(t *testing.T) {
	begin := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	tests := []struct {
		name        string
		budget      Budget
		want, right int
		now         time.Time
		got         int
		left        int64
	}{
		{"M8 at first it is full, and one node gets a tenth", Budget{}, 50, 0, begin, 10, 90_000},
		{"M8 a node gets no more than it wants", Budget{}, 3, 0, begin, 3, 97_000},
		{"M8 the last ones go one by one", Budget{Left: 3_500, At: begin}, 5, 0, begin, 1, 2_500},
		{"M8 less than a whole one is none", Budget{Left: 999, At: begin}, 5, 0, begin, 0, 999},
		{"M8 an hour earns a hundred", Budget{Left: 1, At: begin}, 0, 0, begin.Add(30 * time.Minute), 0, 50_001},
		{"M8 it is never more than full", Budget{Left: 90_000, At: begin}, 0, 0, begin.Add(90 * time.Hour), 0, 100_000},
		{"M8 a right PIN earns a tenth", Budget{Left: 800, At: begin}, 1, 2, begin, 1, 0},
		{"M8 right ones do not fill more than it holds", Budget{Left: 99_950, At: begin}, 0, 1_000, begin, 0, 100_000},
		{"M8 a clock that goes back earns nothing", Budget{Left: 500, At: begin}, 1, 0, begin.Add(-time.Hour), 0, 500},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := seated(0).WithBudget(tt.budget)
			b, n := w.Guess(tt.want, tt.right, tt.now)
			if n != tt.got || b.Left != tt.left {
				t.Errorf("%d, and %d left", n, b.Left)
			}
		})
	}
	t.Run("M8 asking often earns no less, and no more", func(t *testing.T) {
		w := seated(0).WithBudget(Budget{Left: 1, At: begin})
		for i := range 36_000 {
			b, _ := w.Guess(0, 0, begin.Add(time.Duration(i+1)*17*time.Millisecond))
			w = w.WithBudget(b)
		}
		if left := w.Budget().Left; left != 1+17_000 {
			t.Errorf("%d after 612 s", left)
		}
	})
}
