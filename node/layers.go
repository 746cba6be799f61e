package node

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// A part is something long-lived of a node: its Run, and what to call it when it
// fails.
type part struct {
	name string
	run  func(ctx context.Context) error
}

// runLayers runs parts until ctx is done or one of them ends, and returns when
// all have. The first layer is the lowest: it is started first and stopped last,
// once everything above it has let go.
func runLayers(ctx context.Context, layers ...[]part) error {
	if len(layers) == 0 {
		<-ctx.Done()
		return nil
	}
	ctx, stop := context.WithCancelCause(ctx) // the whole stack from here up
	defer stop(nil)
	// This layer outlives ctx: it stops when those above it have returned.
	lower, release := context.WithCancel(context.WithoutCancel(ctx))
	defer release()
	var g errgroup.Group
	for _, p := range layers[0] {
		g.Go(func() error {
			err := p.run(lower)
			switch {
			case lower.Err() != nil && (err == nil || errors.Is(err, context.Canceled)):
				return nil // it was asked to stop
			case err == nil:
				err = errors.New("ended by itself")
			}
			err = fmt.Errorf("%s: %w", p.name, err)
			stop(err)
			return err
		})
	}
	above := runLayers(ctx, layers[1:]...)
	release()
	return errors.Join(above, g.Wait())
}
