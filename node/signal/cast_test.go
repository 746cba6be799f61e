package signal

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/pion/webrtc/v4"
)

// TestThePageIsToldWhoIsInWhichSection has a second publisher come and go while a page with
// several sections watches: it hears by its events where each of them is.
func TestThePageIsToldWhoIsInWhichSection(t *testing.T) {
	e := newEdge(t)
	e.publish(t)
	ada := e.mustJoin(`{"name":"Ada","pin":"` + pin + `"}`)
	pc := client(t)
	for range 3 {
		if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	view := e.do("POST", "/whep/"+link, offerOf(t, pc), "Content-Type", typeSDP, "Authorization", "Bearer "+ada.Token)
	if view.status != 201 {
		t.Fatal(view)
	}
	ws := e.events(t, ada.Token)
	told := func(what string, want ...slot) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		for {
			kind, b, err := ws.Read(ctx)
			if err != nil || kind != websocket.MessageText {
				t.Fatalf("%s: %v", what, err)
			}
			var m shown
			if json.Unmarshal(b, &m) != nil || m.Type != "slots" || m.Session != view.header.Get("Location") {
				continue
			}
			if len(m.Slots) != len(want) {
				continue // on the way there
			}
			same := true
			for i, s := range m.Slots {
				s.Participant = ""
				same = same && s == want[i]
			}
			if same {
				return
			}
		}
	}
	main := slot{Mid: "0", Kind: "video", Stream: "main", Name: "Name of main"}
	told("what is there", main)

	second, _, offer := camera(t)
	two := e.do("POST", "/whip/"+link+"/second", offer, "Content-Type", typeSDP, "Authorization", "Bearer "+secret)
	connect(t, second, two.body)
	told("the second comes", main, slot{Mid: "1", Kind: "video", Stream: "second", Name: "Name of second"})
	if got := e.do("DELETE", two.header.Get("Location"), ""); got.status != 200 {
		t.Fatal(got)
	}
	told("the second goes", main)
}
