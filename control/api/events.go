package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"stentor/control"
	"stentor/control/client"
	"stentor/control/webinar"
)

const (
	// heartbeat is how often an idle stream says that it is alive, so that proxies keep it
	// open and a client knows that nothing was lost. It has an id: where nothing happens for
	// long, a client that resumes need not name an event that the log keeps no more.
	heartbeat = 15 * time.Second
	// writeTimeout ends the stream of a client that does not read: nothing waits for it, as
	// the audit log holds what comes, and it can go on from there.
	writeTimeout = 10 * time.Second
	// maxBehind is how many entries of the log one stream is told after each other. Who is
	// further behind is faster with the lists.
	maxBehind = 2_000
)

func (a *API) events() { add(a, "watch-events", a.watchEvents) }

// streams counts the open streams of each principal.
type streams struct {
	max int

	mu sync.Mutex // guards the following
	by map[string]int
}

func newStreams(most int) *streams { return &streams{max: most, by: map[string]int{}} }

func (s *streams) enter(who string) (leave func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by[who] >= s.max {
		return nil, false
	}
	s.by[who]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.by[who]--; s.by[who] == 0 {
			delete(s.by, who)
		}
	}, true
}

type watchEventsInput struct {
	InWebinar
	LastEventID string `header:"Last-Event-ID" maxLength:"20" doc:"Id of the last event that is known; what came after it follows."`
}

type watchEventsAnswer struct {
	ContentType string `header:"Content-Type"`
	Buffering   string `header:"X-Accel-Buffering"`
	Body        func(huma.Context)
}

// watchEvents follows the audit log of one webinar: each entry, and before it what is now
// of whatever it was about; and the hands that go up and down, which the log does not have. The id of an event is the index of the state that holds it.
func (a *API) watchEvents(ctx context.Context, in *watchEventsInput) (*watchEventsAnswer, error) {
	p := principal(ctx)
	s := a.Store.State()
	if _, err := a.find(s, p, in.ID); err != nil {
		return nil, err
	}
	f := &follower{api: a, p: p, id: in.ID, after: s.Index(), fresh: in.LastEventID == ""}
	if !f.fresh {
		after, err := strconv.ParseUint(in.LastEventID, 10, 64)
		if err != nil {
			return nil, refuse(codeInvalidLastEventID, "", client.FieldError{Location: "header.Last-Event-ID", Message: "is not the id of an event"})
		}
		f.after = after
	}
	leave, ok := a.streams.enter(string(p.Way) + ":" + p.ID)
	if !ok {
		return nil, tooManyRequests(heartbeat)
	}
	a.metrics.streams.Inc()
	return &watchEventsAnswer{ContentType: mediaEvents, Buffering: "no", Body: func(c huma.Context) {
		defer a.metrics.streams.Dec()
		defer leave()
		if c.Method() == http.MethodHead {
			return
		}
		_, f.w = humago.Unwrap(c)
		f.flow = http.NewResponseController(f.w)
		f.run(c.Context())
	}}, nil
}

// follower is one stream.
type follower struct {
	api   *API
	p     Principal
	id    string
	after uint64           // index of the state up to which the client was told
	fresh bool             // it was told nothing yet
	told  *webinar.Webinar // as the client knows it; nil before the first
	w     http.ResponseWriter
	flow  *http.ResponseController
}

// run tells the client what happens until it is gone, too slow, or nobody any more to
// whom this is told.
func (f *follower) run(ctx context.Context) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		changed := f.api.Store.Changed() // before State: what changes in between closes it
		s := f.api.Store.State()
		w := s.Webinar(f.id)
		if w == nil || !f.api.still(f.p) || rowOf("watch-events", "").Verdict(f.p.actorIn(w), f.p.Way, w.State) != "" {
			return
		}
		if f.tell(s, w) != nil {
			return
		}
		select {
		case <-changed:
		case <-beat.C:
			if f.write("id: "+strconv.FormatUint(f.after, 10)+"\n: alive\n\n") != nil {
				return
			}
		case <-ctx.Done():
			return
		case <-f.api.Done:
			return
		}
	}
}

// tell writes what is in s and was not told.
func (f *follower) tell(s *control.State, w *webinar.Webinar) error {
	before := f.told
	f.told = w
	if f.fresh {
		f.fresh = false
		v := viewWebinar(w, f.api.Now())
		f.after = s.Index()
		return f.send(f.after, client.Event{Type: "webinar", Index: s.Index(), ID: w.ID, Webinar: &v})
	}
	entries, lost := since(s, f.after, f.id)
	if lost {
		f.after = s.Index()
		return f.send(f.after, client.Event{Type: "reset", Index: f.after})
	}
	for i, r := range entries {
		events := append(f.about(s, w, r), client.Event{Type: "audit", Index: r.GetIndex(), ID: fmt.Sprint(r.GetSeq()), Audit: entry(s, r)})
		for j, e := range events {
			id := uint64(0) // in the middle of what one command did: who breaks off here is told all of it again
			if j == len(events)-1 && (i == len(entries)-1 || entries[i+1].GetIndex() != r.GetIndex()) {
				id = r.GetIndex()
			}
			if err := f.send(id, e); err != nil {
				return err
			}
		}
	}
	changed := hands(before, w, f.after, entries)
	f.after = s.Index() // also if none was about this webinar: what was looked at is not looked at again
	return f.tellHands(f.after, changed)
}

// send writes one event.
func (f *follower) send(id uint64, e client.Event) error {
	data, err := json.Marshal(e) // which has no line break
	if err != nil {
		return fmt.Errorf("api: event: %w", err)
	}
	text := "event: " + e.Type + "\ndata: " + string(data) + "\n\n"
	if id > 0 {
		text = "id: " + strconv.FormatUint(id, 10) + "\n" + text
	}
	return f.write(text)
}

func (f *follower) write(text string) error {
	_ = f.flow.SetWriteDeadline(time.Now().Add(writeTimeout)) // what has none ends by its context
	if _, err := f.w.Write([]byte(text)); err != nil {
		return fmt.Errorf("api: event: %w", err)
	}
	if err := f.flow.Flush(); err != nil {
		return fmt.Errorf("api: event: %w", err)
	}
	return nil
}
