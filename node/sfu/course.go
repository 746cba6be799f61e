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
	ctx     context.Context // of the viewer, with this source
	leave   func()          // ends the demand
	track   *relay.Track
	layers  int       // of the track
	svc     *thinning // its one layer may have several in it; nil: not
	layer   int       // that is read
	reader  *relay.Reader
	next    *turning // to another layer; nil: none
	skips   uint64
	before  uint64 // packets that the viewer had when it began
	move    int    // of the forward's source
	unwatch func() bool

	// The following belong to the shard.
	mail    *mail
	crowd   *crowd // nil: over
	place   int    // in the crowd
	ended   bool   // the track gets no more
	due     time.Time
	stepped time.Time // when it last had its turn
}

// seek waits until the source is there and begins a course through it. It is where a
// forward spends the time in which it has no track.
func (f *forward) seek(ctx context.Context, src Source, move int) {
	for ctx.Err() == nil {
		sub, err := src.Subscribe(ctx)
		if err == nil {
			if err = f.set(ctx, sub, move); err == nil {
				return
			}
			sub.Close()
		}
		if ctx.Err() == nil {
			f.viewer.peer.sfu.log.Debug("a source is not there", "source", src.Name, "err", err)
		}
		f.breathe(ctx)
	}
}

// breathe waits before a source that is gone is asked for again: soon, then less often.
func (f *forward) breathe(ctx context.Context) {
	f.mu.Lock()
	pause := max(f.retry, firstPause)
	f.retry = min(2*pause, lastPause)
	f.mu.Unlock()
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

const (
	firstPause = 20 * time.Millisecond
	lastPause  = 2 * time.Second
)

// set begins a course through a track, as soon as media can flow.
func (f *forward) set(ctx context.Context, sub *relay.Subscription, move int) error {
	track := sub.Track()
	peer := f.viewer.peer
	if !f.same(track.Info()) {
		if f.chosen.source >= 0 {
			peer.close(errCodecChanged)
		}
		return errCodecChanged
	}
	select {
	case <-peer.connected:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := f.attach(); err != nil {
		return err
	}
	f.settle()
	layer, ok := f.begin(track, move)
	if !ok {
		return errMovedOn
	}
	c := &course{
		forward: f, ctx: ctx, move: move, leave: sub.Close, track: track, before: f.snapshot().Packets,
		layers: track.Info().LayerCount(), layer: layer,
		reader: track.Reader(layer), // at the newest key frame
	}
	f.mu.Lock()
	if f.moves == move {
		c.svc = f.svc
	}
	f.mu.Unlock()
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
	f.gather(c.mail)
	defer f.gather(nil)
	if f.moves != c.move {
		return 0, errMovedOn
	}
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
		if i%(2*maxBatch) == 0 { // often enough: a batch takes a fraction of a millisecond
			f.yield(c)
			if f.moves != c.move {
				return 0, errMovedOn
			}
			now = f.now()
		}
	}
}

// yield lets others at the forward who have something to repair.
func (f *forward) yield(c *course) {
	if c.mail != nil {
		c.mail.send() // before what they flush
	}
	f.gather(nil)
	f.mu.Unlock()
	f.mu.Lock()
	f.gather(c.mail)
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
	f.metrics.on(c.shown(), -1)
	c.leave()
	f.mu.Lock()
	if f.snapshot().Packets > c.before {
		f.retry = 0
	}
	src, stays := f.source, f.moves == c.move
	f.mu.Unlock()
	if stays && c.ctx.Err() == nil && !errors.Is(err, errHungUp) {
		f.viewer.peer.run(func() {
			f.breathe(c.ctx)
			f.seek(c.ctx, src, c.move)
		})
	}
	f.viewer.peer.release()
}
