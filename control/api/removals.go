package api

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"stentor/control"
	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

func (a *API) removals() { add(a, "disconnect", a.disconnect) }

type disconnectInput struct {
	InParticipant
	Keyed
	Body client.Disconnect
}

type disconnectAnswer struct{ Body client.Disconnected }

// disconnect removes a participant. Whoever it is known to be comes from what hosts were
// just shown, or else from the node that serves the sessions; where that node does not
// answer, or the sessions are gone this moment, the participant id alone is kept out, which
// the answer says.
func (a *API) disconnect(ctx context.Context, in *disconnectInput) (*disconnectAnswer, error) {
	p := principal(ctx)
	w, err := a.find(a.Store.State(), p, in.ID)
	if err != nil {
		return nil, err
	}
	r, err := a.newRequest(p, "disconnect", in.IdempotencyKey, in.ID, in.Participant, in.Body)
	if err != nil {
		return nil, err
	}
	known, roster := a.whoIs(ctx, in)
	if err := spared(p, w, in.Participant); err != nil {
		return nil, err
	}
	out, err := a.remove(ctx, r, in, known, 0)
	if err != nil {
		return nil, err
	}
	if roster == nil { // only now: nineteen answers at once would hold up the removal
		roster = a.askRoster(ctx, in.ID, in.Participant)
	}
	<-roster.over
	if all := together(roster.heard(), known); tellsMore(in, known, all) { // gone already; now what the ban is to know the participant by
		if out, err = a.complete(ctx, p, in, all, out); err != nil {
			return nil, err
		}
	}
	answer := client.Disconnected{Present: out.present, Index: out.Index}
	if w := out.state.Webinar(in.ID); w != nil && in.Body.Ban {
		if b, ok := w.Ban(out.Subject); ok { // else it is lifted already
			answer.Ban = &client.BanMade{ID: b.ID, Strength: string(b.Strength)}
		}
	}
	return &disconnectAnswer{answer}, nil
}

// whoIs returns what is known of a participant who is to go, and whoever is still being
// asked; nil for nobody yet.
func (a *API) whoIs(ctx context.Context, in *disconnectInput) ([]Present, *roster) {
	if seen := a.seen.of(in.ID, in.Participant, a.Now()); seen != nil {
		return seen, nil
	}
	r := a.askRoster(ctx, in.ID, in.Participant)
	select {
	case <-r.found:
	case <-r.over:
	case <-time.After(rosterGrace):
	}
	return r.heard(), r
}

// complete adds to a removal what other nodes knew of the participant, unless it was taken
// back meanwhile: a host's re-invite, or lift, is not undone by what came late.
func (a *API) complete(ctx context.Context, p Principal, in *disconnectInput, all []Present, done removed) (removed, error) {
	again, err := a.newRequest(p, "disconnect-known", in.IdempotencyKey, in.ID, in.Participant, in.Body)
	if err != nil {
		return done, err
	}
	completes := done.Index
	if done.state.Cluster().FeatureLevel < 3 { // an older node would pass over it
		completes = 0
	}
	out, err := a.remove(ctx, again, in, all, completes)
	if said := (*webinar.Denial)(nil); errors.As(out.Err, &said) && said.Code == control.ErrNotCompleted.Code {
		_, done.present = removal(in.ID, in.Participant, all)
		return done, nil
	}
	return out, err
}

// spared keeps moderators from putting the owner out of the owner's webinar, and anybody
// from putting themselves out. It asks the state alone: the owner may just be outside, or at a
// node that does not answer.
func spared(p Principal, w *webinar.Webinar, participant string) error {
	if p.Way.inside() && p.ID == participant {
		return refuse(codeNotAllowed, "Leave the webinar instead.")
	}
	if p.actorIn(w) == webinar.ActorModerator && ownedBy(w, participant) {
		return refuse(codeNotAllowed, "A moderator cannot disconnect the owner.")
	}
	return nil
}

// ownedBy reports whether a participant is the owner: by the ID that follows from the owner's
// account (see [webinar.Webinar.Admit]), or by what was decided about them.
func ownedBy(w *webinar.Webinar, participant string) bool {
	d, _ := w.Participant(participant)
	return w.Owner != "" && participant == participantID+w.Owner || d.Role == webinar.Owner
}

// rosterGrace is how long a removal waits for the first node that serves the participant:
// a round trip to the other side of the world. Who does not answer in time (a node that
// just died) must not keep a removed participant on the air. A ban waits as long: with 25 ms
// the session could be over before its node had said whom it served, and the ban was weak.
const rosterGrace = 150 * time.Millisecond

