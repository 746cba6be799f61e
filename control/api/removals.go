package api

import (
	"context"
	"slices"
	"time"

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

// disconnect removes a participant. Whoever it is known to be comes from the
// node that serves the sessions; where that node does not answer, or the
// sessions are gone this moment, the participant id alone is kept out, which the
// answer says.
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
	roster := a.askRoster(ctx, in.ID)
	var inside []Present
	select {
	case inside = <-roster:
		roster = nil
	case <-time.After(rosterGrace):
	}
	if err := spared(p, w, in.Participant); err != nil {
		return nil, err
	}
	result, state, present, err := a.remove(ctx, r, in, inside)
	if err != nil {
		return nil, err
	}
	if roster != nil { // gone already; now what the ban is to know the participant by
		if late := <-roster; slices.ContainsFunc(late, func(v Present) bool { return v.ID == in.Participant }) {
			again, err := a.newRequest(p, "disconnect-known", in.IdempotencyKey, in.ID, in.Participant, in.Body)
			if err != nil {
				return nil, err
			}
			if result, state, present, err = a.remove(ctx, again, in, late); err != nil {
				return nil, err
			}
		}
	}
	answer := client.Disconnected{Present: present, Index: result.Index}
	if w := state.Webinar(in.ID); w != nil && in.Body.Ban {
		if b, ok := w.Ban(result.Subject); ok { // else it is lifted already
			answer.Ban = &client.BanMade{ID: b.ID, Strength: string(b.Strength)}
		}
	}
	return &disconnectAnswer{answer}, nil
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

// rosterGrace is how long a removal waits for all nodes to say whom they serve: a
// round trip to the other side of the world. Who does not answer in time (a node that
// just died) must not keep a removed participant on the air.
const rosterGrace = 150 * time.Millisecond

// askRoster asks who is inside. Whoever has to go goes, also while the mesh is in
// pieces, so there is an answer in any case.
func (a *API) askRoster(ctx context.Context, webinar string) <-chan []Present {
	answer := make(chan []Present, 1)
	go func() {
		inside, _, err := a.Roster.Participants(ctx, webinar)
		if err != nil {
			a.Logger.Warn("disconnect without the roster", "webinar", webinar, "err", err)
			inside = nil
		}
		answer <- inside
	}()
	return answer
}

// remove proposes a removal, with a ban if that was asked for.
func (a *API) remove(ctx context.Context, r *request, in *disconnectInput, inside []Present) (control.Result, *control.State, bool, error) {
	c, present := removal(in.ID, in.Participant, inside)
	if in.Body.Ban {
		id, err := NewID(r.rand, banID)
		if err != nil {
			return control.Result{}, nil, false, err
		}
		c.Ban = &controlpb.NewBan{Id: id, Prefix: in.Body.Network, Seen: seenWith(c.GetKeys(), inside)}
	}
	result, state, err := a.propose(ctx, r, 0, &controlpb.Command{Kind: &controlpb.Command_Disconnect{Disconnect: c}})
	return result, state, present, err
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
