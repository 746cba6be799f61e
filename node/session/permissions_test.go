package session

import (
	"testing"
	"testing/synctest"

	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// everything is what a participant can be allowed, in one word each.
func everything(s Situation) map[webinar.What]bool {
	return map[webinar.What]bool{
		webinar.Audio: s.Audio, webinar.Video: s.Video, webinar.Messages: s.Messages, webinar.Files: s.Files, webinar.Images: s.Images,
	}
}

func TestS36PermissionsOfGuestsChangeLive(t *testing.T) {
	all := controlpb.Permissions{Audio: true, Video: true, Messages: true, Files: true, Images: true}
	for _, c := range []struct {
		name string
		what webinar.What
		off  func(p *controlpb.Permissions)
	}{
		{"S36 audio", webinar.Audio, func(p *controlpb.Permissions) { p.Audio = false }},
		{"S37 video", webinar.Video, func(p *controlpb.Permissions) { p.Video = false }},
		{"S38 messages", webinar.Messages, func(p *controlpb.Permissions) { p.Messages = false }},
		{"S39 files", webinar.Files, func(p *controlpb.Permissions) { p.Files = false }},
		{"S40 images and GIFs", webinar.Images, func(p *controlpb.Permissions) { p.Images = false }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEdge(t, "")
				e.run(t)
				e.edit(&controlpb.Settings{Mode: "all-on-screen", Guests: proto.CloneOf(&all)}, "mode", "guests")
				_, guest := e.enter(t, Knock{Name: "Ada"}, Publish)
				_, presenter := e.enter(t, Knock{Invite: secret}, Publish)
				synctest.Wait()
				for what, may := range everything(guest.Situation()) {
					if !may {
						t.Errorf("before: a guest may not send %s", what)
					}
				}
				p := proto.CloneOf(&all)
				c.off(p)
				e.edit(&controlpb.Settings{Guests: p}, "guests") // S43: live
				synctest.Wait()
				for what, may := range everything(guest.Situation()) {
					if may != (what != c.what) {
						t.Errorf("off: %s is %v for a guest", what, may)
					}
				}
				for what, may := range everything(presenter.Situation()) {
					if !may {
						t.Errorf("off: a presenter may not send %s", what)
					}
				}
				audio, video := guest.Media()
				if audio != (c.what != webinar.Audio) || video != (c.what != webinar.Video) {
					t.Errorf("S44 the ingest is told audio %v, video %v", audio, video)
				}
				select {
				case <-guest.Changed():
				default:
					t.Error("the page is not told")
				}
				e.edit(&controlpb.Settings{Guests: proto.CloneOf(&all)}, "guests")
				synctest.Wait()
				if now := guest.Situation(); !everything(now)[c.what] || ended(guest) != "admitted" {
					t.Errorf("on again: %+v, %s", now, ended(guest))
				}
			})
		})
	}
}

func TestS41WithEverythingOffAGuestOnlyListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, "")
		e.run(t)
		e.edit(&controlpb.Settings{Mode: "all-on-screen", Guests: &controlpb.Permissions{}}, "mode", "guests")
		_, guest := e.enter(t, Knock{Name: "Ada"}, Watch)
		for what, may := range everything(guest.Situation()) {
			if may {
				t.Errorf("a passive listener may send %s", what)
			}
		}
		g, err := e.Join(ctx, link, Knock{Name: "Bob"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Open(ctx, link, g.Token, home, Publish); code(err) != "not_allowed" {
			t.Errorf("S44 a passive listener publishes: %v", err)
		}
	})
}

