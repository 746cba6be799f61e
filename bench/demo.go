package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"stentor/bench/rig"
	"stentor/control/client"
	"stentor/demo/rtcclient"
)

// demoScenario measures the main job: one 4K stream across a mesh of three nodes.
type demoScenario struct {
	Watch time.Duration `help:"How long the browser watches." default:"20s"`
	Bans  int           `help:"How many participants are banned, one after the other." default:"10"`
}

// last is the node that serves the viewers.
const last = 2

// figure prints one line of the table.
func figure(what, format string, args ...any) {
	fmt.Printf("| %-58s | %s |\n", what, fmt.Sprintf(format, args...))
}

// Run runs the scenario.
func (s *demoScenario) Run(ctx context.Context, g *grammar) error {
	b, err := rig.OpenBrowser(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	dir, err := os.MkdirTemp("", "stentor-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d, err := rig.StartDemo(ctx, g.Binary, filepath.Join(dir, "demo"))
	if err != nil {
		return err
	}
	defer d.Stop()
	fmt.Printf("| %-58s | %s |\n|---|---|\n", "what", "figure")
	figure("start of the program to links printed", "%.2f s", d.Ready.Sub(d.Started).Seconds())
	if err := s.browser(ctx, b, d); err != nil {
		return err
	}
	if err := hop(ctx, d); err != nil {
		return err
	}
	return s.bans(ctx, d)
}

// browser watches on node 3 as a guest does.
func (s *demoScenario) browser(ctx context.Context, b *rig.Browser, d *rig.Demo) error {
	p, err := b.Open(d.Guest, 1440, 900)
	if err != nil {
		return err
	}
	defer p.Close()
	joined := time.Now()
	if err := p.Join("Bench", d.Webinar.PIN); err != nil {
		return err
	}
	var at rig.Stats
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err = rig.Poll(wait, 20*time.Millisecond, func() (bool, error) {
		at, err = p.Stats()
		return at.FrameWidth == 3840 && at.FramesDecoded > 0, err
	})
	if err != nil {
		return err
	}
	first := time.Now()
	figure("start of the program to the first 4K frame in Chromium", "%.2f s", first.Sub(d.Started).Seconds())
	figure("  of which from the click on Join", "%.2f s", first.Sub(joined).Seconds())
	return s.watch(ctx, p, d, at, first)
}

// watch counts frames and CPU over a while.
func (s *demoScenario) watch(ctx context.Context, p *rig.Page, d *rig.Demo, before rig.Stats, from time.Time) error {
	pids := map[string]int{"publisher (demo)": d.PID}
	for _, n := range d.Nodes {
		pids[n.Name] = n.PID
	}
	used := make(map[string]time.Duration)
	for name, pid := range pids {
		used[name], _ = rig.CPU(pid)
	}
	select {
	case <-time.After(s.Watch):
	case <-ctx.Done():
		return ctx.Err()
	}
	after, err := p.Stats()
	if err != nil {
		return err
	}
	wall := time.Since(from).Seconds()
	figure(fmt.Sprintf("decoded in Chromium over %.0f s", wall), "%.1f fps of %d x %d, %d dropped",
		float64(after.FramesDecoded-before.FramesDecoded)/wall, after.FrameWidth, after.FrameHeight, after.FramesDropped-before.FramesDropped)
	names := make([]string, 0, len(pids))
	for name := range pids {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		now, err := rig.CPU(pids[name])
		if err != nil {
			return err
		}
		figure("CPU of "+name, "%.1f %% of a core", 100*(now-used[name]).Seconds()/wall)
	}
	return path(ctx, d)
}

// path prints how the track travels.
func path(ctx context.Context, d *rig.Demo) error {
	c, err := d.Client(0)
	if err != nil {
		return err
	}
	status, err := c.Status(ctx)
	if err != nil {
		return err
	}
	for _, t := range status.Tracks {
		for _, h := range t.Hops {
			if t.Track == "video" && h.Node == d.Nodes[last].Name {
				figure("hops from the origin to node 3", "%d (%v), %.1f Mbit/s", len(h.Path)-1, h.Path, float64(h.Bitrate)/1e6)
			}
		}
	}
	return nil
}

// hopFor is how long the two players of hop compare.
const hopFor = 15 * time.Second

// hop plays at the origin and at node 3 at once and compares how old the frames
// are when they are whole: the difference is what the hop adds. The publisher
// stamps frames with its clock (abs-capture-time), which is this machine's.
func hop(ctx context.Context, d *rig.Demo) error {
	var players []*rtcclient.Player
	for _, node := range []int{0, last} {
		p, err := rtcclient.Play(ctx, rtcclient.PlayerConfig{URL: d.At(d.WHEP, node), Bearer: d.Webinar.PIN})
		if err != nil {
			return err
		}
		defer p.Close()
		players = append(players, p)
	}
	select {
	case <-time.After(hopFor):
	case <-ctx.Done():
		return ctx.Err()
	}
	near, far := players[0].Stats(), players[1].Stats()
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	figure("age of a whole frame at a player of node 1, p50 / p99", "%.2f / %.2f ms", ms(near.LatencyP50), ms(near.LatencyP99))
	figure("age of a whole frame at a player of node 3, p50 / p99", "%.2f / %.2f ms", ms(far.LatencyP50), ms(far.LatencyP99))
	figure("added by the hop, p50", "%.2f ms", ms(far.LatencyP50-near.LatencyP50))
	figure("frames of the player at node 3: whole / all, packets lost", "%d / %d, %d", far.WholeFrames, far.Frames, far.Lost)
	return nil
}

// bans measures from the call at node 1 to the last packet at node 3.
func (s *demoScenario) bans(ctx context.Context, d *rig.Demo) error {
	api, err := d.Client(0)
	if err != nil {
		return err
	}
	edge, err := client.New(d.Nodes[last].URL, "")
	if err != nil {
		return err
	}
	var took []time.Duration
	for i := range s.Bans {
		g, err := edge.Join(ctx, d.Webinar.Link, client.Knock{Name: fmt.Sprintf("Guest %d", i), PIN: d.Webinar.PIN, Device: fmt.Sprint(i)})
		if err != nil {
			return err
		}
		t, err := ban(ctx, d, api, g)
		if err != nil {
			return err
		}
		took = append(took, t)
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	figure(fmt.Sprintf("from the ban's call to the last packet at node 3, %d runs", len(took)), "p50 %.1f ms, worst %.1f ms",
		ms(took[len(took)/2]), ms(took[len(took)-1]))
	return nil
}

func ban(ctx context.Context, d *rig.Demo, api *client.Client, g client.Grant) (time.Duration, error) {
	p, err := rtcclient.Play(ctx, rtcclient.PlayerConfig{URL: d.At(d.WHEP, last), Bearer: g.Token})
	if err != nil {
		return 0, err
	}
	defer p.Close()
	wait, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, err := p.Wait(wait, func(s rtcclient.PlayerStats) bool { return s.WholeFrames >= 15 }); err != nil {
		return 0, err
	}
	asked := time.Now()
	if _, err := api.Disconnect(ctx, d.Webinar.ID, g.Participant, client.Disconnect{Ban: true}); err != nil {
		return 0, err
	}
	select {
	case <-p.Done():
		return p.Stats().LastPacket.Sub(asked), nil
	case <-wait.Done():
		return 0, fmt.Errorf("the player goes on after the ban: %w", wait.Err())
	}
}
