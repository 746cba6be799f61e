package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"stentor/bench/rig"
)

// TestS1SimulcastFromThePage publishes from the presenter's page in a browser that believes in
// eight cores, and sees the three sizes arrive at the node.
func TestS1SimulcastFromThePage(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the machine for itself: make e2e")
	}
	b, err := rig.OpenBrowser(context.Background())
	if errors.Is(err, rig.ErrNoBrowser) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	w := &world{t: t, binary: binary(t)}
	if w.Demo, err = rig.StartDemo(context.Background(), w.binary, "", "--no-stream", "--nodes", "1"); err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	presenter, err := b.Open(w.Presenter, 1440, 900)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := presenter.True("Object.defineProperty(navigator, 'hardwareConcurrency', { value: 8 }) === navigator"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	for _, css := range []string{"#join button[type=submit]", "stentor-publish .row .button", "#on-air:not([disabled])"} {
		if err := presenter.Click(css); err != nil {
			t.Fatalf("click on %s: %v", css, err)
		}
	}
	w.eventually(t, "S1 three sizes arrive at the node", func() (bool, error) {
		text, err := rig.Fetch(w.ctx(), "http://"+w.Nodes[n1].Metrics+"/metrics")
		n := 0
		for _, layer := range []string{"0", "1", "2"} {
			series := `stentor_sfu_layer_packets_in_total{layer="` + layer + `"} `
			if strings.Contains(text, series) && !strings.Contains(text, series+"0\n") {
				n++
			}
		}
		return n == 3, err
	})
	w.eventually(t, "S1 4K leaves the presenter's page", func() (bool, error) {
		return presenter.True("stentor.stats().then(s => s.outbound !== null && s.outbound.frameWidth === 3840)")
	})
}
