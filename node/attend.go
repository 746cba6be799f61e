package node

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stentor/cluster/mesh"
	"stentor/control/controlpb"
	"stentor/control/personal"
	"stentor/control/webinar"
	"stentor/node/session"
)

const (
	// attendEvery is how often stays go to the voters, many in one command.
	attendEvery = time.Second
	// attendBatch is how many of one webinar go at once.
	attendBatch = 500
	// attendKept bounds what waits while no voter answers: an hour of a busy edge. The
	// oldest make room.
	attendKept = 50_000
)

// attendance sends the stays at this node to the voters, who keep them for the host. It
// loses none while they do not answer, but those that find no room.
type attendance struct {
	send func(ctx context.Context, s stays) error
	log  *slog.Logger
	lost prometheus.Counter

	mu      sync.Mutex // guards the following
	waiting []session.Stay
}

// stays is what one node reports of one webinar.
type stays struct {
	Webinar string         `json:"webinar"`
	Stays   []session.Stay `json:"stays"`
}

func newAttendance(send func(context.Context, stays) error, log *slog.Logger, reg prometheus.Registerer) *attendance {
	a := &attendance{send: send, log: log, lost: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "stentor_node_attendance_lost_total", Help: "Reports of stays that found no room while no voter answered.",
	})}
	reg.MustRegister(a.lost)
	return a
}

// note takes a stay that began or ended.
func (a *attendance) note(s session.Stay) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.waiting) >= attendKept {
		a.waiting = a.waiting[1:]
		a.lost.Inc()
	}
	a.waiting = append(a.waiting, s)
}

// Run sends what was noted, each second, until ctx is done, and then once more.
func (a *attendance) Run(ctx context.Context) error {
	tick := time.NewTicker(attendEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), callWithin)
			defer cancel()
			a.flush(last)
			return nil
		case <-tick.C:
			a.flush(ctx)
		}
	}
}

// flush sends one batch after the other while they are taken. What was not taken goes
// first the next time.
func (a *attendance) flush(ctx context.Context) {
	for ctx.Err() == nil {
		batch := a.next()
		if len(batch.Stays) == 0 {
			return
		}
		err := a.send(ctx, batch)
		var denial *webinar.Denial
		switch {
		case errors.As(err, &denial): // the state does not want it, and will not later
			a.lost.Add(float64(len(batch.Stays)))
			a.log.Warn("stays refused", "webinar", batch.Webinar, "code", denial.Code)
		case err != nil:
			a.back(batch)
			return
		}
	}
}

// next takes the oldest stays that are of one webinar.
func (a *attendance) next() stays {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out stays
	var rest []session.Stay
	for i, s := range a.waiting {
		if out.Webinar == "" {
			out.Webinar = s.Webinar
		}
		if s.Webinar != out.Webinar {
			rest = append(rest, s)
			continue
		}
		if len(out.Stays) == attendBatch {
			rest = append(rest, a.waiting[i:]...)
			break
		}
		out.Stays = append(out.Stays, s)
	}
	a.waiting = rest
	return out
}

func (a *attendance) back(s stays) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting = append(s.Stays, a.waiting...)
	if n := len(a.waiting) - attendKept; n > 0 {
		a.waiting = a.waiting[n:]
		a.lost.Add(float64(n))
	}
}

// reportStays hands stays to the control plane: on a voter by a command, on an edge by
// asking a voter, who seals the names first.
func (n *Node) reportStays(ctx context.Context, s stays) error {
	if n.voter != nil {
		return n.keepStays(ctx, n.cfg.Name, s)
	}
	body, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	err = errors.New("node: no voter is known")
	for _, voter := range n.voters() {
		if _, err = n.request(ctx, n.electors, voter, http.MethodPost, "/attendance", body); err == nil {
			return nil
		}
	}
	return err
}

// serveAttendance keeps what another node reports of itself.
func (n *Node) serveAttendance(w http.ResponseWriter, r *http.Request) {
	peer, ok := mesh.PeerOf(r.Context())
	if !ok || n.voter == nil {
		http.Error(w, "ask a voter", http.StatusMisdirectedRequest)
		return
	}
	var s stays
	if err := json.NewDecoder(io.LimitReader(r.Body, maxCall)).Decode(&s); err != nil || len(s.Stays) > attendBatch {
		http.Error(w, "malformed", http.StatusBadRequest)
		return
	}
	switch err := n.keepStays(r.Context(), peer.Node, s); {
	case errors.As(err, new(*webinar.Denial)):
		n.log.Warn("stays refused", "from", peer, "webinar", s.Webinar, "err", err) // and gone: they would be refused for ever
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// keepStays proposes what a node reported. The same report twice is kept once.
func (n *Node) keepStays(ctx context.Context, node string, s stays) error {
	c := &controlpb.ReportAttendance{Webinar: s.Webinar, Node: node}
	digest := sha256.New()
	for _, stay := range s.Stays {
		name, err := n.personal.Seal(s.Webinar, stay.ID, personal.Named{Name: stay.Name})
		if err != nil {
			return err
		}
		a := &controlpb.Attendance{
			Id: stay.ID, Participant: stay.Participant, Role: string(stay.Role), Guest: stay.Guest,
			Registration: stay.Registration, Invite: stay.Invite, Account: stay.Account,
			Joined: stay.Joined.UnixNano(), Sealed: name,
		}
		if !stay.Left.IsZero() {
			a.Left = stay.Left.UnixNano()
		}
		fmt.Fprintln(digest, a.Id, a.Joined, a.Left)
		c.Attendance = append(c.Attendance, a)
	}
	_, err := n.store.Propose(ctx, &controlpb.Command{
		Principal: node, RequestId: "stays-" + base64.RawURLEncoding.EncodeToString(digest.Sum(nil)),
		Kind: &controlpb.Command_ReportAttendance{ReportAttendance: c},
	})
	return err
}
