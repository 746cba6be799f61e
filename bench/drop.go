package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"time"

	"stentor/bench/impair"
	"stentor/bench/rig"
	"stentor/control/client"
)

// dropScenario narrows the path of a browser that watches, and widens it again: how long the picture stands, and how
// long until it is small, and large again.
type dropScenario struct {
	Wide   int           `help:"The path before and after, in Mbps." default:"20"`
	Narrow int           `help:"The path between, in Mbps." default:"3"`
	RTT    time.Duration `help:"Of the path." default:"40ms"`
	For    time.Duration `help:"How long it is narrow." default:"20s"`
	After  time.Duration `help:"How long it is watched then." default:"40s"`
	Runs   int           `help:"How often; medians count." default:"3"`
}

// A dropFigure is what one run showed; times in s, -1 where it did not come to it.
type dropFigure struct {
	small, large float64 // from the change of the path to the smaller picture, and back to the largest
	frozen, gap  float64 // all pauses of more than 150 ms while narrow, and the longest
	after        float64 // of these, from 5 s after the drop on: what is left when all has settled
	wide         float64 // all pauses from when it is wide again
	switches     float64
	lines, rate  float64 // median of what was shown while narrow: lines, frames a second
	course       string  // the sizes that were shown, and when, in s after the drop
}

