package signal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

// A player's server-sent events (draft-ietf-wish-whep-03, section 4.9.1). What a feed
// tells is the difference between what its reader was told and what holds now, so that
// nothing waits in a queue and a slow reader misses only what is over.
const (
	tellActive    = "active"
	tellInactive  = "inactive"
	tellLayers    = "layers"
	tellReconnect = "reconnect"
	tellSlots     = "slots" // ours: who is in which section
	tellViewers   = "viewercount"
)

const (
	// maxFeeds bounds the feeds of one session: a player and who looks over its shoulder.
	maxFeeds = 4
	// lookEvery is how often a feed looks at what holds now. A page hears of the stage by
	// its own connection at once; a second is soon enough for a player.
	lookEvery = time.Second
	// countEvery is how often the viewers of a webinar are counted, once for all feeds.
	countEvery = 5 * time.Second
	// moveWithin is the time over which the players of a node that drains are told to go,
	// each at a moment of its own: the next nodes let in a few hundred a second each.
	moveWithin = 2 * time.Second
	// aliveEvery is how often a stream shows that it is there, to proxies that close what
	// is silent for a minute, and to itself that its reader is.
	aliveEvery = 15 * time.Second
	// feedWithin bounds one write to a reader.
	feedWithin = 10 * time.Second
)

// A feed is what one reader asked to be told.
type feed struct {
	kinds []string
	stop  context.CancelFunc // ends its reader; nil while there is none
}

// tells are the kinds of events that a resource can tell.
func (r *resource) tells() []string {
	if _, ok := r.conn.(layered); ok {
		return []string{tellActive, tellInactive, tellLayers, tellReconnect, tellSlots, tellViewers}
	}
	return []string{tellActive, tellInactive, tellReconnect, tellViewers}
}

// openFeed makes a feed of the kinds that the player names, or of all.
func (s *Server) openFeed(w http.ResponseWriter, r *http.Request) error {
	res, err := s.find(r)
	if err != nil {
		return err
	}
	kinds := res.tells()
	if r.ContentLength != 0 {
		text, err := body(w, r, maxJSON, typeJSON)
		if err != nil {
			return err
		}
		var asked []string
		if err := json.Unmarshal([]byte(text), &asked); err != nil {
			return problem{Status: http.StatusBadRequest, Code: "body_malformed", Detail: `Name the events in an array: ["active","viewercount"].`}
		}
		kinds = slices.DeleteFunc(kinds, func(k string) bool { return !slices.Contains(asked, k) })
	}
	id := randomText()
	if !res.addFeed(id, &feed{kinds: kinds}) {
		return problem{Code: "too_many_feeds", Detail: "This session has enough event streams. Delete one first."}
	}
	w.Header().Set("Location", res.at+"/sse/"+id)
	w.WriteHeader(http.StatusCreated)
	return nil
}

// addFeed reports false where there are enough.
func (r *resource) addFeed(id string, f *feed) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.feeds) >= maxFeeds {
		return false
	}
	if r.feeds == nil {
		r.feeds = make(map[string]*feed)
	}
	r.feeds[id] = f
	return true
}

// attach makes stop the end of the feed's one reader; an earlier one ends, which is
// what a page that reconnects has left behind.
func (r *resource) attach(id string, stop context.CancelFunc) (kinds []string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.feeds[id]
	if f == nil {
		return nil, false
	}
	if f.stop != nil {
		f.stop()
	}
	f.stop = stop
	return f.kinds, true
}

// dropFeed ends a feed at its player's wish.
func (s *Server) dropFeed(w http.ResponseWriter, r *http.Request) error {
	res, err := s.find(r)
	if err != nil {
		return err
	}
	res.mu.Lock()
	defer res.mu.Unlock()
	f := res.feeds[r.PathValue("feed")]
	if f == nil {
		return errNoSuchFeed
	}
	if f.stop != nil {
		f.stop()
	}
	delete(res.feeds, r.PathValue("feed"))
	w.WriteHeader(http.StatusOK)
	return nil
}

var errNoSuchFeed = problem{Status: http.StatusNotFound, Code: "feed_not_found", Detail: "There is no such event stream, or it has ended."}

// wholeFeed is the feed of those who read the address in the Link header itself, as one
// widespread player does.
const wholeFeed = "whole"

