package control

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// EdgeFilter returns what an edge may hold of r, and whether it may hold anything.
//
// Tokens, accounts, the audit log, attendance, the budget of wrong PINs and answered
// requests stay with the voters, and so does whatever somebody typed: an edge lets a
// registrant in by the hash of their secret, and refuses who was removed by their keys,
// without knowing what they are called. With a PIN it gets the key of that webinar,
// derived from pinKey: whoever has the edge can guess the PINs that it serves, and no
// others. Of the keys of gossip it gets the ids; the keys it fetches from a voter, by its
// certificate.
func EdgeFilter(r *controlpb.Record, pinKey []byte) (*controlpb.Record, bool) {
	switch k := r.GetKind().(type) {
	case *controlpb.Record_Webinar:
		if k.Webinar.GetPin() == nil {
			return r, true
		}
		c := proto.CloneOf(r)
		c.GetWebinar().Pin.EdgeKey = webinar.DeriveKey(pinKey, k.Webinar.GetId())
		return c, true
	case *controlpb.Record_Removal:
		m := k.Removal
		return &controlpb.Record{Kind: &controlpb.Record_Removal{Removal: &controlpb.RemovalRecord{
			Webinar: m.GetWebinar(), Participant: m.GetParticipant(), At: m.GetAt(), Index: m.GetIndex(),
		}}}, true
	case *controlpb.Record_Registrant:
		g := k.Registrant
		return &controlpb.Record{Kind: &controlpb.Record_Registrant{Registrant: &controlpb.RegistrantRecord{
			Webinar: g.GetWebinar(), Id: g.GetId(), Hash: g.GetHash(), Status: g.GetStatus(), Account: g.GetAccount(), Index: g.GetIndex(),
		}}}, true
	case *controlpb.Record_Ban, *controlpb.Record_Invite, *controlpb.Record_Participant:
		return withoutPerson(r), true
	case *controlpb.Record_Stream, *controlpb.Record_Cluster, *controlpb.Record_Lease, *controlpb.Record_Seat, *controlpb.Record_Node,
		*controlpb.Record_GossipKeys:
		return r, true
	}
	return nil, false // also what a later version adds, until someone has thought about it
}

// withoutPerson returns r without what is for hosts alone. An invite keeps its name: it
// is what its bearer is called inside.
func withoutPerson(r *controlpb.Record) *controlpb.Record {
	c := proto.CloneOf(r)
	switch k := c.GetKind().(type) {
	case *controlpb.Record_Ban:
		k.Ban.Name, k.Ban.By = "", ""
	case *controlpb.Record_Invite:
		k.Invite.Sealed = nil
	case *controlpb.Record_Participant:
		k.Participant.Name = ""
	}
	return c
}

// edgeKinds are the kinds of records that EdgeFilter lets through.
var edgeKinds = []Kind{
	KindWebinar, KindInvite, KindBan, KindRemoval, KindStream, KindCluster,
	KindRegistrant, KindParticipant, KindLease, KindSeat, KindNode,
	KindGossipKeys,
}

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
