package sfu

import (
	"context"
	_ "embed"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"stentor/bench/rig"
)

//go:embed testdata/svc.html
var svcPage string

// A stand is a page that publishes a canvas as a scalable stream, and watches it.
type stand struct {
	*rig.Page
	stage *stage
	view  *Viewer
}

func newStand(t *testing.T, s *SFU) *stand {
	t.Helper()
	b, err := rig.OpenBrowser(context.Background())
	if errors.Is(err, rig.ErrNoBrowser) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	st := &stand{stage: newStage(t)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, svcPage) })
	mux.HandleFunc("POST /publish", func(w http.ResponseWriter, r *http.Request) {
		offer, _ := io.ReadAll(r.Body)
		p, err := s.Publish(context.WithoutCancel(r.Context()), string(offer), st.stage, nil)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, _ = io.WriteString(w, p.Answer())
	})
	mux.HandleFunc("POST /watch", func(w http.ResponseWriter, r *http.Request) {
		offer, _ := io.ReadAll(r.Body)
		v, err := s.View(context.WithoutCancel(r.Context()), string(offer), []Source{st.stage.source("video", st.stage.track("video").Info())})
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		st.view = v
		_, _ = io.WriteString(w, v.Answer())
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	if st.Page, err = b.Open(server.URL, 800, 600); err != nil {
		t.Fatal(err)
	}
	return st
}

// TestEndToEndAChromiumWatchesALayerOfAStream publishes VP9 in three sizes and three rates from a browser, and watches it in
// the same one: all of it, the smallest size, and all again. What it is sent must be what it can decode.
func TestEndToEndAChromiumWatchesALayerOfAStream(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the machine for itself: make e2e")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s, reg := newSFU(t)
	st := newStand(t, s)
	if ok, err := st.True("publish('" + webrtc.MimeTypeVP9 + "', 'L3T3_KEY')"); err != nil || !ok {
		t.Fatal("the browser does not take the mode: ", ok, err)
	}
	wait(t, st.stage.opened, "the track")
	if ok, err := st.True("watch()"); err != nil || !ok {
		t.Fatal(ok, err)
	}
	// decodes waits until the browser has decoded more pictures of that height.
	decodes := func(what string, lines float64) {
		t.Helper()
		if err := rig.Poll(ctx, 50*time.Millisecond, func() (bool, error) {
			now, err := st.Number("decoded().then(d => d.height)")
			return now == lines, err
		}); err != nil {
			t.Fatalf("%s: no picture of %v lines: %v", what, lines, err)
		}
		before, err := st.Number("decoded().then(d => d.frames)")
		if err != nil {
			t.Fatal(err)
		}
		if err := rig.Poll(ctx, 50*time.Millisecond, func() (bool, error) {
			now, err := st.Number("decoded().then(d => d.height === " + strconv.Itoa(int(lines)) + " ? d.frames : 0)")
			return now >= before+10, err
		}); err != nil {
			t.Fatalf("%s: the picture stands still: %v", what, err)
		}
	}
	decodes("at the beginning", 720)
	choose := func(w Wish) {
		t.Helper()
		if err := st.view.Choose(-1, w); err != nil {
			t.Fatal(err)
		}
	}
	choose(Wish{RID: "s0"})
	decodes("the smallest size", 180)
	choose(Wish{})
	decodes("all again", 720)
	if n := metric(t, reg, "layer_switches_total"); n < 2 {
		t.Errorf("%v switches counted", n)
	}
}
