package lease

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// mesh is a log, and tenants that see each command at once.
type mesh struct {
	t   testing.TB
	s   *control.State
	now time.Time
	by  map[string]*Tenant
	// superseded, by node
	superseded map[string][]string
	commands   []*controlpb.Command
}

func newMesh(t testing.TB, limit uint32, nodes ...string) *mesh {
	m := &mesh{t: t, s: control.NewState(), now: epochBegin, by: make(map[string]*Tenant), superseded: make(map[string][]string)}
	m.apply(&controlpb.Command{Kind: &controlpb.Command_SetFeatureLevel{SetFeatureLevel: &controlpb.SetFeatureLevel{Level: 2}}})
	m.apply(&controlpb.Command{Principal: "ada", Kind: &controlpb.Command_CreateWebinar{CreateWebinar: &controlpb.CreateWebinar{
		Id: hall, Link: "hall", Title: "Hall", Owner: "ada", Settings: &controlpb.Settings{Title: "Hall", GuestLimit: limit}}}})
	for _, n := range nodes {
		m.apply(&controlpb.Command{Kind: &controlpb.Command_RegisterNode{RegisterNode: &controlpb.RegisterNode{Node: n, Epoch: 1, Role: "edge"}}})
		m.by[n] = New(hall, n, 1)
	}
	m.observe()
	return m
}

func (m *mesh) apply(c *controlpb.Command) control.Result {
	m.t.Helper()
	c = copyOf(c)
	c.ProposedAt = m.now.UnixNano()
	next, r := m.s.Apply(m.s.Index()+1, c)
	if r.Halt != nil || r.Err != nil {
		m.t.Fatal(r.Halt, r.Err)
	}
	m.s = next
	return r
}

func (m *mesh) observe() {
	for n, t := range m.by {
		m.superseded[n] = append(m.superseded[n], t.Observe(m.s.Webinar(hall), m.now)...)
	}
}

// settle lets everybody propose until nobody has anything, and time pass.
func (m *mesh) settle(d time.Duration) {
	m.t.Helper()
	for range 100 {
		busy := false
		for _, n := range sorted(m.by) {
			if c, _ := m.by[n].Next(m.now); c != nil {
				busy = true
				m.commands = append(m.commands, c)
				r := m.apply(c)
				granted, _ := strconv.Atoi(r.Subject)
				m.by[n].Answered(c, true, granted, m.now)
				m.observe()
			}
		}
		if !busy {
			m.now = m.now.Add(d)
			return
		}
	}
	m.t.Fatal("they never come to rest")
}

