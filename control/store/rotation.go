package store

import (
	"time"

	"stentor/control"
	"stentor/control/controlpb"
)

const (
	// rotateEvery is how long one gossip key is used: its random nonces of 96 bits allow
	// 2^32 messages, which 200 busy nodes send in about a week (cluster/DESIGN.md).
	rotateEvery = 7 * 24 * time.Hour
	// phaseMost bounds the phases. A node that has not taken a step after ten minutes is
	// treated as away: it asks for the keys when it comes back. And what somebody who was
	// put out goes on sending under the old key must not keep that key alive.
	phaseMost = 10 * time.Minute
	// quietFor is how long nothing may have come to the leader under the old key before that
	// is removed: four rounds of push/pull, in each of which every node speaks.
	quietFor = 2 * time.Minute
	// rotateLevel is the feature level of the commands.
	rotateLevel = 3
)

// Rotation is what a leader has to know of gossip, and to draw, to have its key changed.
type Rotation interface {
	// Draw returns the command that begins a rotation, with a new key; nil if this node
	// cannot make one.
	Draw(s *control.State) *controlpb.BeginKeyRotation
	// All reports whether every node that is alive and was not removed says that it holds
	// the key of that id, and with first, that it seals with it.
	All(id []byte, first bool) bool
	// Quiet is for how long nothing has come that was sealed with another key than the
	// one that this node seals with. It is asked again and again while that matters.
	Quiet() time.Duration
}

// rotate returns the next step of the rotation of the gossip key, if it is time for one.
// All that it goes by is in the state or seen in gossip, so that another leader goes on
// from there.
func rotate(s *control.State, now time.Time, r Rotation) *controlpb.Command {
	keys := s.GossipKeys()
	if r == nil || s.Cluster().FeatureLevel < rotateLevel || keys == nil {
		return nil
	}
	in := now.Sub(control.KeySince(keys))
	switch keys.GetPhase() {
	case control.PhaseInstall:
		if in < phaseMost && !r.All(keys.GetNext(), false) {
			return nil
		}
	case control.PhaseUse:
		quiet := r.Quiet() >= quietFor
		if in < phaseMost && !(quiet && r.All(keys.GetNext(), true)) {
			return nil
		}
	default:
		if in < rotateEvery && !s.KeyExposed() {
			return nil
		}
		c := r.Draw(s)
		if c == nil {
			return nil
		}
		return &controlpb.Command{Kind: &controlpb.Command_BeginKeyRotation{BeginKeyRotation: c}}
	}
	return &controlpb.Command{Kind: &controlpb.Command_AdvanceKeyRotation{AdvanceKeyRotation: &controlpb.AdvanceKeyRotation{
		Generation: keys.GetGeneration(), Phase: keys.GetPhase()}}}
}
