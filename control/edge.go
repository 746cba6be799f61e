package control

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// EdgeFilter returns what an edge may hold of r, and whether it may hold anything.
//
// Tokens and answered requests stay with the voters. Of those who were removed an edge
// gets what it refuses them by, and not what they are called. With a PIN it gets the key
// of that webinar, derived from pinKey: whoever has the edge can guess the PINs that it
// serves, and no others.
func EdgeFilter(r *controlpb.Record, pinKey []byte) (*controlpb.Record, bool) {
	switch k := r.GetKind().(type) {
	case *controlpb.Record_Webinar:
		if k.Webinar.GetPin() == nil {
			return r, true
		}
		c := proto.CloneOf(r)
		c.GetWebinar().Pin.EdgeKey = webinar.DeriveKey(pinKey, k.Webinar.GetId())
		return c, true
	case *controlpb.Record_Ban:
		c := proto.CloneOf(r)
		c.GetBan().Name, c.GetBan().By = "", ""
		return c, true
	case *controlpb.Record_Removal:
		m := k.Removal
		return &controlpb.Record{Kind: &controlpb.Record_Removal{Removal: &controlpb.RemovalRecord{
			Webinar: m.GetWebinar(), Participant: m.GetParticipant(), At: m.GetAt(), Index: m.GetIndex(),
		}}}, true
	case *controlpb.Record_Invite, *controlpb.Record_Stream, *controlpb.Record_Cluster:
		return r, true
	}
	return nil, false // also what a later version adds, until someone has thought about it
}

// edgeKinds are the kinds of records that EdgeFilter lets through.
var edgeKinds = []Kind{KindWebinar, KindInvite, KindBan, KindRemoval, KindStream, KindCluster}

// Topics chooses webinars by ID; none chooses all.
type Topics []string

func (t Topics) has(k Key) bool {
	return len(t) == 0 || k.Webinar == "" || slices.Contains(t, k.Webinar)
}

// Edge returns what an edge may hold of c, and wants.
func (c Change) Edge(pinKey []byte, topics Topics) Change {
	e := Change{Index: c.Index, Time: c.Time}
	for _, r := range c.Puts {
		if !topics.has(KeyOf(r)) {
			continue
		}
		if f, keep := EdgeFilter(r, pinKey); keep {
			e.Puts = append(e.Puts, f)
		}
	}
	for _, k := range c.Deletes {
		if topics.has(k) && slices.Contains(edgeKinds, k.Kind) {
			e.Deletes = append(e.Deletes, k)
		}
	}
	return e
}

// Edge returns the replica of s that an edge holds.
func (s *State) Edge(pinKey []byte, topics Topics) *State {
	e := NewState()
	for r := range s.Records() {
		if !topics.has(KeyOf(r)) {
			continue
		}
		f, keep := EdgeFilter(r, pinKey)
		if !keep {
			continue
		}
		if err := e.put(f); err != nil {
			panic("control: a filtered record that is invalid: " + err.Error())
		}
	}
	e.index, e.time = s.index, s.time
	return e
}
