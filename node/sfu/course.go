package sfu

import (
	"context"
	"errors"
	"io"
	"time"

	"stentor/relay"
)

// A course is one forward's way through one track: from the subscription to the end of
// the track or of the viewer. It belongs to a shard.
type course struct {
	forward *forward
	ctx     context.Context // of the viewer
	leave   func()          // ends the demand
	track   *relay.Track
	layers  int // of the track
	layer   int // that is read
	reader  *relay.Reader
	next    *turning // to another layer; nil: none
	skips   uint64
	before  uint64 // packets that the viewer had when it began
	unwatch func() bool

	// The following belong to the shard.
	crowd   *crowd // nil: over
	place   int    // in the crowd
	ended   bool   // the track gets no more
	due     time.Time
	stepped time.Time // when it last had its turn
}

// seek waits until the source is there and begins a course through it. It is where a
// forward spends the time in which it has no track.
func (f *forward) seek(ctx context.Context) {
	for ctx.Err() == nil {
		sub, err := f.source.Subscribe(ctx)
		if err == nil {
			if err = f.set(ctx, sub); err == nil {
				return
			}
			sub.Close()
		}
		if ctx.Err() == nil {
			f.viewer.peer.sfu.log.Debug("a source is not there", "source", f.source.Name, "err", err)
		}
		f.breathe(ctx)
	}
}

// breathe waits before a source that is gone is asked for again: soon, then less often.
func (f *forward) breathe(ctx context.Context) {
	f.retry = max(f.retry, firstPause)
	select {
	case <-ctx.Done():
	case <-time.After(f.retry):
	}
	f.retry = min(2*f.retry, lastPause)
}

const (
	firstPause = 20 * time.Millisecond
	lastPause  = 2 * time.Second
)

// set begins a course through a track, as soon as media can flow.
func (f *forward) set(ctx context.Context, sub *relay.Subscription) error {
	track := sub.Track()
	peer := f.viewer.peer
	if !f.same(track.Info()) {
		peer.close(errCodecChanged)
		return errCodecChanged
	}
	select {
	case <-peer.connected:
	case <-ctx.Done():
		return ctx.Err()
	}
	f.settle()
	layer := f.begin(track)
	c := &course{
		forward: f, ctx: ctx, leave: sub.Close, track: track, before: f.snapshot().Packets,
		layers: track.Info().LayerCount(), layer: layer,
		reader: track.Reader(layer), // at the newest key frame
	}
	f.metrics.on(layer, 1)
	if !peer.hold() {
		c.reader.Close()
		f.metrics.on(layer, -1)
		return errHungUp
	}
	s := f.shard()
	c.unwatch = context.AfterFunc(ctx, func() { s.leave(c) })
	s.join(c)
	return nil
}

// shard returns the shard of this forward's courses: one of the node's, or one of its
// own where a write may wait for the network.
func (f *forward) shard() *shard {
	f.mu.Lock()
	waits := f.sender != nil && f.sender.waits()
	f.mu.Unlock()
	if !waits {
		return lightest(f.viewer.peer.sfu.shards)
	}
	s := newShard()
	go s.run(context.Background(), true) // to the end of its one course, which the peer waits for
	return s
}

// carry sends what the ring has, up to the next pause that the pacer wants, which it
// returns. An error is the end of the course.
func (f *forward) carry(c *course) (time.Duration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	c.stepped = now
	f.look(c, now)
	for i := 1; ; i++ {
		if c.next != nil && c.next.ready(f, c, now) {
			c.turn(now)
		}
		p := c.reader.Try()
		if p == nil { // all sent for now
			f.flush()
			f.pad(now)
			pause := f.takePause()
			if c.ended && pause == 0 {
				return 0, io.EOF
			}
			return pause, nil
		}
		if n := c.reader.Skips(); n != c.skips { // overtaken by the writer
			c.skips = n
			f.skipped()
		}
		if err := f.packet(c.track, p, now); err != nil {
			return 0, err
		}
		f.choice.whole = p.Marker
		if pause := f.takePause(); pause > 0 {
			return pause, nil
		}
		if i%maxBatch == 0 { // often enough: a batch takes a fraction of a millisecond
			f.mu.Unlock() // for who has something to repair
			f.mu.Lock()
			now = f.now()
		}
	}
}

func (f *forward) takePause() (pause time.Duration) {
	pause, f.pause = f.pause, 0
	return pause
}

// end lets go of the track. The viewer, if it is still there, looks for the next one.
func (c *course) end(err error) {
	f := c.forward
	c.unwatch()
	c.reader.Close()
	if c.next != nil {
		c.next.reader.Close()
	}
	f.metrics.on(c.layer, -1)
	c.leave()
	if f.snapshot().Packets > c.before {
		f.retry = 0
	}
	if c.ctx.Err() == nil && !errors.Is(err, errHungUp) {
		f.viewer.peer.run(func() {
			f.breathe(c.ctx)
			f.seek(c.ctx)
		})
	}
	f.viewer.peer.release()
}
