package signal

import (
	"net/http"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// TestAPublisherGoesOnWithItsClaim: the one before keeps the name, and sends, until the media of
// the one that resumes are here. Then it is superseded, and its page can resume no more.
func TestAPublisherGoesOnWithItsClaim(t *testing.T) {
	e := newEdge(t)
	pc, _, first := e.publish(t)
	epoch := first.header.Get(headerEpoch)
	if epoch == "" {
		t.Fatalf("no epoch in %v", first.header)
	}
	if r := e.do("GET", first.header.Get("Location"), ""); r.status != http.StatusNoContent || r.header.Get(headerEpoch) != epoch {
		t.Errorf("the session says %d %q, want %q", r.status, r.header.Get(headerEpoch), epoch)
	}
	gone := ended(pc)
	again, track, offer := camera(t)
	resume := func(what, query string, status int, code string) reply {
		t.Helper()
		r := e.do("POST", "/whip/"+link+"/main?resume="+query, offer, asSDP, typeSDP, "Authorization", host)
		if r.status != status || r.code != code {
			t.Fatalf("%s: %d %s, want %d %s", what, r.status, r.code, status, code)
		}
		return r
	}
	resume("an epoch that is no number", "last", 400, "query_invalid")
	resume("an epoch that is not the last one", "1", 409, "stream_taken")
	second := resume("its own", epoch, 201, "")
	at := second.header.Get("Location")
	if r := e.do("GET", at, ""); second.header.Get(headerEpoch) != "" || r.header.Get(headerEpoch) != "" {
		t.Error("it has a claim before it sends")
	}
	if held, ok := e.State().Webinar(webinarID).Stream("main"); !ok || pc.ConnectionState() != webrtc.PeerConnectionStateConnected {
		t.Errorf("the one before has the stream %+v and is %v", held, pc.ConnectionState())
	}
	connect(t, again, second.body)
	e.eventually(t, "it has a claim", func() bool {
		_ = track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2}, Payload: []byte{0x10, 0}})
		now := e.do("GET", at, "").header.Get(headerEpoch)
		return now != "" && now != epoch
	})
	wait(t, gone, "the end of the one before")
	e.eventually(t, "its session is forgotten", func() bool { return e.do("GET", first.header.Get("Location"), "").status == 404 })
	if p, _ := e.door.Webinar(link); !p.Live {
		t.Error("the end of the one before took the stream off the stage")
	}
	_, _, offer = camera(t)
	resume("the page of before", epoch, 409, "stream_taken")
}

// TestOneThatResumesAndGivesUpTakesNothing: a page whose media never come leaves the stream with
// whoever has it.
func TestOneThatResumesAndGivesUpTakesNothing(t *testing.T) {
	e := newEdge(t)
	pc, _, first := e.publish(t)
	_, _, offer := camera(t)
	second := e.do("POST", "/whip/"+link+"?resume="+first.header.Get(headerEpoch), offer, asSDP, typeSDP, "Authorization", host)
	if second.status != 201 {
		t.Fatalf("%d %s", second.status, second.body)
	}
	if r := e.do("DELETE", second.header.Get("Location"), ""); r.status != 200 {
		t.Errorf("%d", r.status)
	}
	if r := e.do("GET", first.header.Get("Location"), ""); r.status != http.StatusNoContent || pc.ConnectionState() != webrtc.PeerConnectionStateConnected {
		t.Errorf("the first publisher's session: %d, %v", r.status, pc.ConnectionState())
	}
	if p, _ := e.door.Webinar(link); !p.Live {
		t.Error("the stream left the stage")
	}
}

// TestADrainMovesPagesThatSend: they are told to go on elsewhere, and others are not.
func TestADrainMovesPagesThatSend(t *testing.T) {
	e := newEdge(t)
	presenter := e.mustJoin(`{"invite":"` + secret + `"}`)
	guest := e.mustJoin(`{"name":"Ada","pin":"` + pin + `"}`)
	_, _, offer := camera(t)
	r := e.do("POST", "/whip/"+link, offer, asSDP, typeSDP, "Authorization", "Bearer "+presenter.Token)
	if r.status != 201 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	sends, watches := e.events(t, presenter.Token), e.events(t, guest.Token)
	e.read(t, sends, "welcome")
	e.read(t, watches, "welcome")
	e.server.Move()
	e.read(t, sends, "move")
	e.server.Stay()
	if r := e.do("DELETE", r.header.Get("Location"), ""); r.status != 200 {
		t.Errorf("%d", r.status)
	}
	e.read(t, watches, "stage") // and nothing before that
}
