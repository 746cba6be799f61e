package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"stentor/bench/impair"
)

// relaykillScenario measures what viewers see when the relay above them dies, or is drained.
type relaykillScenario struct {
	Kills  int      `help:"How many relays die on loopback, one after the other; the control is about as long, drains and far runs are three sevenths." default:"14"`
	Leaves int      `help:"How many nodes hang below the one that dies." default:"4"`
	Runs   []string `help:"What is done: kill, drain or none, on loopback or far (through the impairment proxy)." default:"none-loopback,kill-loopback,drain-loopback,none-far,kill-far,drain-far"`
	Rounds int      `help:"How often all of it is done, with new nodes; medians count." default:"3"`
	Seed   uint64   `help:"Of the proxies." default:"1"`
	Each   bool     `help:"Print what every leaf saw of every end, not only what is remarkable."`

	control map[string]calm // what is seen without any end, by place
}

// A calm is what leaves see when nothing ends: p99 in milliseconds of the longest gap, and of by how much the slowest frame is slower
// than the median.
type calm struct{ gap, late float64 }

// The round trips of the far runs: from the relays to the origin, and from the leaves to the relays.
const (
	farOrigin = 60 * time.Millisecond
	farRelay  = 90 * time.Millisecond
)

// Run runs the scenario.
func (s *relaykillScenario) Run(ctx context.Context) error {
	s.control = map[string]calm{}
	fmt.Printf("An origin, two relays, %d leaves that read a 4K stream (20 Mbps, 30 frames a second) and sound (50 packets a second), each a\nprocess. A leaf pulls from one relay and keeps the other as standby; the one with most leaves dies (SIGKILL) or drains, and\ncomes back empty: %d times; the control is as long, drains and far runs are shorter. far: %v to the origin, %v to the relays, there and back. Times are those from %v before the end of the\nrelay (the beginning of its drain) to %v after, and of as long where nothing ends; what is lost is looked for all the time.\n\n",
		s.Leaves, s.Kills, farOrigin, farRelay, before, after)
	b := &board{}
	for _, run := range s.Runs {
		b.columns = append(b.columns, way(run))
	}
	for range max(s.Rounds, 1) {
		for _, run := range s.Runs {
			if err := s.run(ctx, b, run); err != nil {
				return fmt.Errorf("%s: %w", run, err)
			}
		}
	}
	b.print()
	return nil
}

func (s *relaykillScenario) run(ctx context.Context, b *board, run string) error {
	end, where, _ := strings.Cut(run, "-")
	t, err := s.plant(ctx, where == "far")
	if err != nil {
		return err
	}
	defer t.fell()
	var all []scar
	for n := range s.times(end, where) {
		scars, err := t.strike(ctx, end)
		if err != nil {
			return fmt.Errorf("%d: %w", n, err)
		}
		for _, c := range scars {
			if s.Each || c.lost+c.silent > 0 || c.gap > 150*time.Millisecond {
				fmt.Printf("%s %d: %s\n", run, n, c)
			}
		}
		all = append(all, scars...)
	}
	s.report(b, run, all)
	return nil
}

// times returns how often a run's end is done, so that a round of all runs takes less than six minutes. The control is done about
// as often as the kills that it is compared with: a p99 of fewer is another figure.
func (s *relaykillScenario) times(end, where string) int {
	switch {
	case end == "kill" && where != "far":
		return s.Kills
	case end == "none" && where != "far":
		return max(s.Kills-2, 1)
	case end == "none":
		return max(s.Kills/3, 1)
	}
	return max(s.Kills*3/7, 1)
}

// A tree is an origin, two relays and their leaves.
type tree struct {
	*cast
	origin *member
	relays []*member
	leaves []*member
	taps   []*tap
	seen   uint32    // frames up to this one were looked at
	victim string    // the relay that ended last
	struck time.Time // when its end began
	ended  time.Time // and when it was over: a drain takes a while
}