// readFeed serves a feed until its reader, the session or the node goes.
func (s *Server) readFeed(w http.ResponseWriter, r *http.Request) error {
	res, err := s.find(r)
	if err != nil {
		return err
	}
	id := r.PathValue("feed")
	if id == "" {
		id = wholeFeed
		res.addFeed(id, &feed{kinds: res.tells()})
	}
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	defer context.AfterFunc(res.ctx, stop)()
	kinds, ok := res.attach(id, stop)
	if !ok {
		return errNoSuchFeed
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would keep it
	w.WriteHeader(http.StatusOK)
	t := &telling{server: s, resource: res, kinds: kinds, out: w, viewers: -1}
	if err := t.run(ctx); err != nil {
		s.log.Debug("an event stream ended", "err", err)
	}
	return nil
}

// A telling is one reader of a feed, and what it was told.
type telling struct {
	server   *Server
	resource *resource
	kinds    []string
	out      http.ResponseWriter

	live    bool
	viewers int
	layers  string
	slots   string
}

func (t *telling) run(ctx context.Context) error {
	tick, alive := time.NewTicker(lookEvery), time.NewTicker(aliveEvery)
	defer tick.Stop()
	defer alive.Stop()
	if err := t.write(":\n\n"); err != nil { // a comment: the reader knows that it is heard
		return err
	}
	moving := t.server.moves()
	var move <-chan time.Time
	for {
		if err := t.look(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-alive.C:
			if err := t.write(":\n\n"); err != nil {
				return err
			}
		case <-moving:
			moving, move = nil, time.After(rand.N(moveWithin))
		case <-move:
			move = nil
			if to, ok := t.server.next(t.resource); ok {
				if err := t.tell(tellReconnect, map[string]string{"url": to}); err != nil {
					return err
				}
			}
		}
	}
}

// look tells what has changed.
func (t *telling) look() error {
	var err error
	if live := t.resource.sess.Situation().Live; live != t.live {
		t.live = live
		kind := tellInactive // never first: draft, section 4.9.1.2
		if live {
			kind = tellActive
		}
		err = t.tell(kind, struct{}{})
	}
	if l, ok := t.resource.conn.(layered); ok && err == nil {
		now := layersEvent(l.Layers())
		if b, _ := json.Marshal(now); string(b) != t.layers { // what cannot be marshalled is not told
			t.layers = string(b)
			err = t.tell(tellLayers, now)
		}
	}
	if _, ok := t.resource.conn.(slotted); ok && err == nil {
		now := slotsOf(t.resource)
		if b, _ := json.Marshal(now); string(b) != t.slots {
			t.slots = string(b)
			err = t.tell(tellSlots, now)
		}
	}
	if n := t.server.audience(t.resource.sess.Webinar); n != t.viewers && err == nil {
		t.viewers = n
		err = t.tell(tellViewers, map[string]int{"viewercount": n})
	}
	return err
}

// tell writes one event, its data on one line, if the reader asked for its kind.
func (t *telling) tell(kind string, data any) error {
	if !slices.Contains(t.kinds, kind) {
		return nil
	}
	b, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("signal: %w", err)
	}
	return t.write("event: " + kind + "\ndata: " + string(b) + "\n\n")
}

func (t *telling) write(text string) error {
	c := http.NewResponseController(t.out)
	if err := c.SetWriteDeadline(time.Now().Add(feedWithin)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("signal: %w", err)
	}
	if _, err := io.WriteString(t.out, text); err != nil {
		return fmt.Errorf("signal: %w", err)
	}
	return c.Flush()
}

// An audience is how many watched a webinar at some time.
type audience struct {
	viewers int
	at      time.Time
}

// maxAudiences bounds the counts that are kept; they are cheap to make again.
const maxAudiences = 1024

// audience is about how many watch a webinar.
func (s *Server) audience(webinar string) int {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.audiences[webinar]
	if ok && now.Sub(a.at) < countEvery {
		return a.viewers
	}
	if len(s.audiences) >= maxAudiences {
		clear(s.audiences)
	}
	a = audience{at: now}
	for _, r := range s.resources {
		if r.sess.Webinar == webinar && r.watches {
			a.viewers++
		}
	}
	if s.cfg.Viewers != nil {
		a.viewers = max(a.viewers, s.cfg.Viewers(webinar))
	}
	s.audiences[webinar] = a
	return a.viewers
}
