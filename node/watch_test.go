package node

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/node/sfu"
	"stentor/relay"
	"stentor/relay/wire"
)

// theatre is a store whose state the test changes.
type theatre struct {
	store
	t *testing.T

	mu      sync.Mutex // guards the following
	state   *control.State
	changed chan struct{}
}

func (s *theatre) State() *control.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

func (s *theatre) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *theatre) apply(c *controlpb.Command) {
	s.t.Helper()
	c.ProposedAt = time.Now().UnixNano()
	c.Principal = "host"
	next, res := s.state.Apply(s.state.Index()+1, c)
	if res.Halt != nil || res.Err != nil {
		s.t.Fatal(res.Halt, res.Err)
	}
	s.mu.Lock()
	s.state = next
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
	synctest.Wait()
}

func (s *theatre) claim(stream, participant string) {
	s.t.Helper()
	s.apply(&controlpb.Command{Kind: &controlpb.Command_ClaimStream{ClaimStream: &controlpb.ClaimStream{
		Webinar: "w", Name: stream, Node: "n1", NodeEpoch: 1, Participant: participant, Takeover: true,
	}}})
}

func (s *theatre) release(stream string) {
	s.t.Helper()
	held, _ := s.state.Webinar("w").Stream(stream)
	s.apply(&controlpb.Command{Kind: &controlpb.Command_ReleaseStream{ReleaseStream: &controlpb.ReleaseStream{Webinar: "w", Name: stream, Epoch: held.Epoch}}})
}

// TestTheWatchTellsOfAllOfTheStage follows people onto the stage and off it, in virtual time.
func TestTheWatchTellsOfAllOfTheStage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := lonelyRelay(t)
		s := &theatre{t: t, state: control.NewState(), changed: make(chan struct{})}
		s.apply(&controlpb.Command{Kind: &controlpb.Command_SetFeatureLevel{SetFeatureLevel: &controlpb.SetFeatureLevel{Level: 2}}})
		s.apply(&controlpb.Command{Kind: &controlpb.Command_CreateWebinar{CreateWebinar: &controlpb.CreateWebinar{Id: "w", Link: "l", Title: "Tides", Owner: "host"}}})
		g := newStage("n1", 1, s, r, nil, nil, nil)
		var asked atomic.Int32 // each person's name in a goroutine of its own
		g.name = func(_ context.Context, node, webinar, participant string) (string, error) {
			if n := asked.Add(1); participant == "p_bob" && n < 3 {
				return "", context.DeadlineExceeded // at first
			}
			return "Name of " + participant, nil
		}
		ctx, stop := context.WithCancel(t.Context())
		var told []sfu.Source
		times := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			g.Watch(ctx, "w", func(now []sfu.Source, _ []string) {
				s.mu.Lock()
				defer s.mu.Unlock()
				told, times = now, times+1
			})
		}()
		publish := func(stream, flow string, epoch uint64) *relay.Track {
			track, err := r.Publish(wire.TrackID{Webinar: "w", Stream: stream, Name: flow}, flows[flow], epoch, nil)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			return track
		}
		now := func(what, want string) {
			t.Helper()
			synctest.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			var got []string
			for _, src := range told {
				name := src.Name
				if src.Info.Mime == "" {
					name += "?"
				}
				got = append(got, name)
			}
			if all := strings.Join(got, " "); all != want {
				t.Errorf("%s: %q, want %q", what, all, want)
			}
		}
		epoch := func(stream string) uint64 {
			held, _ := s.state.Webinar("w").Stream(stream)
			return held.Epoch
		}

		now("nobody is there", "")
		s.claim("bob", "p_bob")
		now("one has the name, and sends nothing yet", "bob/video? bob/audio?")
		publish("bob", "video", epoch("bob"))
		now("the picture comes", "bob/video bob/audio?")
		time.Sleep(time.Second)
		s.claim("main", "p_ann")
		first := publish("main", "video", epoch("main"))
		sound := publish("main", "audio", epoch("main"))
		now("main comes later, and first", "main/video main/audio bob/video bob/audio?")
		time.Sleep(nameAgain)
		synctest.Wait()
		on := func() []sfu.Source {
			s.mu.Lock()
			defer s.mu.Unlock()
			return told
		}
		if i := slices.IndexFunc(on(), func(src sfu.Source) bool { return src.Person == "Name of p_bob" && src.Participant == "p_bob" }); i != 2 {
			t.Errorf("the second has no name: %+v", on())
		}

		first.Close()
		sound.Close()
		s.claim("main", "p_cat")
		now("who takes over goes on in the place", "main/video main/audio bob/video bob/audio?")
		publish("main", "video", epoch("main"))
		time.Sleep(findWithin + time.Millisecond)
		now("and what only the one before had is given up", "main/video main/audio? bob/video bob/audio?")
		if first := on()[0]; first.Participant != "p_cat" || first.Person != "Name of p_cat" {
			t.Errorf("it is still %s, %s", first.Participant, first.Person)
		}

		stopped := true
		s.apply(&controlpb.Command{Kind: &controlpb.Command_SetParticipant{SetParticipant: &controlpb.SetParticipant{Webinar: "w", Participant: "p_bob", StopVideo: &stopped}}})
		now("S71 a picture that a host stopped is off the stage at once", "main/video main/audio? bob/audio?")
		s.mu.Lock()
		before := times
		s.mu.Unlock()
		s.apply(&controlpb.Command{Kind: &controlpb.Command_CreateWebinar{CreateWebinar: &controlpb.CreateWebinar{Id: "w2", Link: "l2", Title: "Other", Owner: "host"}}})
		s.mu.Lock()
		if times != before {
			t.Error("another webinar's change is told")
		}
		s.mu.Unlock()
		s.release("bob")
		now("who goes is gone at once", "main/video main/audio?")
		s.release("main")
		now("all are gone", "")
		stop()
		<-done
	})
}