// Run runs the scenario.
func (s *dropScenario) Run(ctx context.Context, g *grammar) error {
	dir, err := os.MkdirTemp("", "stentor-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	films := make([][]picture, len(sizes))
	for i, z := range sizes {
		if films[i], err = encode(ctx, dir, z); err != nil {
			return err
		}
	}
	m, err := rig.StartMesh(ctx, g.Binary, dir, 1, 1)
	if err != nil {
		return err
	}
	defer m.Stop()
	w, off, err := s.air(ctx, m, films)
	if err != nil {
		return err
	}
	defer off()
	b, err := rig.OpenBrowser(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	fmt.Printf("A camera sends H.264 in %d sizes up to 4K at %.1f Mbps; Chromium watches behind another node, over %d Mbps, then %d for %v,\nthen %d again; round trip %v, a queue of 250 ms.\n\n",
		len(sizes), float64(sizes[len(sizes)-1].bitrate)/1e6, s.Wide, s.Narrow, s.For, s.Wide, s.RTT)
	var all []dropFigure
	for i := range s.Runs {
		f, err := s.watch(ctx, m, b, w, uint64(i+1))
		if err != nil {
			return err
		}
		fmt.Printf("run %d: 4K%s; frozen for %.2f s while narrow, the longest %.2f; %.2f s after\n", i+1, f.course, f.frozen, f.gap, f.wide)
		all = append(all, f)
	}
	s.print(all)
	return nil
}

func (s *dropScenario) print(all []dropFigure) {
	m := func(of func(dropFigure) float64) float64 { return halfway(all, of) }
	fmt.Printf("\n| %-58s | %s |\n|---|---|\n", fmt.Sprintf("medians of %d", len(all)), "figure")
	figure(fmt.Sprintf("%d -> %d Mbps: until a size that fits is shown", s.Wide, s.Narrow), "%.1f s", m(func(f dropFigure) float64 { return reached(f.small) }))
	figure("frozen while narrow (pauses over 150 ms): all, longest, from 5 s after the drop on", "%.2f, %.2f, %.2f s",
		m(func(f dropFigure) float64 { return f.frozen }), m(func(f dropFigure) float64 { return f.gap }), m(func(f dropFigure) float64 { return f.after }))
	figure("shown while narrow", "%.0f lines, %.0f frames a second", m(func(f dropFigure) float64 { return f.lines }), m(func(f dropFigure) float64 { return f.rate }))
	figure(fmt.Sprintf("%d -> %d Mbps: until 4K is back (+Inf: not while it was watched)", s.Narrow, s.Wide), "%.1f s", m(func(f dropFigure) float64 { return reached(f.large) }))
	figure("frozen from when it is wide again", "%.2f s", m(func(f dropFigure) float64 { return f.wide }))
	figure("switches", "%.0f", m(func(f dropFigure) float64 { return f.switches }))
}

// halfway returns the median of a number.
func halfway(all []dropFigure, of func(dropFigure) float64) float64 {
	var v []float64
	for _, f := range all {
		v = append(v, of(f))
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// reached has what was never come to count as longer than anything.
func reached(s float64) float64 {
	if s < 0 {
		return math.Inf(1)
	}
	return s
}

// air makes a webinar and has the camera send to the first node.
func (s *dropScenario) air(ctx context.Context, m *rig.Mesh, films [][]picture) (w client.Webinar, off func(), err error) {
	api, err := m.Client(0)
	if err != nil {
		return w, nil, err
	}
	if w, err = api.CreateWebinar(ctx, client.CreateWebinar{Title: "A path that narrows", GeneratePIN: true}); err != nil {
		return w, nil, err
	}
	invite, err := api.Invite(ctx, w.ID, client.CreateInvite{Name: "Presenter", Role: "presenter"})
	if err != nil {
		return w, nil, err
	}
	c := &camera{}
	if err := c.call(ctx, m.Nodes[0].URL+"/whip/"+w.Link+"/main", invite.Secret); err != nil {
		return w, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	for i, f := range films {
		go func() {
			if err := c.play(ctx, i, f); err != nil {
				fmt.Fprintln(os.Stderr, "bench: camera:", err)
			}
		}()
	}
	return w, func() { cancel(); _ = c.pc.Close() }, nil
}

// detour has the page reach a node's media by another address: it changes the node's candidates before the browser
// sees them, and leaves out those by TCP.
const detour = `(() => {
	const set = RTCPeerConnection.prototype.setRemoteDescription;
	RTCPeerConnection.prototype.setRemoteDescription = function (d) {
		const sdp = d.sdp.replace(/^a=candidate:\S+ \d+ tcp .*\r\n/gmi, "").replaceAll(%q, %q);
		return set.call(this, { type: d.type, sdp });
	};
	return true;
})()`

// diary notes on the page each frame that is shown: when, and how many lines it has.
const diary = `(() => {
	const video = document.querySelector("stentor-stage video");
	window.diary = [];
	const next = (now, meta) => { window.diary.push([performance.now(), meta.height]); video.requestVideoFrameCallback(next); };
	video.requestVideoFrameCallback(next);
	return true;
})()`

// watch opens the page behind a path of its own, and does one run.
func (s *dropScenario) watch(ctx context.Context, m *rig.Mesh, b *rig.Browser, w client.Webinar, seed uint64) (f dropFigure, err error) {
	edge := m.Nodes[1]
	wide := impair.Profile{Delay: s.RTT / 2, Rate: int64(s.Wide) * 1e6}
	narrow := wide
	narrow.Rate = int64(s.Narrow) * 1e6
	proxy, err := impair.Listen("127.0.0.1:0", edge.IP+":8443", impair.Profile{Delay: s.RTT / 2}, wide, seed)
	if err != nil {
		return f, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() { _ = proxy.Run(ctx) }()
	page, err := b.Open(edge.URL+w.JoinPath, 3840, 2160)
	if err != nil {
		return f, err
	}
	defer page.Close()
	port := strconv.Itoa(int(proxy.Addr().Port()))
	if _, err := page.True(fmt.Sprintf(detour, edge.IP+" 8443", "127.0.0.1 "+port)); err != nil {
		return f, err
	}
	if err := page.Join("Ada Lovelace", w.PIN); err != nil {
		return f, err
	}
	if err := shows(ctx, page, "4K plays", `stentor.stats().then((s) => s.frameHeight === 2160 && s.framesDecoded > 300)`); err != nil {
		return f, err
	}
	if err := shows(ctx, page, "the diary is kept", diary); err != nil {
		return f, err
	}
	if err := sleep(ctx, 3*time.Second); err != nil {
		return f, err
	}
	now := func() (float64, error) { return page.Number("performance.now()") }
	dropped, err := now()
	if err != nil {
		return f, err
	}
	proxy.Set(impair.Profile{Delay: s.RTT / 2}, narrow)
	if err := sleep(ctx, s.For); err != nil {
		return f, err
	}
	widened, err := now()
	if err != nil {
		return f, err
	}
	proxy.Set(impair.Profile{Delay: s.RTT / 2}, wide)
	if err := sleep(ctx, s.After); err != nil {
		return f, err
	}
	frames, err := page.Pairs("window.diary")
	if err != nil {
		return f, err
	}
	return read(frames, dropped, widened), page.Click("[aria-label='Leave']")
}

// shows waits for an expression to become true on the page.
func shows(ctx context.Context, page *rig.Page, what, expression string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := rig.Poll(ctx, 50*time.Millisecond, func() (bool, error) { return page.True(expression) }); err != nil {
		text, _ := page.Text()
		return fmt.Errorf("%s: %w: %s", what, err, text)
	}
	return nil
}

// read sums up a diary, whose entries are a time in ms and lines.
func read(frames [][2]float64, dropped, widened float64) dropFigure {
	f := dropFigure{small: -1, large: -1}
	var narrow []float64
	for i, now := range frames {
		if i == 0 || now[0] < dropped {
			continue
		}
		before := frames[i-1]
		if now[1] != before[1] {
			f.switches++
			f.course += fmt.Sprintf(", %.0f at %.1f s", now[1], (now[0]-dropped)/1e3)
		}
		if pause := (now[0] - before[0]) / 1e3; pause > 0.15 {
			switch {
			case now[0] > widened:
				f.wide += pause
			case now[0] > dropped+5e3:
				f.after += pause
				fallthrough
			default:
				f.frozen += pause
				f.gap = max(f.gap, pause)
			}
		}
		switch {
		case now[0] < widened:
			if f.small < 0 && now[1] < 2160 {
				f.small = (now[0] - dropped) / 1e3
			}
			if now[0] > dropped+5e3 {
				narrow = append(narrow, now[1])
			}
		case f.large < 0 && now[1] >= 2160:
			f.large = (now[0] - widened) / 1e3
		}
	}
	if slices.Sort(narrow); len(narrow) > 0 {
		f.lines, f.rate = narrow[len(narrow)/2], float64(len(narrow))/((widened-dropped)/1e3-5)
	}
	return f
}
