package talk

import (
	"context"
	"time"

	"stentor/control/webinar"
	"stentor/relay/wire"
)

// trackOf is the track of a webinar's talk.
func trackOf(id string) wire.TrackID {
	return wire.TrackID{Webinar: id, Stream: webinar.TalkStream, Name: "log"}
}

// trackInfo is what its readers have to know.
var trackInfo = wire.TrackInfo{Kind: wire.Data, Mime: "application/json", Clock: 1000, PayloadType: 100}

// follow reads what the origin s tells, until it is another one, or gone.
func (r *room) follow(ctx context.Context, s webinar.Stream) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.talk.work.Go(func() { r.lookAfter(ctx, cancel, s) })
	sub, err := r.talk.cfg.Subscribe(ctx, trackOf(r.id))
	if err != nil {
		pause(ctx, retryAfter)
		return
	}
	defer sub.Close()
	if sub.Track().Epoch() != s.Epoch { // what is left of another origin
		pause(ctx, retryAfter)
		return
	}
	reader := sub.Track().Reader(0)
	defer reader.Close()
	told := NewState() // by this origin; nil once it has told all
	for {
		message, err := reader.Message(ctx)
		if err != nil {
			pause(ctx, retryAfter)
			return
		}
		entries := unpack(message)
		r.apply(entries)
		for _, e := range entries {
			if told != nil && e.Kind == Reign {
				r.offer(ctx, s.Origin, told)
				told = nil
			} else if told != nil {
				told.Apply(e)
			}
		}
	}
}

// lookAfter cancels the following of s once that is over.
func (r *room) lookAfter(ctx context.Context, cancel context.CancelFunc, s webinar.Stream) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		changed := r.talk.cfg.Changed()
		if !r.holds(s) || r.gone(s) || r.idle() {
			cancel()
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-tick.C:
		}
	}
}

// holds reports whether the state says that s holds the talk.
func (r *room) holds(s webinar.Stream) bool {
	w := r.talk.cfg.Webinar(r.id)
	if w == nil || w.State == webinar.Ended {
		return false
	}
	now, ok := w.Stream(webinar.TalkStream)
	return ok && now.Epoch == s.Epoch
}

// idle reports whether nobody was here for a while.
func (r *room) idle() bool {
	r.talk.mu.Lock()
	defer r.talk.mu.Unlock()
	return r.users <= 0 && r.talk.cfg.Now().Sub(r.left) >= linger
}

// offer tells a new origin what it has not told itself: the last words of the one before, which came here and not
// there, and what was said here while this node was cut off.
func (r *room) offer(ctx context.Context, origin string, told *State) {
	r.mu.Lock()
	more := r.state.Beyond(told)
	r.mu.Unlock()
	if len(more) == 0 {
		return
	}
	r.talk.cfg.Logger.Info("a new origin of the talk is told what it does not know", "webinar", r.id, "origin", origin, "entries", len(more))
	r.talk.work.Go(func() {
		for _, message := range pack(more) {
			for tries := 0; ; tries++ {
				if _, err := r.talk.ask(ctx, origin, question{Webinar: r.id, Offer: unpack(message)}); err == nil || tries == offers {
					break
				}
				pause(ctx, retryAfter)
			}
		}
	})
}

// offers is how often an origin is told again that did not answer. An origin that is gone for so long is followed by
// another, which is told too.
const offers = 5

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