// TestTheLoudestAreHeardWhereThereAreMany: with more on the stage than pages have sections,
// who speaks is told, and for as long as they do.
func TestTheLoudestAreHeardWhereThereAreMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := lonelyRelay(t)
		s := &theatre{t: t, state: control.NewState(), changed: make(chan struct{})}
		s.apply(&controlpb.Command{Kind: &controlpb.Command_CreateWebinar{CreateWebinar: &controlpb.CreateWebinar{Id: "w", Link: "l", Title: "Tides", Owner: "host"}}})
		g := newStage("n1", 1, s, r, nil, nil, nil)
		ctx, stop := context.WithCancel(t.Context())
		var loudest []string
		done := make(chan struct{})
		go func() {
			defer close(done)
			g.Watch(ctx, "w", func(_ []sfu.Source, now []string) {
				s.mu.Lock()
				defer s.mu.Unlock()
				loudest = now
			})
		}()
		voices := make(map[string]*relay.Track)
		for _, name := range []string{"main", "a", "b", "c", "d", "e"} {
			s.claim(name, "p_"+name)
			held, _ := s.state.Webinar("w").Stream(name)
			track, err := r.Publish(wire.TrackID{Webinar: "w", Stream: name, Name: "audio"}, flows["audio"], held.Epoch, nil)
			if err != nil {
				t.Fatal(err)
			}
			voices[name] = track
			synctest.Wait()
		}
		heard := func() string {
			s.mu.Lock()
			defer s.mu.Unlock()
			return strings.Join(loudest, " ")
		}
		seq := byte(0)
		speak := func(d time.Duration, names ...string) {
			for ; d > 0; d -= 20 * time.Millisecond {
				seq++
				for _, name := range names {
					raw := append([]byte{0x80, 111, 0, seq, 0, 0, seq, 0, 0, 0, 0, 1}, "spoken"...)
					if err := voices[name].Write(0, raw, time.Now()); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(20 * time.Millisecond)
			}
			synctest.Wait()
		}
		speak(time.Second, "c", "e")
		if got := heard(); got != "c/audio e/audio" {
			t.Errorf("%q are heard", got)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if heard() != "" {
			t.Errorf("%v are heard after they have ended", heard())
		}
		speak(time.Second, "c")
		s.release("e")
		time.Sleep(time.Second)
		synctest.Wait()
		if heard() != "" {
			t.Errorf("%v are chosen where all are heard", heard())
		}
		stop()
		<-done
	})
}