// A roster is what the nodes say of who is inside, as they say it.
type roster struct {
	found chan struct{} // closed when a node serves the participant
	over  chan struct{} // closed when all nodes have answered, or will not

	mu     sync.Mutex
	inside []Present
}

// askRoster asks all nodes who is inside. The first one that serves the participant knows
// enough for the removal; what the others know of the same person is for the ban. Whoever
// has to go goes, also while the mesh is in pieces, so there is an answer in any case.
func (a *API) askRoster(ctx context.Context, webinar, participant string) *roster {
	r := &roster{found: make(chan struct{}), over: make(chan struct{})}
	go func() {
		defer close(r.over)
		found := false
		a.Roster.Ask(ctx, webinar, func(inside []Present) {
			r.mu.Lock()
			r.inside = append(r.inside, inside...)
			r.mu.Unlock()
			if !found && slices.ContainsFunc(inside, func(v Present) bool { return v.ID == participant }) {
				found = true
				close(r.found)
			}
		})
	}()
	return r
}

// heard returns what is known so far.
func (r *roster) heard() []Present {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.inside)
}

// tellsMore reports whether all, which holds known, has more for the removal to bind to.
func tellsMore(in *disconnectInput, known, all []Present) bool {
	before, was := removal(in.ID, in.Participant, known)
	after, is := removal(in.ID, in.Participant, all)
	if was != is || !proto.Equal(before, after) {
		return true
	}
	return in.Body.Ban && !slices.Equal(distinct(seenWith(before.GetKeys(), known)), distinct(seenWith(after.GetKeys(), all)))
}

// distinct returns the sets of keys that sessions have, each once, in order.
func distinct(seen []*controlpb.Keys) []string {
	sets := make([]string, len(seen))
	for i, k := range seen {
		sets[i] = strings.Join(k.GetKeys(), " ")
	}
	slices.Sort(sets)
	return slices.Compact(sets)
}

// removed is what a removal came to.
type removed struct {
	control.Result
	state   *control.State // that has it
	present bool           // the participant was inside
}

// remove proposes a removal, with a ban if that was asked for, or what completes the one at
// an index.
func (a *API) remove(ctx context.Context, r *request, in *disconnectInput, inside []Present, completes uint64) (removed, error) {
	c, present := removal(in.ID, in.Participant, inside)
	c.Completes = completes
	if in.Body.Ban {
		id, err := NewID(r.rand, banID)
		if err != nil {
			return removed{}, err
		}
		c.Ban = &controlpb.NewBan{Id: id, Prefix: in.Body.Network, Seen: seenWith(c.GetKeys(), inside)}
	}
	result, state, err := a.propose(ctx, r, 0, &controlpb.Command{Kind: &controlpb.Command_Disconnect{Disconnect: c}})
	return removed{result, state, present}, err
}

// maxKeys and maxSeen are what one command takes: the identity keys of one
// person, and the sessions that a ban looks at.
const (
	maxKeys = 32
	maxSeen = 1000
)

// removal is the command for a participant, with what all their sessions are
// known by.
func removal(id, participant string, inside []Present) (*controlpb.Disconnect, bool) {
	c := &controlpb.Disconnect{Webinar: id, Participant: participant, Keys: &controlpb.Keys{}}
	present := false
	var keys []string
	for _, v := range inside {
		if v.ID == participant {
			present, c.Name = true, v.Name
			keys = append(keys, v.Keys.Strings()...)
		}
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	c.Keys.Keys = keys[:min(len(keys), maxKeys)]
	return c, present
}

// seenWith are the sessions that share an identity key with a person, directly
// or through others; the rule that makes the ban of them is webinar.NewBan.
func seenWith(of *controlpb.Keys, inside []Present) []*controlpb.Keys {
	seed, _ := webinar.ParseKeys(of.GetKeys())
	all := make([]webinar.Keys, len(inside))
	for i, v := range inside {
		all[i] = v.Keys
	}
	closure := webinar.Closure(seed, all)
	var seen []*controlpb.Keys
	for _, keys := range all {
		shares := slices.ContainsFunc(keys, func(k webinar.Key) bool {
			return k.Kind != webinar.KindPrefix && slices.Contains(closure, k)
		})
		if shares && len(keys) <= maxKeys && len(seen) < maxSeen {
			seen = append(seen, &controlpb.Keys{Keys: keys.Strings()})
		}
	}
	return seen
}