func TestS70HostsStopMediaLive(t *testing.T) {
	for _, c := range []struct {
		name         string
		change       *controlpb.SetParticipant
		audio, video bool
	}{
		{"S70 audio", &controlpb.SetParticipant{StopAudio: yes}, false, true},
		{"S71 video", &controlpb.SetParticipant{StopVideo: yes}, true, false},
		{"S72 both, of a presenter too", &controlpb.SetParticipant{StopAudio: yes, StopVideo: yes}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEdge(t, "")
				e.run(t)
				g, s := e.enter(t, Knock{Invite: secret}, Publish)
				e.participant(g.Participant, c.change)
				synctest.Wait()
				if audio, video := s.Media(); audio != c.audio || video != c.video {
					t.Errorf("received: audio %v, video %v", audio, video)
				}
				if now := s.Situation(); now.StopAudio == c.audio || now.StopVideo == c.video {
					t.Errorf("the page is told %+v", now)
				}
				again, err := e.Open(ctx, link, g.Token, home, Publish)
				if err != nil {
					t.Fatal(err)
				}
				if audio, video := again.Media(); audio != c.audio || video != c.video {
					t.Errorf("a new connection gets around it: audio %v, video %v", audio, video)
				}
				e.participant(g.Participant, &controlpb.SetParticipant{StopAudio: no, StopVideo: no})
				synctest.Wait()
				if audio, video := s.Media(); !audio || !video || ended(s) != "admitted" {
					t.Errorf("S72 allowed again: audio %v, video %v, %s", audio, video, ended(s))
				}
			})
		})
	}
}

func TestS21RoleAndStageChangeLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, "")
		e.run(t)
		g, events := e.enter(t, Knock{Name: "Ada"}, Events)
		if _, err := e.Open(ctx, link, g.Token, home, Publish); code(err) != "not_allowed" {
			t.Fatalf("S5 the audience publishes: %v", err)
		}
		e.participant(g.Participant, &controlpb.SetParticipant{Hand: yes})
		synctest.Wait()
		if !events.Situation().Hand {
			t.Error("the hand is not up")
		}
		e.participant(g.Participant, &controlpb.SetParticipant{Stage: yes})
		synctest.Wait()
		if now := events.Situation(); !now.Stage || !now.Audio || !now.Video {
			t.Errorf("on the stage: %+v", now)
		}
		pub, err := e.Open(ctx, link, g.Token, home, Publish)
		if err != nil {
			t.Fatalf("on the stage: %v", err)
		}
		synctest.Wait()
		e.participant(g.Participant, &controlpb.SetParticipant{Stage: no})
		synctest.Wait()
		if ended(pub) != "off_stage" || ended(events) != "admitted" {
			t.Errorf("off the stage: publisher %s, events %s", ended(pub), ended(events))
		}
		e.participant(g.Participant, &controlpb.SetParticipant{Role: proto.String("moderator")})
		synctest.Wait()
		if now := events.Situation(); now.Role != webinar.Moderator || !now.Audio {
			t.Errorf("as a moderator: %+v", now)
		}
		fresh, err := e.Refresh(ctx, g.Token, home)
		if err != nil || fresh.Role != webinar.Moderator {
			t.Errorf("a new token says %s, %v", fresh.Role, err)
		}
		if b, err := e.Bearer(ctx, fresh.Token, home); err != nil || !e.now().Webinar(webinarID).May(b.Standing, webinar.Control) {
			t.Errorf("the control API sees %+v, %v", b, err)
		}
		if in := e.Sessions(webinarID); len(in) != 1 || in[0].Role != webinar.Moderator {
			t.Errorf("the roster says %+v", in)
		}
	})
}

// TestS44AStopDuringTheOpeningIsNotMissed changes the state behind each of the looks
// that Open takes, and has Run see the change before Open goes on.
func TestS44AStopDuringTheOpeningIsNotMissed(t *testing.T) {
	e := newEdge(t, "")
	g, err := e.Join(ctx, link, Knock{Invite: secret})
	if err != nil {
		t.Fatal(err)
	}
	for at := 1; ; at++ {
		e.participant(g.Participant, &controlpb.SetParticipant{StopAudio: no})
		looks := 0
		e.cfg.State = func() State {
			state := e.replica.now()
			if looks++; looks == at {
				e.participant(g.Participant, &controlpb.SetParticipant{StopAudio: yes})
				e.sweep(ctx, map[string]*webinar.Webinar{}, nil)
			}
			return state
		}
		s, err := e.Open(ctx, link, g.Token, home, Publish)
		if err != nil {
			t.Fatal(err)
		}
		if audio, _ := s.Media(); audio && looks >= at {
			t.Errorf("a stop behind look %d of %d is missed", at, looks)
		}
		e.cfg.State = e.replica.now
		s.End()
		if looks < at {
			return
		}
	}
}
