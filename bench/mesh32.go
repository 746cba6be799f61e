package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"stentor/bench/rig"
	"stentor/control/client"
	"stentor/demo/rtcclient"
)

// mesh32Scenario carries one 4K stream through as many real nodes as fit on this machine.
type mesh32Scenario struct {
	Nodes   int `help:"How many nodes, three voters among them; one player watches at each but the origin." default:"16"`
	Seconds int `help:"How long the steady state is measured." default:"20"`
	Rounds  int `help:"How often all of it is done, with new nodes; medians count." default:"3"`
	Players int `help:"How many nodes have a player, 0 for all but the origin: a player costs more than a node." default:"0"`
}

// originNode is the node that the publisher is at: an edge, as in life.
const originNode = 3

// Run runs the scenario.
func (s *mesh32Scenario) Run(ctx context.Context, g *grammar) error {
	var t tally
	for range max(s.Rounds, 1) {
		if err := s.round(ctx, g, &t); err != nil {
			return err
		}
	}
	fmt.Printf("| %-58s | %s |\n|---|---|\n", "what", fmt.Sprintf("figure, median of %d", max(s.Rounds, 1)))
	t.print()
	return nil
}

func (s *mesh32Scenario) round(ctx context.Context, g *grammar, t *tally) error {
	dir, err := os.MkdirTemp("", "stentor-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	began := time.Now()
	m, err := rig.StartMesh(ctx, g.Binary, filepath.Join(dir, "mesh"), 3, max(s.Nodes-3, 2))
	if err != nil {
		return err
	}
	defer m.Stop()
	t.figure("start of the processes, one after the other", "%d in %.0f s", len(m.Nodes), time.Since(began).Seconds())
	if err := idle(ctx, m, t); err != nil {
		return err
	}
	api, err := m.Client(0)
	if err != nil {
		return err
	}
	w, err := api.CreateWebinar(ctx, client.CreateWebinar{Title: "One stream", GeneratePIN: true})
	if err != nil {
		return err
	}
	stop, err := onAirAt(ctx, api, m, w, originNode)
	if err != nil {
		return err
	}
	defer stop()
	players, err := s.play(ctx, m, w, t)
	for _, p := range players {
		defer p.Close()
	}
	if err != nil {
		return err
	}
	return s.measure(ctx, api, m, players, t)
}

// idleFor is how long the nodes are looked at while nothing is asked of them.
const idleFor = 10 * time.Second

// idle measures what nodes cost that do nothing.
func idle(ctx context.Context, m *rig.Mesh, t *tally) error {
	if err := pause(ctx, settle); err != nil {
		return err
	}
	use := func() (voters, edges time.Duration, err error) {
		for i, n := range m.Nodes {
			used, err := rig.CPU(m.PID(i))
			if err != nil {
				return 0, 0, err
			}
			if n.Role == "voter" {
				voters += used
			} else {
				edges += used
			}
		}
		return voters, edges, nil
	}
	voters, edges, err := use()
	if err != nil {
		return err
	}
	if err := pause(ctx, idleFor); err != nil {
		return err
	}
	v, e, err := use()
	share := func(d time.Duration, n int) float64 { return 100 * d.Seconds() / idleFor.Seconds() / float64(n) }
	t.figure("CPU of a node that does nothing, of a core: a voter, an edge", "%.2f %%, %.2f %%", share(v-voters, 3), share(e-edges, len(m.Nodes)-3))
	return err
}

// play opens a player at every node at once, and waits until all have a picture.
func (s *mesh32Scenario) play(ctx context.Context, m *rig.Mesh, w client.Webinar, t *tally) ([]*rtcclient.Player, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex // guards the following
	var players []*rtcclient.Player
	var took []time.Duration
	var failed error
	began := time.Now()
	for i, node := range m.Nodes {
		if i == originNode || s.Players > 0 && i >= s.Players+min(1, i/(originNode+1)) {
			continue
		}
		wg.Go(func() {
			p, err := playAt(ctx, node, w)
			mu.Lock()
			defer mu.Unlock()
			if p != nil {
				players = append(players, p)
			}
			if err != nil {
				failed = fmt.Errorf("%s: %w", node.Name, err)
				return
			}
			took = append(took, time.Since(began))
		})
	}
	wg.Wait()
	if failed != nil {
		return players, failed
	}
	slices.Sort(took)
	t.figure("from all players' start to a whole frame at each, at once", "p50 %.2f s, all %.2f s", took[len(took)/2].Seconds(), took[len(took)-1].Seconds())
	return players, nil
}

// playAt opens a player and waits for its picture. The player lives on when ctx does not.
func playAt(ctx context.Context, node *rig.Process, w client.Webinar) (p *rtcclient.Player, err error) {
	err = rig.Poll(ctx, 50*time.Millisecond, func() (bool, error) { // until the edge has the webinar
		p, err = rtcclient.Play(context.WithoutCancel(ctx), rtcclient.PlayerConfig{URL: node.URL + "/whep/" + w.Link, Bearer: w.PIN})
		if err != nil && strings.Contains(err.Error(), "404") {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return nil, err
	}
	_, err = p.Wait(ctx, func(s rtcclient.PlayerStats) bool { return s.WholeFrames > 0 })
	return p, err
}

// A census is what all nodes said of the picture at one time.
type census struct {
	hops   map[string]client.Hop
	cpu    time.Duration // of all nodes' processes
	frames int           // at all players
	whole  int
	at     time.Time
}

func count(ctx context.Context, api *client.Client, m *rig.Mesh, players []*rtcclient.Player) (census, error) {
	c := census{hops: map[string]client.Hop{}, at: time.Now()}
	status, err := api.Status(ctx)
	if err != nil {
		return c, err
	}
	for _, t := range status.Tracks {
		for _, h := range t.Hops {
			if t.Track == "video" {
				c.hops[h.Node] = h
			}
		}
	}
	for _, n := range m.Nodes {
		used, err := rig.CPU(m.PID(slices.Index(m.Nodes, n)))
		if err != nil {
			return c, err
		}
		c.cpu += used
	}
	for _, p := range players {
		s := p.Stats()
		c.frames, c.whole = c.frames+s.Frames, c.whole+s.WholeFrames
	}
	return c, nil
}

// measure compares two counts.
func (s *mesh32Scenario) measure(ctx context.Context, api *client.Client, m *rig.Mesh, players []*rtcclient.Player, t *tally) error {
	if err := pause(ctx, settle); err != nil {
		return err
	}
	before, err := count(ctx, api, m, players)
	if err != nil {
		return err
	}
	if err := pause(ctx, time.Duration(s.Seconds)*time.Second); err != nil {
		return err
	}
	after, err := count(ctx, api, m, players)
	if err != nil {
		return err
	}
	show(before, after, m.Nodes[originNode].Name, t)
	return nil
}

// show prints what was between two counts.
func show(before, after census, origin string, t *tally) {
	moved := func(node string) float64 { return float64(after.hops[node].Bytes - before.hops[node].Bytes) }
	source, wall := moved(origin), after.at.Sub(before.at).Seconds()
	depths, out := map[int]int{}, 0.0
	var links []float64
	for node, h := range after.hops {
		depths[len(h.Path)-1]++
		if h.Parent == "" {
			continue
		}
		links = append(links, moved(node)/max(source, 1))
		if h.Parent == origin {
			out += moved(node)
		}
	}
	slices.Sort(links)
	t.figure("the source", "%.1f Mbit/s of RTP", source*8/wall/1e6)
	t.figure("nodes that carry it, by hops from the origin", "%d: %s", len(after.hops), byDepth(depths))
	if len(links) > 0 {
		t.figure("bytes of RTP over a link / the source's: least, median, most", "%.3f, %.3f, %.3f (goal: 1)", links[0], links[len(links)/2], links[len(links)-1])
	}
	t.figure("bytes out of the origin / the source's (one copy per child)", "%.2f to %d children", out/max(source, 1), len(after.hops[origin].Children))
	t.figure("frames whole at the players", "%d of %d (goal: all)", after.whole-before.whole, after.frames-before.frames)
	t.figure("CPU of all nodes", "%.0f %% of a core, %.1f s per GB over all links", 100*(after.cpu-before.cpu).Seconds()/wall,
		(after.cpu-before.cpu).Seconds()/(sum(links)*source/1e9))
}

func sum(v []float64) (s float64) {
	for _, x := range v {
		s += x
	}
	return s
}

// byDepth writes how many nodes are how far from the origin.
func byDepth(depths map[int]int) string {
	var parts []string
	for d := 0; d <= 16; d++ {
		if depths[d] > 0 {
			parts = append(parts, fmt.Sprintf("%d at %d", depths[d], d))
		}
	}
	return strings.Join(parts, ", ")
}