func TestM1ATenant(t *testing.T) {
	t.Run("M1 without a snapshot nobody gets in", func(t *testing.T) {
		if a := New(hall, "a", 1).Take("p", epochBegin); a != Wait {
			t.Error(a)
		}
	})
	t.Run("M1 a seat of another incarnation is not ours", func(t *testing.T) {
		m := newMesh(t, 10, "a")
		m.by["a"].Take("p", m.now)
		m.settle(0)
		other := New(hall, "a", 2)
		if other.Observe(m.s.Webinar(hall), m.now); other.Idle() != 0 || other.Take("q", m.now) != Wait {
			t.Errorf("%d idle", other.Idle())
		}
	})
	t.Run("M1 who waits gets the seat that comes", func(t *testing.T) {
		m := newMesh(t, 10, "a")
		if a := m.by["a"].Take("p", m.now); a != Wait {
			t.Fatal(a)
		}
		m.settle(0)
		if a := m.by["a"].Take("p", m.now); a != In || m.by["a"].Waiting() != 0 {
			t.Error(a)
		}
	})
	t.Run("M1 a seat without a name is free at once, one with a name when the leave is seen", func(t *testing.T) {
		m := newMesh(t, 1, "a")
		a := m.by["a"]
		a.Take("p", m.now)
		m.settle(0)
		a.Take("p", m.now)
		a.Leave("p", m.now)
		if a.Idle() != 1 {
			t.Fatal("it is not free")
		}
		a.Take("q", m.now)
		m.settle(2 * time.Second)
		m.settle(2 * time.Second) // q's name is known
		a.Leave("q", m.now)
		if a.Idle() != 0 {
			t.Error("it is free before anybody was told")
		}
		if a.Take("q", m.now) != In {
			t.Error("q cannot come back to the seat that has their name on it")
		}
	})
	t.Run("M1 who comes back while their leave is under way needs another seat", func(t *testing.T) {
		m := newMesh(t, 1, "a")
		a := m.by["a"]
		a.Take("p", m.now)
		m.settle(0)
		a.Take("p", m.now)
		m.settle(2 * time.Second)
		m.settle(2 * time.Second)
		a.Leave("p", m.now)
		c, _ := a.Next(m.now.Add(2 * time.Second))
		if !slices.Equal(c.GetReportSeats().GetLeft(), []string{"p"}) {
			t.Fatal(c)
		}
		// The seat may have been taken over before that is committed, and then nobody knows
		// that p is here.
		if got := a.Take("p", m.now); got == In {
			t.Error("p is in on the seat that is being given up")
		}
		m.apply(c)
		m.observe()
		if got := a.Take("p", m.now); got != In {
			t.Error("p is not in on the seat that was given up, and is idle")
		}
	})
	t.Run("M1 a seat that the voters took back is not given again because a proposal names it", func(t *testing.T) {
		m := newMesh(t, 1, "a")
		a := m.by["a"]
		a.Take("p", m.now)
		m.settle(0)
		a.Take("p", m.now)
		if c, _ := a.Next(m.now.Add(2 * time.Second)); c.GetReportSeats() == nil { // and it is lost
			t.Fatal(c)
		}
		a.Evict(m.now)
		lease, _ := m.s.Webinar(hall).Lease("a")
		s, err := m.s.ApplyChange(control.Change{Index: m.s.Index() + 1, Puts: []*controlpb.Record{{Kind: &controlpb.Record_Lease{
			Lease: &controlpb.LeaseRecord{Webinar: hall, Node: "a", Epoch: 1, Seq: lease.Seq}}}}})
		if err != nil {
			t.Fatal(err)
		}
		m.s = s
		m.observe()
		if got := a.Take("p", m.now); got == In {
			t.Error("p is in, without a seat")
		}
	})
	t.Run("M1 what is not known to have failed counts as done", func(t *testing.T) {
		m := newMesh(t, 100, "a")
		a := m.by["a"]
		for i := range 40 {
			a.Take(fmt.Sprint("p", i), m.now)
			m.settle(0)
			a.Take(fmt.Sprint("p", i), m.now)
		}
		for i := range 40 {
			a.Leave(fmt.Sprint("p", i), m.now)
		}
		granted := a.Idle()
		c, _ := a.Next(m.now)
		if c.GetReturnSeats() == nil || a.Idle() != granted-int(c.GetReturnSeats().GetCount()) {
			t.Fatalf("%v, %d idle", c, a.Idle())
		}
		a.Answered(c, false, 0, m.now)
		if idle := a.Idle(); idle != granted-int(c.GetReturnSeats().GetCount()) {
			t.Errorf("%d idle, though it may have been done", idle)
		}
		if again, _ := a.Next(m.now.Add(resendAfter)); again != c {
			t.Error("another proposal before the first is settled")
		}
	})
	t.Run("M1 nobody is told of a seat that was taken over before its guest has gone", func(t *testing.T) {
		m := newMesh(t, 2, "a", "b")
		m.by["a"].Take("p", m.now)
		m.settle(0)
		m.by["a"].Take("p", m.now)
		m.settle(2 * time.Second)
		m.settle(2 * time.Second)
		if m.by["b"].Take("p", m.now) != Wait {
			t.Skip("b had a seat of its own")
		}
		m.settle(0)
		if m.by["b"].Take("p", m.now) != In || !slices.Equal(m.superseded["a"], []string{"p"}) || m.by["a"].Holds("p") {
			t.Errorf("superseded %v", m.superseded)
		}
	})
	t.Run("M1 an ended webinar is nobody's concern", func(t *testing.T) {
		m := newMesh(t, 10, "a")
		m.by["a"].Take("p", m.now)
		m.settle(0)
		m.by["a"].Take("p", m.now)
		m.apply(&controlpb.Command{Kind: &controlpb.Command_EndWebinar{EndWebinar: &controlpb.EndWebinar{Webinar: hall}}})
		m.observe()
		m.by["a"].Leave("p", m.now)
		if !m.by["a"].Unused() {
			t.Error("something is kept")
		}
	})
	t.Run("S60 a full webinar costs nobody a command", func(t *testing.T) {
		m := newMesh(t, 2, "a", "b")
		for _, p := range []string{"p", "q"} {
			m.by["a"].Take(p, m.now)
			m.settle(2 * time.Second)
			m.by["a"].Take(p, m.now)
			m.settle(2 * time.Second)
		}
		m.settle(2 * time.Second)
		before := len(m.commands)
		if got := m.by["b"].Take("r", m.now); got != Full {
			t.Fatal(got)
		}
		if m.settle(time.Second); len(m.commands) != before {
			t.Errorf("%v", m.commands[before:])
		}
	})
}

