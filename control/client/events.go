package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
)

// Pauses before a broken stream of events is opened again: the first one, which
// doubles, and the longest.
const (
	firstPause = 500 * time.Millisecond
	longPause  = 15 * time.Second
)

// Watching says how to follow events.
type Watching struct {
	// After is the id of the last event that is known: [Event.Index] in decimal.
	// Empty: from now on.
	After string
	// Lost is told why the stream broke, and after which pause it is opened
	// again. It may be nil.
	Lost func(err error, pause time.Duration)
}

// Events follows what happens in a webinar until ctx is done. A stream that breaks
// or falls silent is opened again where it ended; an event of the type "reset"
// says that this was too long ago, and that lists have to be read anew. The
// iteration ends with the first error that another try does not mend, among
// them that the first one reached no server.
func (c *Client) Events(ctx context.Context, id string, w Watching) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		f := follower{after: w.After, pause: firstPause, yield: yield}
		for {
			err := c.follow(ctx, id, &f)
			switch {
			case f.stopped:
				return
			case ctx.Err() != nil:
				yield(Event{}, fmt.Errorf("client: %w", ctx.Err()))
				return
			case !f.mends(err):
				yield(Event{}, err)
				return
			}
			pause := max(f.pause, f.asked)
			if w.Lost != nil {
				w.Lost(err, pause)
			}
			f.pause = min(2*f.pause, longPause)
			timer := time.NewTimer(pause)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
			}
		}
	}
}

// follower is one iteration over events, across the streams that carry them.
type follower struct {
	after   string
	opened  bool          // a stream was open once
	pause   time.Duration // before the next try
	asked   time.Duration // by the server
	stopped bool          // nobody listens any more
	yield   func(Event, error) bool
}

// mends reports whether another try may mend err: anything that happens to
// connections and servers, but not a refusal.
func (f *follower) mends(err error) bool {
	var refused *Problem
	if errors.As(err, &refused) {
		f.asked = refused.RetryAfter
		return f.opened && (refused.Status >= 500 || refused.Status == 429)
	}
	return f.opened
}

// errStreamEnded means that the server ended the stream, as one that shuts down.
var errStreamEnded = errors.New("client: the server has ended the stream")

// follow reads one stream until its end.
func (c *Client) follow(ctx context.Context, id string, f *follower) error {
	var options []CallOption
	if f.after != "" {
		options = append(options, lastEvent(f.after))
	}
	body, err := c.openStream(ctx, path("webinars", id, "events"), "text/event-stream", options...)
	if err != nil {
		return err
	}
	defer body.Close()
	f.opened = true
	messages := newMessages(body)
	for {
		m, err := messages.next()
		f.asked = messages.retry
		if messages.lastID != "" {
			f.after = messages.lastID
		}
		if errors.Is(err, io.EOF) {
			return errStreamEnded
		}
		if err != nil {
			return &UnreachableError{Server: c.Server(), Err: err}
		}
		f.pause = firstPause // it works
		e := Event{Type: m.event}
		if err := json.Unmarshal(m.data, &e); err != nil {
			f.opened = false // another try would bring the same
			return fmt.Errorf("client: an event is not the control API's: %w", err)
		}
		if !f.yield(e, nil) {
			f.stopped = true
			return nil
		}
	}
}

// lastEvent makes a stream begin after an event.
func lastEvent(id string) CallOption { return header("Last-Event-ID", id) }
