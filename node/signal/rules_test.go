package signal

import (
	"crypto/sha256"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
	"stentor/control/webinar"
	"stentor/node/session"
)

func (e *edge) edit(s *controlpb.Settings, mask ...string) {
	e.t.Helper()
	e.must(&controlpb.Command{Kind: &controlpb.Command_EditWebinar{EditWebinar: &controlpb.EditWebinar{Webinar: webinarID, Settings: s, Mask: mask}}})
}

func (e *edge) participant(id string, c *controlpb.SetParticipant) {
	e.t.Helper()
	c.Webinar, c.Participant = webinarID, id
	e.must(&controlpb.Command{Kind: &controlpb.Command_SetParticipant{SetParticipant: c}})
}

type granted struct {
	Token, Participant, Link, Webinar string
	Waiting                           bool
}

// join asks at the door and returns the grant, or the answer that there was instead.
func (e *edge) join(body string) (granted, reply) {
	e.t.Helper()
	r := e.do("POST", "/api/v1/door/"+link+"/join", body, "Content-Type", typeJSON)
	var g granted
	if r.status == http.StatusOK {
		if err := json.Unmarshal([]byte(r.body), &g); err != nil {
			e.t.Fatal(err)
		}
	}
	return g, r
}

func (e *edge) mustJoin(body string) granted {
	e.t.Helper()
	g, r := e.join(body)
	if r.status != http.StatusOK {
		e.t.Fatalf("%d %s", r.status, r.body)
	}
	return g
}

func (e *edge) read(t *testing.T, ws *websocket.Conn, kind string) message {
	t.Helper()
	var m message
	if err := wsjson.Read(t.Context(), ws, &m); err != nil || m.Type != kind {
		t.Fatalf("%+v %v, want %s", m, err, kind)
	}
	return m
}

// TestS33UnknownClosedAndLockedAnswerAlike compares whole answers, byte by byte.
func TestS33UnknownClosedAndLockedAnswerAlike(t *testing.T) {
	unknown, closed, locked := newEdge(t), newEdge(t), newEdge(t)
	unknown.must(&controlpb.Command{Kind: &controlpb.Command_RotateLink{RotateLink: &controlpb.RotateLink{Webinar: webinarID, Link: "zyxwvutsrqponmlkjihgfe"}}})
	closed.must(&controlpb.Command{Kind: &controlpb.Command_EndWebinar{EndWebinar: &controlpb.EndWebinar{Webinar: webinarID}}})
	locked.edit(&controlpb.Settings{Locked: true}, "locked")
	_, _, offer := camera(t)
	_, watch := screen(t)
	for _, c := range []struct {
		name, path, body, typ, bearer string
	}{
		{"S33 join with the right PIN", "/api/v1/door/" + link + "/join", `{"name":"Eve","pin":"` + pin + `"}`, typeJSON, ""},
		{"S33 join with a wrong one", "/api/v1/door/" + link + "/join", `{"name":"Eve","pin":"12121212"}`, typeJSON, ""},
		{"S33 join without", "/api/v1/door/" + link + "/join", `{"name":"Eve"}`, typeJSON, ""},
		{"S33 WHEP with the right PIN", "/whep/" + link, watch, typeSDP, pin},
		{"S33 WHEP with a wrong one", "/whep/" + link, watch, typeSDP, "12121212"},
		{"S33 WHIP with a wrong one", "/whip/" + link, offer, typeSDP, "12121212"},
		{"S33 WHIP with an invite that is none", "/whip/" + link, offer, typeSDP, "sti_none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var first reply
			for i, e := range []*edge{unknown, closed, locked} {
				header := []string{"Content-Type", c.typ}
				if c.bearer != "" {
					header = append(header, "Authorization", "Bearer "+c.bearer)
				}
				r := e.do("POST", c.path, c.body, header...)
				r.header.Del("Date")
				if i == 0 {
					first = r
				}
				if r.status != http.StatusNotFound || r.status != first.status || r.body != first.body || !maps.EqualFunc(r.header, first.header, slices.Equal) {
					t.Errorf("door %d answers %d %v %s, the first %d %v %s", i, r.status, r.header, r.body, first.status, first.header, first.body)
				}
			}
		})
	}
	for i, e := range []*edge{unknown, closed, locked} {
		if m := e.read(t, e.events(t, pin), "removed"); m.Code != "not_found" {
			t.Errorf("door %d says %+v to an events connection", i, m)
		}
	}
}