// TestM9ARushIsAdmittedLocally has a thousand guests come to five edges, and counts whom
// the edge's own lease let in at once.
func TestM9ARushIsAdmittedLocally(t *testing.T) {
	for _, limit := range []uint32{5_000, 0} {
		nodes := []string{"a", "b", "c", "d", "e"}
		m := newMesh(t, limit, nodes...)
		local, in := 0, 0
		for i := range 1_000 {
			n, p := m.by[nodes[i%5]], fmt.Sprint("p", i)
			if n.Take(p, m.now) == In {
				local++
				in++
			} else if m.settle(0); n.Take(p, m.now) == In {
				in++
			}
			if i%10 == 0 {
				m.settle(20 * time.Millisecond)
			}
		}
		if in != 1_000 || local < 980 {
			t.Errorf("limit %d: %d of 1000 inside, %d at once", limit, in, local)
		}
		t.Logf("limit %d: %.1f %% at once, %d commands", limit, float64(local)/10, len(m.commands))
	}
}

func TestAFenceCountsFromWhatItSent(t *testing.T) {
	f := NewFence("a", 1)
	at := func(d time.Duration) time.Time { return epochBegin.Add(d) }
	c, _ := f.Next([]string{hall}, at(0))
	if c.GetRenewLease().GetSeq() != 1 || !slices.Equal(c.GetRenewLease().GetWebinars(), []string{hall}) {
		t.Fatal(c)
	}
	f.Answered(true)
	if c, wait := f.Next(nil, at(0)); c != nil || wait <= 0 {
		t.Fatal("another one at once")
	}
	c, _ = f.Next([]string{hall}, at(3*time.Second))
	if c == nil {
		t.Fatal("no second one")
	}
	if len(f.Broken(at(30*time.Second-1))) != 0 || len(f.Broken(at(30*time.Second))) != 1 || !f.Closed(hall, at(30*time.Second)) {
		t.Error("the promise is about something else")
	}
	f.Answered(true) // the answer came late, but it counts from 3 s
	if len(f.Broken(at(33*time.Second-1))) != 0 || len(f.Broken(at(33*time.Second))) != 1 {
		t.Error("the second one does not count from when it was sent")
	}
	f.Observe(&controlpb.NodeRecord{Node: "a", Epoch: 1, Renewal: 1})
	if f.Left(at(4*time.Second)) == 0 {
		t.Error("an older record ends the promise")
	}
	f.Observe(&controlpb.NodeRecord{Node: "a", Epoch: 1, Renewal: 2})
	if f.Left(at(4*time.Second)) != 0 || f.Broken(at(time.Hour)) != nil {
		t.Error("a promise that the voters do not know of any more")
	}
}

func TestM1AFenceThatWasLateStaysShutUntilASnapshotShowsIt(t *testing.T) {
	f := NewFence("a", 1)
	at := func(d time.Duration) time.Time { return epochBegin.Add(d) }
	f.Next([]string{hall}, at(0))
	f.Answered(true)
	f.Next([]string{hall}, at(50*time.Second)) // the seats were taken back at 45 s
	f.Answered(true)
	if !f.Closed(hall, at(51*time.Second)) {
		t.Error("the replica may still show seats that are gone")
	}
	f.Observe(&controlpb.NodeRecord{Node: "a", Epoch: 1, Renewal: 1, Fenced: []string{hall}})
	if !f.Closed(hall, at(51*time.Second)) {
		t.Error("the snapshot is older than the renewal")
	}
	f.Observe(&controlpb.NodeRecord{Node: "a", Epoch: 1, Renewal: 2, Fenced: []string{hall}})
	if f.Closed(hall, at(51*time.Second)) {
		t.Error("it never opens again")
	}
}

func BenchmarkTake(b *testing.B) {
	m := newMesh(b, 0, "a")
	t := m.by["a"]
	names := make([]string, 10_000)
	for i := range names {
		names[i] = fmt.Sprint("p", i)
	}
	i := 0
	for b.Loop() {
		p := names[i%len(names)]
		t.Take(p, m.now)
		t.Leave(p, m.now)
		i++
	}
}

// BenchmarkObserve is what an edge with a thousand guests makes of a change elsewhere,
// and of one of its own.
func BenchmarkObserve(b *testing.B) {
	w := &webinar.Webinar{ID: hall, State: webinar.Live, GuestLimit: 20_000}
	lessee := func(n string, seq uint64) webinar.Lessee { return webinar.Lessee{Node: n, Epoch: 1, Seq: seq} }
	var names []string
	for i := range 1_000 {
		names = append(names, fmt.Sprint("p", i))
	}
	change, _, _ := w.Acquire(lessee("a", 1), 1_000, 1)
	change, _ = change.After.Report(lessee("a", 2), names, nil)
	change, _, _ = change.After.Acquire(lessee("b", 1), 10, 1)
	elsewhere, _ := change.After.Report(lessee("b", 2), []string{"q"}, nil)
	own, _ := change.After.Report(lessee("a", 3), nil, []string{"p1"})
	for name, other := range map[string]*webinar.Webinar{"elsewhere": elsewhere.After, "own": own.After} {
		b.Run(name, func(b *testing.B) {
			t := New(hall, "a", 1)
			for b.Loop() {
				t.Observe(change.After, epochBegin)
				t.Observe(other, epochBegin)
			}
		})
	}
}
