package node

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"stentor/node/session"
)

const (
	// elsewhereWithin is how long a person with a personal link waits for the other nodes
	// to say whether they are inside on another device already: a round trip to the other
	// side of the world. Who does not answer says no.
	elsewhereWithin = 250 * time.Millisecond
	// silentFor is how long nobody waits for a node again that did not answer within that.
	silentFor = 10 * time.Second
	// maxRepeats bounds the takeovers that some node has not heard of yet. Of more than
	// these it hears by its own question.
	maxRepeats = 1024
)

// repeats are how long after one another a node that did not answer is told of a takeover
// again: long enough for a link to come back, and for a node to start.
var repeats = [...]time.Duration{time.Second, 1500 * time.Millisecond, 2500 * time.Millisecond}

// others is what this node asks of all other nodes at once, about one person.
type others struct {
	nodes func(alive bool) []string // alive: only those that gossip believes it of
	ask   func(ctx context.Context, node, path string, body []byte) ([]byte, error)
	now   func() time.Time
	log   *slog.Logger
	again chan repeat

	mu     sync.Mutex // guards the following
	silent map[string]time.Time
}

// repeat is a takeover that the nodes of waiting have not heard of.
type repeat struct {
	body    []byte
	waiting []string
}

// superseding is the body of a takeover; the token is the proof.
type superseding struct {
	Token string `json:"token"`
}

func (n *Node) newOthers() *others {
	return &others{
		nodes: func(alive bool) (out []string) {
			for _, m := range n.gossip.Members() {
				if m.Node != n.cfg.Name && (m.Alive || !alive) {
					out = append(out, m.Node)
				}
			}
			return out
		},
		ask: func(ctx context.Context, node, path string, body []byte) ([]byte, error) {
			return n.request(ctx, n.peers, node, http.MethodPost, path, body)
		},
		now: n.now, log: n.log, again: make(chan repeat, maxRepeats), silent: make(map[string]time.Time),
	}
}

// elsewhere asks all other nodes after a person, and returns what they have found.
func (o *others) elsewhere(ctx context.Context, q session.Asked) session.Found {
	body, err := json.Marshal(q)
	if err != nil {
		return session.Found{}
	}
	var mu sync.Mutex
	var found session.Found
	o.all(ctx, o.awaited(), "/inside", body, func(_ string, answer []byte) {
		var f session.Found
		if json.Unmarshal(answer, &f) != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		found = found.Or(f)
	})
	return found
}

// supersede has all other nodes end what the holder of the token took over. Those that
// do not answer are told again by Run.
func (o *others) supersede(ctx context.Context, token string) {
	body, err := json.Marshal(superseding{token})
	if err != nil {
		return
	}
	var mu sync.Mutex
	told := make(map[string]bool)
	o.all(ctx, o.awaited(), "/supersede", body, func(node string, _ []byte) {
		mu.Lock()
		defer mu.Unlock()
		told[node] = true
	})
	var waiting []string
	for _, node := range o.nodes(false) {
		if !told[node] {
			waiting = append(waiting, node)
		}
	}
	if len(waiting) == 0 {
		return
	}
	select {
	case o.again <- repeat{body, waiting}:
	default:
		o.log.Warn("a takeover is not repeated", "unheard", len(waiting))
	}
}

// Run tells of takeovers again, until ctx is done.
func (o *others) Run(ctx context.Context) error {
	var work sync.WaitGroup
	defer work.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-o.again:
			work.Go(func() { o.repeat(ctx, r) })
		}
	}
}

func (o *others) repeat(ctx context.Context, r repeat) {
	for _, pause := range repeats {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		var mu sync.Mutex
		told := make(map[string]bool)
		o.all(ctx, r.waiting, "/supersede", r.body, func(node string, _ []byte) {
			mu.Lock()
			defer mu.Unlock()
			told[node] = true
		})
		var left []string
		for _, node := range r.waiting {
			if !told[node] {
				left = append(left, node)
			}
		}
		if r.waiting = left; len(left) == 0 {
			return
		}
	}
	o.log.Debug("a takeover was not heard of", "peers", r.waiting)
}

// awaited are the nodes that gossip believes alive, but for those that kept somebody
// waiting a moment ago.
func (o *others) awaited() []string {
	nodes := o.nodes(true)
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	for node, at := range o.silent {
		if now.Sub(at) >= silentFor {
			delete(o.silent, node)
		}
	}
	var out []string
	for _, node := range nodes {
		if _, silent := o.silent[node]; !silent {
			out = append(out, node)
		}
	}
	return out
}

// all posts a question to nodes at once, and returns when all have answered or it took
// too long. heard is called by several goroutines.
func (o *others) all(ctx context.Context, nodes []string, path string, body []byte, heard func(node string, answer []byte)) {
	ctx, cancel := context.WithTimeout(ctx, elsewhereWithin)
	defer cancel()
	var wg sync.WaitGroup
	for _, node := range nodes {
		wg.Go(func() {
			out, err := o.ask(ctx, node, path, body)
			if err == nil {
				o.heard(node)
				heard(node, out)
				return
			}
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				o.mu.Lock()
				o.silent[node] = o.now()
				o.mu.Unlock()
			}
			o.log.Debug("not answered", "peer", node, "path", path, "err", err)
		})
	}
	wg.Wait()
}

// heard notes that a node answers again.
func (o *others) heard(node string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.silent, node)
}

// maxQuestion bounds a question after one person: a session token is the longest part.
const maxQuestion = 8 << 10

// serveInside answers after one participant, and never lists anybody: it is also edges
// that ask.
func (n *Node) serveInside(w http.ResponseWriter, r *http.Request) {
	var q session.Asked
	if err := json.NewDecoder(io.LimitReader(r.Body, maxQuestion)).Decode(&q); err != nil {
		http.Error(w, "malformed", http.StatusBadRequest)
		return
	}
	answer(w, n.door.Inside(q))
}

// serveSupersede ends what somebody took over, if the token that they were given for it
// proves that.
func (n *Node) serveSupersede(w http.ResponseWriter, r *http.Request) {
	var s superseding
	if err := json.NewDecoder(io.LimitReader(r.Body, maxQuestion)).Decode(&s); err != nil {
		http.Error(w, "malformed", http.StatusBadRequest)
		return
	}
	if err := n.door.Supersede(s.Token); err != nil {
		n.log.Warn("takeover not believed", "err", err)
		http.Error(w, "no proof", http.StatusForbidden)
		return
	}
	answer(w, true)
}
