package control

import (
	"bytes"
	"encoding/hex"
	"time"

	"stentor/control/controlpb"
)

// rotationLevel is the feature level from which on the gossip key is changed.
const rotationLevel = 3

// The phases of a rotation of the gossip key. A node in one understands nodes in those
// beside it, in both directions.
const (
	PhaseInstall = "install" // the next key is brought to everyone; the current one seals
	PhaseUse     = "use"     // the next key seals; the one before still opens
	PhaseRemove  = "remove"  // there is one key; what was next is the current one
)

const (
	gossipIDLen = 4
	// maxSealedKey bounds one sealed key: 32 bytes in JSON have about a hundred.
	maxSealedKey = 1 << 10
)

// GossipKeys says what gossip is sealed with; nil before feature level 3.
func (s *State) GossipKeys() *controlpb.GossipKeysRecord {
	return s.plain.at(Key{Kind: KindGossipKeys}).GetGossipKeys()
}

// SealedKeys are the keys of gossip, sealed; nil before the first rotation, and on an
// edge.
func (s *State) SealedKeys() *controlpb.SealedKeysRecord {
	return s.plain.at(Key{Kind: KindSealedKeys}).GetSealedKeys()
}

// KeyExposed reports whether somebody who was put out of the cluster may hold the newest
// gossip key: a node was removed since it was drawn.
func (s *State) KeyExposed() bool {
	drawn := s.GossipKeys().GetDrawn()
	for n := range s.Nodes() {
		if n.GetRemoved() && n.GetRemovedAt() >= drawn {
			return true
		}
	}
	return false
}

// KeyIDs are the ids of the keys that a node is to hold, the one that seals first; none
// before the first rotation, when each has the key that it joined with.
func (s *State) KeyIDs() [][]byte {
	r := s.GossipKeys()
	switch {
	case len(r.GetCurrent()) == 0:
		return nil
	case r.GetPhase() == PhaseInstall:
		return [][]byte{r.GetCurrent(), r.GetNext()}
	case r.GetPhase() == PhaseUse:
		return [][]byte{r.GetNext(), r.GetCurrent()}
	}
	return [][]byte{r.GetCurrent()}
}

// countFromNow begins the time after which the gossip key is changed.
func (d *draft) countFromNow() error {
	if d.next.GossipKeys() != nil {
		return nil
	}
	return d.putKeys(&controlpb.GossipKeysRecord{Phase: PhaseRemove})
}

// beginKeyRotation brings a key that was drawn by the proposer to all nodes. The same one
// twice is one rotation.
func (d *draft) beginKeyRotation(c *controlpb.BeginKeyRotation) (string, error) {
	r := d.next.GossipKeys()
	current := r.GetCurrent()
	if len(current) == 0 {
		current = c.GetCurrentId()
	}
	switch {
	case len(current) != gossipIDLen:
		return "", invalid("current_id", "The id of a gossip key has 4 bytes.")
	case len(c.GetNextId()) != gossipIDLen || bytes.Equal(c.GetNextId(), current):
		return "", invalid("next_id", "The id of a gossip key has 4 bytes, and the next one is another.")
	case len(c.GetSealed()) == 0 || len(c.GetSealed()) > maxSealedKey:
		return "", invalid("sealed", "A sealed gossip key has up to 1 KiB.")
	case c.GetGeneration() != r.GetGeneration():
		return "", ErrRotationRuns // somebody else's, over or not
	case r.GetPhase() != PhaseRemove && bytes.Equal(c.GetNextId(), r.GetNext()):
		return hex.EncodeToString(c.GetNextId()), nil
	case r.GetPhase() != PhaseRemove:
		return "", ErrRotationRuns
	}
	id := hex.EncodeToString(c.GetNextId())
	return id, first(
		d.putKeys(&controlpb.GossipKeysRecord{
			Generation: r.GetGeneration(), Phase: PhaseInstall, Current: current, Next: c.GetNextId(), Drawn: nanos(d.at)}),
		d.putSealedKeys(&controlpb.SealedKeysRecord{Current: d.next.SealedKeys().GetCurrent(), Next: c.GetSealed()}),
		d.audit("gossip_key.rotation_began", "", id, facts{"generation": r.GetGeneration()}),
	)
}

// advanceKeyRotation goes on to the next phase, once from each.
func (d *draft) advanceKeyRotation(c *controlpb.AdvanceKeyRotation) (string, error) {
	r := d.next.GossipKeys()
	next := &controlpb.GossipKeysRecord{Generation: r.GetGeneration(), Phase: PhaseUse, Current: r.GetCurrent(), Next: r.GetNext(), Drawn: r.GetDrawn()}
	id := hex.EncodeToString(r.GetNext())
	switch {
	case c.GetPhase() != PhaseInstall && c.GetPhase() != PhaseUse:
		return "", invalid("phase", "A rotation goes on from install, and from use.")
	case advanced(r, c):
		return hex.EncodeToString(r.GetCurrent()), nil
	case c.GetGeneration() != r.GetGeneration() || c.GetPhase() != r.GetPhase():
		return "", ErrStaleRotation
	case c.GetPhase() == PhaseInstall:
		return id, first(d.putKeys(next), d.audit("gossip_key.in_use", "", id, facts{"generation": r.GetGeneration()}))
	}
	next.Generation, next.Phase, next.Current, next.Next = r.GetGeneration()+1, PhaseRemove, r.GetNext(), nil
	return id, first(
		d.putKeys(next),
		d.putSealedKeys(&controlpb.SealedKeysRecord{Current: d.next.SealedKeys().GetNext()}),
		d.audit("gossip_key.rotated", "", id, facts{"generation": next.GetGeneration()}),
	)
}

// advanced reports whether r is what c made of the record before it.
func advanced(r *controlpb.GossipKeysRecord, c *controlpb.AdvanceKeyRotation) bool {
	if c.GetPhase() == PhaseInstall {
		return r.GetGeneration() == c.GetGeneration() && r.GetPhase() == PhaseUse
	}
	return r.GetGeneration() == c.GetGeneration()+1 && r.GetPhase() == PhaseRemove
}

func (d *draft) putKeys(r *controlpb.GossipKeysRecord) error {
	r.Since = nanos(d.at)
	return d.put(&controlpb.Record{Kind: &controlpb.Record_GossipKeys{GossipKeys: r}})
}

func (d *draft) putSealedKeys(r *controlpb.SealedKeysRecord) error {
	return d.put(&controlpb.Record{Kind: &controlpb.Record_SealedKeys{SealedKeys: r}})
}

// KeySince is when the phase of a rotation began.
func KeySince(r *controlpb.GossipKeysRecord) time.Time { return moment(r.GetSince()) }
