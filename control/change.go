package control

import (
	"errors"
	"fmt"
	"time"

	"stentor/control/controlpb"
)

// Change is what one command did to the state: the records that are new or different,
// and those that are gone. An edge's replica is fed by changes alone.
type Change struct {
	Index   uint64
	Time    time.Time
	Puts    []*controlpb.Record
	Deletes []Key
}

// Encode returns c as it is sent.
//
// A join token's key is raw bytes, which protobuf strings do not carry; it stays with
// the voters, so an encoded change must have been filtered.
func (c Change) Encode() *controlpb.Change {
	pb := &controlpb.Change{Index: c.Index, Time: nanos(c.Time), Puts: c.Puts}
	for _, k := range c.Deletes {
		pb.Deletes = append(pb.Deletes, &controlpb.RecordKey{Kind: uint32(k.Kind), Webinar: k.Webinar, Id: k.ID})
	}
	return pb
}

// DecodeChange reads what Encode wrote.
func DecodeChange(pb *controlpb.Change) Change {
	c := Change{Index: pb.GetIndex(), Time: moment(pb.GetTime()), Puts: pb.GetPuts()}
	for _, k := range pb.GetDeletes() {
		c.Deletes = append(c.Deletes, Key{Kind(k.GetKind()), k.GetWebinar(), k.GetId()})
	}
	return c
}

// errOrder means that a change does not follow the state it was given to.
var errOrder = errors.New("control: change does not follow")

// ApplyChange returns s with c. It is for replicas, which are fed in order; the one who
// sends says that nothing lies between s and c.
//
// A record of a kind that this version does not know is an error: the replica would
// not be what its feeder thinks.
func (s *State) ApplyChange(c Change) (*State, error) {
	if c.Index <= s.index {
		return nil, fmt.Errorf("%w: %d after %d", errOrder, c.Index, s.index)
	}
	next := *s
	for _, k := range c.Deletes {
		if err := next.remove(k); err != nil {
			return nil, err
		}
	}
	for _, r := range c.Puts {
		if err := next.put(r); err != nil {
			return nil, err
		}
	}
	next.advance(c.Index, c.Time)
	return &next, nil
}

func (s *State) advance(index uint64, at time.Time) {
	s.index = index
	if at.After(s.time) { // a new leader's clock may be behind
		s.time = at
	}
}
