package relay

import (
	"context"
	"sync"
	"time"

	"stentor/relay/wire"
)

const (
	// probeLeast is the least that a probe sends, where what is to come back has no rate at the moment.
	probeLeast = 1_000_000
	// probeMargin is how much more than what is to come back it sends: the window and the queue must have room for a key
	// frame too.
	probeMargin = 1.1
	// probeStep is how long the pieces are in which padding leaves.
	probeStep = 10 * time.Millisecond
	// padLeast is the version from which on a neighbour knows streams of padding.
	padLeast = 2
)

// A probe sends padding behind everything else, at the rate of what is to come back.
type probe struct {
	cancel context.CancelFunc
	over   sync.WaitGroup
}

// startProbe begins to send padding. To a neighbour that would not understand it nothing is sent: then the link is tried
// with the layer itself.
func (l *link) startProbe(rate uint64) *probe {
	ctx, cancel := context.WithTimeout(l.ctx, 2*probeFor)
	p := &probe{cancel: cancel}
	if l.speaks() >= padLeast {
		p.over.Go(func() { l.pad(ctx, float64(rate)*probeMargin/8) })
	}
	return p
}

// stop ends the probe, and returns when it is over.
func (p *probe) stop() {
	p.cancel()
	p.over.Wait()
}

// pad sends bytes that mean nothing, on one stream, until ctx is done. How long QUIC takes for them counts as being behind.
func (l *link) pad(ctx context.Context, bytesPerSecond float64) {
	stream, err := l.conn.OpenUniStream()
	if err != nil {
		return
	}
	defer stream.CancelWrite(codeLate) // what is lost of it stays lost
	stop := context.AfterFunc(ctx, func() { _ = stream.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	stream.SetPriority(urgentPadding, false)
	piece := make([]byte, 1+int(bytesPerSecond*probeStep.Seconds()))
	piece[0] = wire.Padding
	tick := time.NewTicker(probeStep)
	defer tick.Stop()
	for {
		began := time.Now()
		l.congestion.padding.Store(began.UnixNano())
		_, err := stream.Write(piece)
		l.congestion.padding.Store(0)
		if err != nil {
			return
		}
		l.congestion.waited(time.Since(began))
		l.relay.metrics.padding.Add(float64(len(piece)))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
