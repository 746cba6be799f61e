package relay

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"stentor/relay/wire"
)

// A feed gives one track to one child: it makes sure that this node has the track (and so passes the demand on), tells
// the child about it, and runs a sender for each layer that the child wants.
type feed struct {
	link   *link
	alias  uint64
	id     wire.TrackID
	ctx    context.Context
	cancel context.CancelFunc
	poked  chan struct{}
	let    chan struct{} // closed when the child is let go
	freed  bool          // it was; guarded by Relay.mu

	mu     sync.Mutex // guards the following
	wants  []wire.Want
	paused bool   // the child keeps this node as standby; what it wants all the same it gets
	track  *Track // nil until the child is accepted
}

// newFeed returns the feed that m asks for. link.mu is held.
func newFeed(l *link, m wire.Subscribe) *feed {
	f := &feed{link: l, alias: m.Alias, id: m.ID, poked: make(chan struct{}, 1), let: make(chan struct{})}
	f.ctx, f.cancel = context.WithCancel(l.ctx)
	f.want(m)
	return f
}

// want changes what the child gets.
func (f *feed) want(m wire.Subscribe) {
	f.mu.Lock()
	f.wants, f.paused = m.Wants, m.Paused
	f.mu.Unlock()
	f.poke()
}

// poke makes the feed look at everything again.
func (f *feed) poke() {
	select {
	case f.poked <- struct{}{}:
	default:
	}
}

// keyFrame passes a child's request on.
func (f *feed) keyFrame(layer int) {
	f.mu.Lock()
	t := f.track
	f.mu.Unlock()
	if t != nil {
		t.RequestKeyFrame(layer)
	}
}

func (f *feed) run() {
	defer f.forget()
	defer f.cancel()
	r, peer := f.link.relay, f.link.peer
	if code, ok := r.admits(f); !ok {
		f.link.refuse(f.alias, code)
		return
	}
	wait, cancel := context.WithTimeout(f.ctx, trackWait)
	sub, err := r.subscribe(wait, f.id, peer, f.standby())
	cancel()
	if err != nil {
		if f.ctx.Err() == nil {
			f.link.refuse(f.alias, wire.CodeNotFound)
		}
		return
	}
	defer sub.Close()
	t := sub.Track()
	if t.info.Kind == wire.Data && f.link.speaks() < 2 { // to such a child there is none
		f.link.refuse(f.alias, wire.CodeNotFound)
		return
	}
	f.mu.Lock()
	f.track = t
	f.mu.Unlock()
	f.serve(t, sub)
}

func (f *feed) forget() {
	f.link.mu.Lock()
	defer f.link.mu.Unlock()
	if f.link.feeds[f.alias] == f {
		delete(f.link.feeds, f.alias)
	}
}

// serve feeds the child until either side has enough.
func (f *feed) serve(t *Track, sub *Subscription) {
	var senders sync.WaitGroup
	running := map[uint8]*sending{}
	defer senders.Wait()
	defer f.cancel()
	defer f.untold(sub.entry)
	var told *way
	for {
		moved := t.moved.wait()
		if f.isFree() {
			f.part(true, wire.CodeLost)
			return
		}
		if w := t.way.Load(); w != told {
			if slices.Contains(w.path, f.link.peer) {
				f.part(told != nil, wire.CodeLoop)
				return
			}
			if !f.tells(t, w, sub.entry) {
				continue // there is another way, or the child is let go, which the next look finds
			}
			if f.accept(t, w) != nil {
				return
			}
			told = w
		}
		sub.stands(f.standby())
		if err := f.arrange(t, running, &senders); err != nil {
			return
		}
		select {
		case <-f.ctx.Done():
			return
		case <-f.let:
		case <-f.poked:
		case <-moved:
		case <-t.done:
			senders.Wait() // they send what is in the ring, until the child has it or leaves; frames have their deadlines
			f.part(true, endCode(t.Err()))
			return
		}
	}
}

func endCode(err error) wire.Code {
	switch {
	case errors.Is(err, ErrSuperseded):
		return wire.CodeSuperseded
	case errors.Is(err, ErrLost):
		return wire.CodeLost
	}
	return wire.CodeEnded
}

// part tells the child that there is nothing (more) for it.
func (f *feed) part(accepted bool, code wire.Code) {
	if f.ctx.Err() != nil {
		return
	}
	if accepted {
		_ = f.link.send(wire.Gone{Alias: f.alias, Code: code})
	} else {
		f.link.refuse(f.alias, code)
	}
}

func (f *feed) accept(t *Track, w *way) error {
	return f.link.send(wire.Accept{
		Alias: f.alias, Epoch: t.epoch, Instance: t.instance,
		Delay: uint64(w.delay / time.Microsecond), Path: w.path, Info: t.info,
	})
}

// A sending is a sender at work.
type sending struct {
	ctx    context.Context
	cancel context.CancelFunc
	over   chan struct{} // closed when it has ended
}

// ended reports whether the sender was stopped and is gone.
func (s *sending) ended() bool {
	select {
	case <-s.over:
		return s.ctx.Err() != nil
	default:
		return false
	}
}

// arrange starts and stops senders, so that they are what the child wants. A layer gets another sender when the one before
// is gone, however often the child changes its mind.
func (f *feed) arrange(t *Track, running map[uint8]*sending, senders *sync.WaitGroup) error {
	f.mu.Lock()
	wants := f.wants
	f.mu.Unlock()
	for layer, s := range running {
		if !slices.ContainsFunc(wants, func(w wire.Want) bool { return w.Layer == layer }) {
			s.cancel()
		}
		if s.ended() {
			delete(running, layer)
		}
	}
	for _, w := range wants {
		if running[w.Layer] != nil {
			continue // one that was stopped pokes when it is gone
		}
		if int(w.Layer) >= len(t.layers) {
			return f.link.blame("layer", errors.New("wants a layer that the track does not have"))
		}
		running[w.Layer] = f.send(t, w, senders)
	}
	return nil
}

// send starts a sender of a layer.
func (f *feed) send(t *Track, w wire.Want, senders *sync.WaitGroup) *sending {
	s := &sending{over: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(f.ctx)
	snd := newSender(f, t, int(w.Layer), t.readerFrom(int(w.Layer), w.From))
	t.senders.Add(1)
	senders.Go(func() {
		snd.run(s.ctx)
		t.senders.Add(-1)
		close(s.over)
		f.poke()
	})
	return s
}
