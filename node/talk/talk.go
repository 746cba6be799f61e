package talk

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stentor/control/webinar"
	"stentor/relay"
	"stentor/relay/wire"
)

// Config is what a Talk takes from its node. All but Logger, Registerer and Now are required.
type Config struct {
	Node    string
	Webinar func(id string) *webinar.Webinar // of this node's own copy of the state; nil: there is none
	Changed func() <-chan struct{}           // closed at the next change of the state

	// Claim makes this node the origin of a webinar's talk, or fails. With takeover whoever has it loses it.
	Claim func(ctx context.Context, webinar string, takeover bool) (Claim, error)
	// Subscribe follows the track of another origin.
	Subscribe func(ctx context.Context, id wire.TrackID) (*relay.Subscription, error)
	// Ask has another node answer by its [Talk.Serve].
	Ask func(ctx context.Context, node string, body []byte) ([]byte, error)
	// Dead reports whether that incarnation of a node is surely gone.
	Dead func(node string, epoch uint64) bool

	Logger     *slog.Logger          // nil discards
	Registerer prometheus.Registerer // nil counts for nobody
	Now        func() time.Time      // nil: time.Now
}

// Claim is the right to be the origin of one talk.
type Claim interface {
	Context() context.Context // done when another node has it, or nobody
	Track(name string, info wire.TrackInfo, keyframe func(layer int)) (*relay.Track, error)
	Release()
}

// Talk is the talks of all webinars that somebody at this node is in, and those whose origin it is.
type Talk struct {
	cfg     Config
	metrics *metrics
	ctx     context.Context // of the rooms; ends with Run
	stop    context.CancelFunc
	work    sync.WaitGroup

	mu     sync.Mutex // guards the following
	rooms  map[string]*room
	closed bool
}

// New returns a Talk in which nobody is.
func New(cfg Config) *Talk {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	t := &Talk{cfg: cfg, metrics: newMetrics(cfg.Registerer), rooms: make(map[string]*room)}
	t.ctx, t.stop = context.WithCancel(context.Background())
	return t
}

// Run runs until ctx is done, and returns once every talk is let go of: those whose origin this node is go on at
// another one that has them.
func (t *Talk) Run(ctx context.Context) error {
	<-ctx.Done()
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.stop()
	t.work.Wait()
	return nil
}

// enter returns the room of a webinar with one user more, which its leave takes off again; nil once Run is over.
func (t *Talk) enter(id string) *room {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	r := t.rooms[id]
	if r == nil {
		r = newRoom(t, id)
		t.rooms[id] = r
		t.metrics.rooms.Inc()
		t.work.Go(func() { r.run(t.ctx) })
	}
	r.users++
	return r
}

func (t *Talk) leave(r *room) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.users--
	r.left = t.cfg.Now()
}

// over forgets a room, unless somebody is in it, and reports whether it did.
func (t *Talk) over(r *room, always bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !always && (r.users > 0 || t.cfg.Now().Sub(r.left) < linger) {
		return false
	}
	if t.rooms[r.id] == r {
		delete(t.rooms, r.id)
		t.metrics.rooms.Dec()
	}
	return true
}

// A Seat is one page's place in a talk. It belongs to one goroutine.
type Seat struct {
	talk   *Talk
	room   *room
	cursor cursor
	once   sync.Once
}

// Enter returns a seat in the talk of a webinar. Leave it.
func (t *Talk) Enter(webinar string) *Seat {
	return &Seat{talk: t, room: t.enter(webinar)}
}

// Leave gives the seat back. It may be called more than once.
func (s *Seat) Leave() {
	s.once.Do(func() {
		if s.room != nil {
			s.talk.leave(s.room)
		}
	})
}

// Changed is closed when there is news for somebody. Take it before News, so that nothing is missed.
func (s *Seat) Changed() <-chan struct{} {
	if s.room == nil {
		return nil
	}
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	return s.room.changed
}

// News is what v was not told yet, each to be sent as one JSON object: at first, and when v has become a host or is none
// any more, a [History].
func (s *Seat) News(v Viewer) []any {
	if s.room == nil {
		return nil
	}
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	return s.room.state.news(&s.cursor, v)
}

// Older is the part of the chat before the line of that ID.
func (s *Seat) Older(v Viewer, before string) History {
	if s.room == nil {
		return History{Type: "talk_history"}
	}
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	return s.room.state.older(v, before)
}