// plant starts the tree, and waits until all leaves see the picture.
func (s *relaykillScenario) plant(ctx context.Context, far bool) (t *tree, err error) {
	t = &tree{}
	if t.cast, err = newCast(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			t.fell()
		}
	}()
	if t.origin, err = t.start("origin", wayRelay); err != nil {
		return t, err
	}
	above, err := t.reach(t.origin, far, farOrigin, s.Seed)
	if err != nil {
		return t, err
	}
	relays := map[string]string{}
	for i, name := range []string{"left", "right"} {
		m, err := t.start(name, wayRelay, "origin")
		if err != nil {
			return t, err
		}
		t.relays = append(t.relays, m)
		if err := m.knows(map[string]string{"origin": above}); err != nil {
			return t, err
		}
		if relays[name], err = t.reach(m, far, farRelay, s.Seed+1000*uint64(i+1)); err != nil {
			return t, err
		}
	}
	return t, s.watch(t, relays)
}

// watch starts the film and the leaves.
func (s *relaykillScenario) watch(t *tree, relays map[string]string) error {
	films := []string{"video", "audio"}
	if err := t.origin.call("Show", Showing{Films: films}, nil); err != nil {
		return err
	}
	for i := range s.Leaves {
		m, err := t.start(fmt.Sprint("leaf", i+1), wayRelay, "left", "right")
		if err != nil {
			return err
		}
		t.leaves = append(t.leaves, m)
		if err := m.knows(relays); err != nil {
			return err
		}
		if err := m.call("Follow", Neighbours{Parents: []string{"left", "right"}, Spares: []string{"left", "right"}}, nil); err != nil {
			return err
		}
		if err := m.call("Play", films, nil); err != nil {
			return err
		}
	}
	for _, m := range t.leaves {
		if err := m.call("First", 20*time.Second, nil); err != nil {
			return err
		}
	}
	return nil
}

// reach returns the address by which others reach m: its own, or that of a proxy before it.
func (t *tree) reach(m *member, far bool, rtt time.Duration, seed uint64) (string, error) {
	if !far {
		return m.addr, nil
	}
	p := &tap{}
	t.taps = append(t.taps, p)
	return p.open(t.ctx, impair.Symmetric(rtt, 0), seed)(m.addr)
}

// fell ends the tree.
func (t *tree) fell() {
	t.stop()
	for _, p := range t.taps {
		p.close()
	}
}

const (
	// warming is how long the leaves have from a relay's return to its death of the other: shunning a node that failed
	// ends after two seconds, a standby is looked for each second, and connecting takes three round trips.
	warming = 4 * time.Second
	// aftermath is how long after a death the relay comes back; by then all is over that viewers could notice.
	aftermath = 1700 * time.Millisecond
	// landing is how long a frame may take from the origin to a leaf and still be looked at in its own turn.
	landing = 800 * time.Millisecond
	// before and after are how much of the time around an end is looked at for gaps and late frames: all that the end can
	// have done, and no more of what the machine does by itself.
	before = 200 * time.Millisecond
	after  = 1500 * time.Millisecond
)

// strike ends ("kill" or "drain"; "none" does not) the relay that most leaves pull from, lets it come back, and says what each leaf saw since the last time.
func (t *tree) strike(ctx context.Context, end string) ([]scar, error) {
	if err := pause(ctx, warming); err != nil {
		return nil, err
	}
	if t.seen == 0 { // what was before the first death is nobody's
		if err := t.skip(); err != nil {
			return nil, err
		}
	}
	victim, below, err := t.choose()
	if err != nil {
		return nil, err
	}
	t.victim, t.struck = victim.name, time.Now()
	if end == "drain" {
		if err := victim.call("Drain", 10*time.Second, nil); err != nil {
			return nil, err
		}
	}
	if end != "none" { // what the machine does by itself
		victim.kill()
	}
	t.ended = time.Now()
	if err := pause(ctx, aftermath); err != nil {
		return nil, err
	}
	if end != "none" {
		if err := t.again(victim); err != nil {
			return nil, err
		}
	}
	return t.scars(ctx, below)
}

