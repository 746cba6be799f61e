package control

import (
	"crypto/sha256"
	"encoding/binary"

	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
)

// sum is the sum of the hashes of all records, in four lanes. It does not depend on
// the order of what happened, and following a change costs what the change costs, not
// what the state does. It finds a node that went astray; it is no defence against
// somebody who makes records to fit.
type sum [4]uint64

func (s *sum) add(r *controlpb.Record) {
	for i, v := range hashOf(r) {
		s[i] += v
	}
}

func (s *sum) sub(r *controlpb.Record) {
	for i, v := range hashOf(r) {
		s[i] -= v
	}
}

func hashOf(r *controlpb.Record) (lanes sum) {
	h := sha256.Sum256(encode(r))
	for i := range lanes {
		lanes[i] = binary.BigEndian.Uint64(h[8*i:])
	}
	return lanes
}

// Hash returns a hash of every record in s. Two replicas with the same records have
// the same hash, whatever their index.
func (s *State) Hash() [32]byte {
	var b [32]byte
	for i, v := range s.sum {
		binary.BigEndian.PutUint64(b[8*i:], v)
	}
	return sha256.Sum256(b[:])
}

func encode(r *controlpb.Record) []byte {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
	if err != nil {
		panic("control: a record that cannot be written: " + err.Error()) // strings are checked when they come in
	}
	return b
}
