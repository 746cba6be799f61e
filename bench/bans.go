package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"stentor/bench/rig"
	"stentor/control/client"
	"stentor/demo/clip"
	"stentor/demo/rtcclient"
)

// banScenario measures how long a ban takes to hold everywhere (M2): from the call at
// one node to the last packet at each of many edges at which the participant watches.
type banScenario struct {
	Edges    int  `help:"How many edges." default:"16"`
	Bans     int  `help:"How many participants are banned, one after the other; each watches at every edge." default:"10"`
	Unlisted bool `help:"Ban without having listed the participants before: the call has to find out first who that is."`
	Rejoins  int  `help:"How many attempts to come back, by every key that the mesh knows." default:"10000"`
}

// Run runs the scenario.
func (s *banScenario) Run(ctx context.Context, g *grammar) error {
	dir, err := os.MkdirTemp("", "stentor-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	m, err := rig.StartMesh(ctx, g.Binary, dir, 3, s.Edges)
	if err != nil {
		return err
	}
	defer m.Stop()
	api, err := m.Client(0)
	if err != nil {
		return err
	}
	w, err := api.CreateWebinar(ctx, client.CreateWebinar{Title: "Bans", GeneratePIN: true})
	if err != nil {
		return err
	}
	stop, err := onAirAt(ctx, api, m, w, 0)
	if err != nil {
		return err
	}
	defer stop()
	var took []time.Duration
	var banned []guest
	for i := range s.Bans {
		who, err := s.join(ctx, api, m, w, i)
		if err != nil {
			return err
		}
		each, err := s.ban(ctx, api, m, w, who)
		if err != nil {
			return err
		}
		slices.Sort(each)
		fmt.Printf("ban %d: first edge %.0f ms, last %.0f ms\n", i+1, ms(each[0]), ms(each[len(each)-1]))
		took, banned = append(took, each...), append(banned, who)
	}
	slices.Sort(took)
	fmt.Printf("| %-58s | %s |\n|---|---|\n", "what", "figure")
	figure(fmt.Sprintf("from the ban's call to the last packet, %d bans x %d edges", s.Bans, s.Edges), "p50 %.0f ms, p99 %.0f ms, worst %.0f ms",
		ms(took[len(took)/2]), ms(took[len(took)*99/100]), ms(took[len(took)-1]))
	return s.rejoin(ctx, m, w, banned)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// onAirAt publishes the clip at a node until stop is called.
func onAirAt(ctx context.Context, api *client.Client, m *rig.Mesh, w client.Webinar, node int) (stop func(), err error) {
	invite, err := api.Invite(ctx, w.ID, client.CreateInvite{Name: "Presenter", Role: "presenter"})
	if err != nil {
		return nil, err
	}
	pictures, err := clip.Load()
	if err != nil {
		return nil, err
	}
	p := rtcclient.NewPublisher(rtcclient.PublisherConfig{URL: m.Nodes[node].URL + "/whip/" + w.Link + "/main", Bearer: invite.Secret, Clip: pictures})
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stop = func() { cancel(); <-done }
	select {
	case <-p.Connected():
		return stop, nil
	case err := <-done:
		cancel()
		return nil, fmt.Errorf("the stream was refused: %w", err)
	case <-time.After(time.Minute):
		stop()
		return nil, errors.New("the stream does not connect")
	}
}

// guest is a participant with everything that they could come back with.
type guest struct {
	client.Grant
	device, invite string
}

// join lets a guest in at one of the edges: every second one by a personal link.
func (s *banScenario) join(ctx context.Context, api *client.Client, m *rig.Mesh, w client.Webinar, i int) (guest, error) {
	g := guest{device: fmt.Sprint("device-", i)}
	k := client.Knock{Name: fmt.Sprint("Guest ", i), PIN: w.PIN, Device: g.device}
	if i%2 == 1 {
		invite, err := api.Invite(ctx, w.ID, client.CreateInvite{Name: k.Name})
		if err != nil {
			return g, err
		}
		g.invite, k.Invite, k.PIN = invite.Secret, invite.Secret, ""
	}
	edge, err := m.Client(3 + i%s.Edges)
	if err != nil {
		return g, err
	}
	err = rig.Poll(ctx, 50*time.Millisecond, func() (bool, error) { // until the edge has the invite
		g.Grant, err = edge.Join(ctx, w.Link, k)
		if problem := (*client.Problem)(nil); errors.As(err, &problem) && (problem.Code == "invalid_invite" || problem.Status == 404) {
			return false, nil
		}
		return true, err
	})
	return g, err
}

// ban has the guest watch at every edge and bans them at node 1.
func (s *banScenario) ban(ctx context.Context, api *client.Client, m *rig.Mesh, w client.Webinar, who guest) ([]time.Duration, error) {
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	players := make([]*rtcclient.Player, s.Edges)
	for i := range players {
		p, err := rtcclient.Play(ctx, rtcclient.PlayerConfig{URL: m.Nodes[3+i].URL + "/whep/" + w.Link, Bearer: who.Token})
		if err != nil {
			return nil, fmt.Errorf("play at %s: %w", m.Nodes[3+i].Name, err)
		}
		defer p.Close()
		players[i] = p
	}
	for i, p := range players {
		if _, err := p.Wait(wait, func(s rtcclient.PlayerStats) bool { return s.WholeFrames >= 15 }); err != nil {
			return nil, fmt.Errorf("no picture at %s: %w", m.Nodes[3+i].Name, err)
		}
	}
	if !s.Unlisted { // a host sees whom to ban; the mesh's nodes are connected from then on
		if _, err := api.Participants(ctx, w.ID); err != nil {
			return nil, err
		}
	}
	asked := time.Now()
	if _, err := api.Disconnect(ctx, w.ID, who.Participant, client.Disconnect{Ban: true}); err != nil {
		return nil, err
	}
	time.Sleep(2 * time.Second) // whatever still comes has come by then
	took := make([]time.Duration, len(players))
	for i, p := range players {
		took[i] = max(p.Stats().LastPacket.Sub(asked), 0)
	}
	return took, nil
}

// rejoin tries to come back at every edge by every key.
func (s *banScenario) rejoin(ctx context.Context, m *rig.Mesh, w client.Webinar, banned []guest) error {
	var mu sync.Mutex // guards the following
	refused, let, failed := 0, 0, 0
	var wg sync.WaitGroup
	const at = 8
	for worker := range at {
		wg.Go(func() {
			for n := worker; n < s.Rejoins; n += at {
				who := banned[n%len(banned)]
				edge, err := m.Client(n % len(m.Nodes))
				if err == nil {
					err = comeBack(ctx, edge, w, who, n/len(banned))
				}
				problem := (*client.Problem)(nil)
				mu.Lock()
				switch {
				case err == nil:
					let++
				case errors.As(err, &problem) && problem.Code == "banned":
					refused++
				default:
					failed++
					if failed < 4 {
						fmt.Println("rejoin:", err)
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	figure(fmt.Sprintf("rejoins refused, at %d nodes by token, device and invite", len(m.Nodes)), "%d of %d (%d let in, %d not answered)", refused, s.Rejoins, let, failed)
	return nil
}

// comeBack tries one of the ways in.
func comeBack(ctx context.Context, edge *client.Client, w client.Webinar, who guest, way int) error {
	switch way % 3 {
	case 0:
		_, err := edge.Refresh(ctx, w.Link, who.Token)
		return err
	case 1:
		if who.invite != "" {
			_, err := edge.Join(ctx, w.Link, client.Knock{Name: "Somebody Else", Invite: who.invite, Device: "a new one"})
			return err
		}
	}
	_, err := edge.Join(ctx, w.Link, client.Knock{Name: "Somebody Else", PIN: w.PIN, Device: who.device})
	return err
}