// choose returns the relay that has the most leaves, and those.
func (t *tree) choose() (*member, map[string]bool, error) {
	below := map[string]map[string]bool{}
	for _, r := range t.relays {
		below[r.name] = map[string]bool{}
	}
	for _, m := range t.leaves {
		u, err := m.use()
		if err != nil {
			return nil, nil, err
		}
		if below[u.Tellings.Parent] == nil {
			return nil, nil, fmt.Errorf("%s pulls from %q", m.name, u.Tellings.Parent)
		}
		below[u.Tellings.Parent][m.name] = true
	}
	victim := slices.MaxFunc(t.relays, func(a, b *member) int { return len(below[a.name]) - len(below[b.name]) })
	return victim, below[victim.name], nil
}

func (t *tree) skip() error {
	u, err := t.origin.use()
	t.seen = u.Last
	return err
}

// scars looks at all frames since the last time.
func (t *tree) scars(ctx context.Context, below map[string]bool) ([]scar, error) {
	u, err := t.origin.use()
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, landing); err != nil {
		return nil, err
	}
	from := t.seen + 1
	t.seen = u.Last
	look := span{t.struck.Add(-before).UnixNano(), t.ended.Add(after).UnixNano()}
	var out []scar
	for _, m := range t.leaves {
		video, err := m.takes("video", from)
		if err != nil {
			return nil, err
		}
		audio, err := m.takes("audio", soundOf(from))
		if err != nil {
			return nil, err
		}
		c := scarOf(video, audio, from, t.seen, look)
		c.leaf, c.victim, c.below = m.name, t.victim, below[m.name]
		out = append(out, c)
	}
	return out, nil
}

// A scar is what one leaf saw of one end.
type scar struct {
	leaf, victim string
	below        bool          // it pulled from the one that ended
	gap          time.Duration // the longest time between two complete frames
	began        time.Duration // when it began, from the end of the relay
	late         time.Duration // how much longer than the median the slowest frame took
	lost         int           // packets of the picture
	silent       int           // packets of the sound that are missing
	mute         time.Duration // when the first of them was due, from the end of the relay
	hoarse       time.Duration // how much longer than the median the slowest packet of sound took
}

