package node

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

func TestLayersStopFromTheTopDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var stopped []string
		note := func(name string) part {
			return part{name, func(ctx context.Context) error {
				<-ctx.Done()
				mu.Lock()
				defer mu.Unlock()
				stopped = append(stopped, name)
				return ctx.Err()
			}}
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- runLayers(ctx, []part{note("mesh")}, []part{note("store")}, []part{note("http")}) }()
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if want := []string{"http", "store", "mesh"}; !slices.Equal(stopped, want) {
			t.Errorf("stopped in the order %v, want %v", stopped, want)
		}
	})
}

func TestAPartThatFailsEndsTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("disk is gone")
		wait := func(ctx context.Context) error { <-ctx.Done(); return nil }
		for _, layer := range []int{0, 1} {
			layers := [][]part{{{"mesh", wait}}, {{"store", wait}}, {{"http", wait}}}
			layers[layer] = append(layers[layer], part{"log", func(context.Context) error { return broken }})
			if err := runLayers(t.Context(), layers...); !errors.Is(err, broken) {
				t.Errorf("layer %d: runLayers = %v, want the part's error", layer, err)
			}
		}
	})
}

func TestAPartThatEndsByItselfIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := runLayers(t.Context(), []part{{"gossip", func(context.Context) error { return nil }}})
		if err == nil || err.Error() != "gossip: ended by itself" {
			t.Errorf("runLayers = %v", err)
		}
	})
}