func TestS7TheLobbyOverHTTP(t *testing.T) {
	e := newEdge(t)
	e.publish(t)
	e.edit(&controlpb.Settings{Lobby: "guests"}, "lobby")
	g := e.mustJoin(`{"name":"Ada","pin":"` + pin + `"}`)
	if !g.Waiting || g.Link != "" || g.Webinar != webinarID {
		t.Errorf("%+v", g)
	}
	ws := e.events(t, g.Token)
	if m := e.read(t, ws, "welcome"); !m.Waiting || m.Permissions == nil || m.Permissions.Messages {
		t.Errorf("%+v", m)
	}
	_, offer := screen(t)
	r := e.do("POST", "/whep/"+link, offer, asSDP, typeSDP, "Authorization", "Bearer "+g.Token)
	if r.status != http.StatusConflict || r.code != "in_lobby" || r.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", r.status, r.code)
	}
	e.must(&controlpb.Command{Kind: &controlpb.Command_AdmitVisitors{AdmitVisitors: &controlpb.AdmitVisitors{Webinar: webinarID, Participants: []string{g.Participant}}}})
	e.read(t, ws, "admitted")
	if m := e.read(t, ws, "permissions"); !m.Permissions.Messages || m.Permissions.Audio {
		t.Errorf("%+v", m)
	}
	if r := e.do("POST", "/whep/"+link, offer, asSDP, typeSDP, "Authorization", "Bearer "+g.Token); r.status != http.StatusCreated {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestS43ThePageHearsWhatItMaySend(t *testing.T) {
	e := newEdge(t)
	g := e.mustJoin(`{"name":"Ada","pin":"` + pin + `"}`)
	ws := e.events(t, g.Token)
	m := e.read(t, ws, "welcome")
	if want := (may{Messages: true, Files: true, Images: true}); *m.Permissions != want || m.OnStage || m.Role != "attendee" {
		t.Errorf("%+v %+v", m, m.Permissions)
	}
	e.edit(&controlpb.Settings{Guests: &controlpb.Permissions{Audio: true, Video: true}}, "guests")
	if m := e.read(t, ws, "permissions"); *m.Permissions != (may{}) {
		t.Errorf("%+v", m.Permissions)
	}
	e.participant(g.Participant, &controlpb.SetParticipant{Hand: proto.Bool(true)})
	if m := e.read(t, ws, "hand"); !m.Raised {
		t.Errorf("%+v", m)
	}
	e.participant(g.Participant, &controlpb.SetParticipant{Stage: proto.Bool(true), StopVideo: proto.Bool(true)})
	if m := e.read(t, ws, "permissions"); *m.Permissions != (may{Audio: true}) || *m.Stopped != (stopped{Video: true}) {
		t.Errorf("%+v %+v", m.Permissions, m.Stopped)
	}
	if m := e.read(t, ws, "stage"); !m.OnStage || m.Live == nil || *m.Live {
		t.Errorf("%+v", m)
	}
}

func TestNewsAreNoMoreThanTheChange(t *testing.T) {
	base := session.Situation{Role: webinar.Attendee, Live: true, Messages: true}
	for _, c := range []struct {
		name   string
		change func(s *session.Situation)
		want   []string
	}{
		{"nothing", func(*session.Situation) {}, nil},
		{"S36 a permission", func(s *session.Situation) { s.Audio = true }, []string{"permissions"}},
		{"S70 a stop", func(s *session.Situation) { s.StopAudio = true }, []string{"permissions"}},
		{"S21 a role", func(s *session.Situation) { s.Role = webinar.Moderator }, []string{"permissions"}},
		{"off air", func(s *session.Situation) { s.Live = false }, []string{"stage"}},
		{"to the stage", func(s *session.Situation) { s.Stage, s.Audio = true, true }, []string{"permissions", "stage"}},
		{"a hand", func(s *session.Situation) { s.Hand = true }, []string{"hand"}},
	} {
		now := base
		c.change(&now)
		var got []string
		for _, m := range news(base, now) {
			b, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			var w word
			if err := json.Unmarshal(b, &w); err != nil {
				t.Fatal(err)
			}
			got = append(got, w.Type)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	waiting := base
	waiting.Waiting = true
	if got := news(waiting, base); len(got) != 1 || got[0] != (word{"admitted"}) {
		t.Errorf("out of the lobby: %v", got)
	}
}

func TestS59ASecondDeviceOverHTTP(t *testing.T) {
	e := newEdge(t)
	hash := sha256.Sum256([]byte("str_ada"))
	e.must(&controlpb.Command{Kind: &controlpb.Command_ClearPin{ClearPin: &controlpb.ClearPIN{Webinar: webinarID}}})
	e.edit(&controlpb.Settings{Registration: &controlpb.Registration{Window: "always"}}, "registration")
	e.must(&controlpb.Command{Kind: &controlpb.Command_Register{Register: &controlpb.Register{Webinar: webinarID, Id: "r_1", Hash: hash[:], EmailHash: hash[:8], Sealed: []byte("x")}}})
	phone := e.mustJoin(`{"name":"Ada","registrant":"str_ada","device":"phone"}`)
	ws := e.events(t, phone.Token)
	e.read(t, ws, "welcome")
	if _, r := e.join(`{"name":"Ada","registrant":"str_ada","device":"laptop"}`); r.status != http.StatusConflict || r.code != "already_inside" {
		t.Fatalf("%d %s", r.status, r.code)
	}
	laptop := e.mustJoin(`{"name":"Ada","registrant":"str_ada","device":"laptop","takeover":true}`)
	if laptop.Participant != phone.Participant {
		t.Errorf("%s became %s", phone.Participant, laptop.Participant)
	}
	if m := e.read(t, ws, "removed"); m.Code != "superseded" {
		t.Errorf("%+v", m)
	}
	e.read(t, e.events(t, laptop.Token), "welcome")
}

func TestS7ATokenGoesOnAfterTheLinkWasRotated(t *testing.T) {
	e := newEdge(t)
	e.publish(t)
	g := e.mustJoin(`{"name":"Ada","pin":"` + pin + `"}`)
	e.must(&controlpb.Command{Kind: &controlpb.Command_RotateLink{RotateLink: &controlpb.RotateLink{Webinar: webinarID, Link: "zyxwvutsrqponmlkjihgfe"}}})
	ws := e.events(t, g.Token) // by the old link
	if m := e.read(t, ws, "welcome"); !*m.Live {
		t.Errorf("%+v", m)
	}
	r := e.do("POST", "/api/v1/door/"+link+"/refresh", "", "Authorization", "Bearer "+g.Token)
	if r.status != http.StatusOK || !strings.Contains(r.body, "zyxwvutsrqponmlkjihgfe") {
		t.Errorf("%d %s", r.status, r.body)
	}
	_, offer := screen(t)
	if r := e.do("POST", "/whep/"+link, offer, asSDP, typeSDP, "Authorization", "Bearer "+g.Token); r.status != http.StatusCreated {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// TestS44WhatAGuestMayNotSendReachesNobody has a guest's own program send what the
// host has switched off: the page that would not send it is not there.
func TestS44WhatAGuestMayNotSendReachesNobody(t *testing.T) {
	e := newEdge(t)
	e.edit(&controlpb.Settings{Mode: "all-on-screen", Guests: &controlpb.Permissions{Audio: true}}, "mode", "guests")
	g := e.mustJoin(`{"name":"Mallory","pin":"` + pin + `"}`)
	pc, track, offer := camera(t)
	r := e.do("POST", "/whip/"+link, offer, asSDP, typeSDP, "Authorization", "Bearer "+g.Token)
	if r.status != http.StatusCreated {
		t.Fatalf("a guest who may send audio: %d %s", r.status, r.body)
	}
	connect(t, pc, r.body)
	viewer, watch := screen(t)
	got := make(chan byte, 4096)
	viewer.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			p, _, err := tr.ReadRTP()
			if err != nil {
				return
			}
			got <- p.Payload[len(p.Payload)-1]
		}
	})
	view := e.do("POST", "/whep/"+link, watch, asSDP, typeSDP, "Authorization", guest)
	if view.status != http.StatusCreated {
		t.Fatalf("%d %s", view.status, view.body)
	}
	connect(t, viewer, view.body)
	var n uint16
	send := func(mark byte) {
		t.Helper()
		n++
		err := track.WriteRTP(&rtp.Packet{
			Header:  rtp.Header{Version: 2, SequenceNumber: n, Timestamp: 3000 * uint32(n), Marker: true},
			Payload: []byte{0x10, 0x00, 0, 0, 0x9d, 0x01, 0x2a, 0, 15, 0x70, mark},
		})
		if err != nil {
			t.Error(err)
		}
	}
	for range 50 {
		send(1)
	}
	e.eventually(t, "the arrival of what goes no further", func() bool { return e.stopped() == 50 })
	// The change is live: the guest's own connection goes on.
	e.edit(&controlpb.Settings{Guests: &controlpb.Permissions{Audio: true, Video: true}}, "guests")
	var first byte
	e.eventually(t, "the picture that is allowed", func() bool {
		send(2)
		select {
		case first = <-got:
			return true
		default:
			return false
		}
	})
	if first != 2 {
		t.Error("what was sent without permission came through")
	}
	e.participant(g.Participant, &controlpb.SetParticipant{StopVideo: proto.Bool(true)})
	e.eventually(t, "the stop", func() bool {
		for len(got) > 0 {
			<-got
		}
		for range 10 {
			send(3)
		}
		return len(got) == 0
	})
	if !pubAlive(pc) {
		t.Error("S72 a stop ends the publisher's connection")
	}
}

func pubAlive(pc *webrtc.PeerConnection) bool {
	return pc.ConnectionState() == webrtc.PeerConnectionStateConnected
}

func TestS62TheRosterShowsWhoIsThere(t *testing.T) {
	e := newEdge(t)
	e.publish(t)
	pc, offer := screen(t)
	r := e.do("POST", "/whep/"+link, offer, asSDP, typeSDP, "Authorization", guest)
	if r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if n := len(e.door.Sessions(webinarID)); n > 2 {
		t.Errorf("%d are seen", n)
	}
	for _, s := range e.door.Sessions(webinarID) {
		if s.Use == "watch" {
			t.Error("a viewer is seen before media can flow")
		}
	}
	connect(t, pc, r.body)
	watching := func() int {
		n := 0
		for _, s := range e.door.Sessions(webinarID) {
			if s.Use == "watch" {
				n++
			}
		}
		return n
	}
	e.eventually(t, "the viewer in the roster", func() bool { return watching() == 1 })
	if r := e.do("DELETE", r.header.Get("Location"), ""); r.status != http.StatusOK {
		t.Fatal(r.status)
	}
	if watching() != 0 {
		t.Error("a viewer who has gone is seen")
	}
}