func (c scar) String() string {
	ms := func(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
	return fmt.Sprintf("%s of %s: gap %v from %v on, late %v, %d packets lost, %d of sound (from %v on), sound late %v",
		c.leaf, c.victim, ms(c.gap), ms(c.began), ms(c.late), c.lost, c.silent, ms(c.mute), ms(c.hoarse))
}

// soundOf returns the first packet of the sound that belongs to a frame or comes after it: 50 for 30 frames.
func soundOf(frame uint32) uint32 { return (frame*50 + videoFPS - 1) / videoFPS }

// A span is a time that is looked at, in Unix nanoseconds.
type span struct{ from, to int64 }

func (s span) has(at int64) bool { return at >= s.from && at <= s.to }

// end is the end of the relay that the span is around.
func (s span) end() int64 { return s.from + int64(before) }

// scarOf looks at the frames from from to to, and at the sound of the same time; at their times only within look.
func scarOf(video, audio []Take, from, to uint32, look span) scar {
	seen, heard := tale(video, from, to, packetsOf, look), tale(audio, soundOf(from), soundOf(to+1)-1, func(uint32) int { return 1 }, look)
	return scar{
		gap: seen.gap, began: time.Duration(seen.began - look.end()), late: seen.late, lost: seen.lost,
		silent: heard.lost, mute: time.Duration(heard.hole - look.end()), hoarse: heard.late,
	}
}

// A told is what a tale tells.
type told struct {
	lost  int           // packets that are missing
	hole  int64         // when the first of them was written, or would have been; the end of the relay when none is
	late  time.Duration // how much longer than the median the slowest frame took
	gap   time.Duration // how long nothing new was complete
	began int64         // since when
}

// tale tells of the frames from from to to, of their times only within look.
func tale(takes []Take, from, to uint32, packets func(uint32) int, look span) told {
	out := told{hole: look.end()}
	var took []time.Duration
	var whole []int64
	var slowest time.Duration
	next, sent := from, int64(0) // the frame that is due, and when the one before was written
	for _, t := range takes {    // in their order
		if t.Frame < from || t.Frame > to {
			continue
		}
		for ; next < t.Frame; next++ {
			out.miss(packets(next), sent)
		}
		next, sent = t.Frame+1, t.Sent
		out.miss(packets(t.Frame)-t.Packets, sent)
		if t.Whole == 0 {
			continue
		}
		took, whole = append(took, time.Duration(t.Whole-t.Sent)), append(whole, t.Whole)
		if look.has(t.Sent) {
			slowest = max(slowest, time.Duration(t.Whole-t.Sent))
		}
	}
	for ; next <= to; next++ {
		out.miss(packets(next), sent)
	}
	if len(took) == 0 {
		out.gap = math.MaxInt64
		return out
	}
	slices.Sort(took)
	out.late = max(0, slowest-took[len(took)/2])
	slices.Sort(whole)
	for i := 1; i < len(whole); i++ {
		if d := time.Duration(whole[i] - whole[i-1]); d > out.gap && whole[i] >= look.from && whole[i-1] <= look.to {
			out.gap, out.began = d, whole[i-1]
		}
	}
	return out
}

// miss notes packets that did not come.
func (t *told) miss(packets int, at int64) {
	if packets > 0 && t.lost == 0 {
		t.hole = at
	}
	t.lost += packets
}

// report notes the figures of a run.
func (s *relaykillScenario) report(b *board, name string, all []scar) {
	var gaps, late, hoarse []float64
	var lost, silent int
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	for _, c := range all {
		lost, silent = lost+c.lost, silent+c.silent
		if c.below {
			gaps, late, hoarse = append(gaps, ms(c.gap)), append(late, ms(c.late)), append(hoarse, ms(c.hoarse))
		}
	}
	for _, v := range [][]float64{gaps, late, hoarse} {
		slices.Sort(v)
	}
	at := func(v []float64, p float64) float64 { return v[min(len(v)-1, int(p*float64(len(v))))] }
	run := way(name)
	b.note("times that a leaf lost its parent", "%.0f", "", run, float64(len(gaps)))
	b.note("longest time between two complete frames (33 ms is none), p50", "%.0f ms", "", run, at(gaps, 0.5))
	b.note("... p99 of the times", "%.0f ms", "kill on loopback <= 60 ms; drain <= 1 frame more", run, at(gaps, 0.99))
	end, where, _ := strings.Cut(name, "-")
	if end == "none" {
		s.control[where] = calm{at(gaps, 0.99), at(late, 0.99)}
	}
	c, ok := s.control[where]
	if ok {
		b.note("... p99 of the control, in which nothing ends", "%.0f ms", "", run, c.gap)
		b.note("... p99 beyond the control's", "%.0f ms", "a drain <= 1 frame: 33 ms", run, at(gaps, 0.99)-c.gap)
	}
	b.note("... at the worst edge", "%.0f ms", "", run, at(gaps, 1))
	b.note("slowest frame, above the median, p50", "%.0f ms", "", run, at(late, 0.5))
	b.note("slowest frame, p99", "%.0f ms", "", run, at(late, 0.99))
	if ok {
		b.note("... p99 beyond the control's, above the median", "%.0f ms", "a drain <= 1 frame: 33 ms", run, at(late, 0.99)-c.late)
	}
	b.note("slowest frame, worst", "%.0f ms", "<= 250 ms", run, at(late, 1))
	b.note("packets of the picture lost", "%.0f", "0", run, float64(lost))
	b.note("packets of the sound lost", "%.0f", "0", run, float64(silent))
	b.note("slowest packet of sound, above the median, worst", "%.0f ms", "", run, at(hoarse, 1))
}
