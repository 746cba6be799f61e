package nodetest

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"stentor/control/client"
	"stentor/relay"
	"stentor/relay/wire"
)

// opus is what a publisher sends; 20 ms a packet.
var opus = wire.TrackInfo{Kind: wire.Audio, Mime: "audio/opus", Clock: 48000, Channels: 2, PayloadType: 111}

const packetEvery = 20 * time.Millisecond

// talk writes packets into track until ctx is done.
func talk(ctx context.Context, t *testing.T, track *relay.Track) {
	for n := uint16(0); ctx.Err() == nil; n++ {
		p := make([]byte, 12, 60)
		p[0], p[1] = 0x80, opus.PayloadType
		binary.BigEndian.PutUint16(p[2:], n)
		binary.BigEndian.PutUint32(p[4:], uint32(n)*960)
		if err := track.Write(0, append(p, make([]byte, 48)...), time.Now()); err != nil {
			if ctx.Err() == nil && !errors.Is(err, io.EOF) && track.Err() == nil {
				t.Errorf("write: %v", err)
			}
			return
		}
		time.Sleep(packetEvery)
	}
}

// TestMediaCrossesTheMesh publishes at one node and listens at an edge: nothing is
// pulled before, the sound goes on while the leader dies, and a removed publisher is
// off the air everywhere.
func TestMediaCrossesTheMesh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(t)
		defer m.Stop()
		w := m.startWithWebinar()

		claim, err := m.Node("n3").Stage().Claim(bg, bid(w.ID, "p_presenter"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Node("n4").Stage().Claim(bg, bid(w.ID, "p_other")); code(err) != "stream_taken" {
			t.Errorf("a second publisher at another node: %v, want stream_taken", err)
		}
		track, err := claim.Track("audio", opus, func(int) {})
		if err != nil {
			t.Fatal(err)
		}
		ctx, hush := context.WithCancel(bg)
		done := make(chan struct{})
		go func() { defer close(done); talk(ctx, t, track) }()
		defer func() { hush(); <-done }()

		m.Eventually("n4 knows of the stream", func() bool {
			p, err := m.Node("n4").Door().Webinar(w.Link)
			return err == nil && p.Live
		})
		if n := m.carriers("n1", w.ID); n != 1 {
			t.Errorf("%d nodes carry the track before anybody listens, want the origin alone", n)
		}
		sources, err := m.Node("n4").Stage().Sources(bg, w.ID)
		if err != nil || len(sources) != 1 {
			t.Fatalf("sources at n4: %v %v", sources, err)
		}
		sub, err := sources[0].Subscribe(bg)
		if err != nil {
			t.Fatal(err)
		}
		defer sub.Close()
		r := sub.Track().Reader(0)
		defer r.Close()
		m.listens(t, r, 50)
		if n := m.carriers("n1", w.ID); n != 2 {
			t.Errorf("%d nodes carry the track while n4 listens, want 2", n)
		}

		m.Crash("n1") // the leader
		began, last := time.Now(), time.Now()
		for time.Since(began) < 5*time.Second {
			if _, err := r.Next(bg); err != nil {
				t.Fatalf("the sound ended with the leader: %v", err)
			}
			if gap := time.Since(last); gap > 2*packetEvery {
				t.Errorf("a gap of %v while the leader died", gap)
			}
			last = time.Now()
		}

		m.Call("n2", "POST", "/api/v1/webinars/"+w.ID+"/participants/p_presenter/disconnect", client.Disconnect{Ban: true}, nil)
		ended := time.Now()
		for err == nil {
			_, err = r.Next(bg)
		}
		if !errors.Is(err, io.EOF) || time.Since(ended) > time.Second {
			t.Errorf("the removed publisher was heard for %v, then: %v", time.Since(ended), err)
		}
		m.Eventually("the claim is lost", func() bool { return claim.Context().Err() != nil })
	})
}

// listens takes n packets.
func (m *Mesh) listens(t *testing.T, r *relay.Reader, n int) {
	t.Helper()
	for range n {
		if _, err := r.Next(bg); err != nil {
			t.Fatal(err)
		}
	}
}

// carriers is how many nodes carry the webinar's track, as the status at node says.
func (m *Mesh) carriers(node, webinar string) int {
	var s client.Status
	m.Call(node, "GET", "/api/v1/status", nil, &s)
	n := 0
	for _, t := range s.Tracks {
		if t.Webinar == webinar {
			n += len(t.Hops)
		}
	}
	return n
}
