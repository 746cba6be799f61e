package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/hashicorp/memberlist"

	"stentor/cluster/pki"
)

// Meta is what a node says about itself. All of it together is at most 512 bytes
// (memberlist's limit), since it travels with every change of a member.
type Meta struct {
	Node     string
	Role     pki.Role
	Region   string
	Version  string
	Mesh     string  // "host:port" of the mesh port, UDP
	Watch    string  // "host:port" of the watch streams, TCP; voters only
	HTTP     string  // public base URL
	Epoch    uint64  // grows with every start
	Load     float32 // share of the uplink in use
	Children uint16  // other nodes that pull from it; 65,535 is that many or more
	Draining bool
	Full     bool // it takes no more children; those it has stay

	leaving bool // it is saying goodbye
}

// Metadata on the wire:
//
//	1 | role (1 voter, 2 edge) | flags (1 draining, 2 leaving, 4 full) | epoch 8 | load 4 |
//	length, region | length, version | length, mesh | length, watch | length, http | seal
//
// Numbers are big-endian, lengths uvarints. The name is memberlist's. The seal (see
// [said]) is there since v0.3; v0.2 ignores what it does not know of, flags too. Another
// first byte is refused, so that the next format has to wait until all nodes read it.
const metaVersion = 1

// maxMeta is what is left of memberlist's 512 bytes when the seal has its own.
const maxMeta = memberlist.MetaMaxSize - maxSeal

var errMeta = errors.New("cluster: malformed metadata")

func (m Meta) append(b []byte) ([]byte, error) {
	if err := pki.CheckNode(m.Node); err != nil {
		return nil, err
	}
	if m.Mesh == "" {
		return nil, errors.New("cluster: a node must say where its mesh port is (mesh address, host:port)")
	}
	var role byte
	switch m.Role {
	case pki.Voter:
		role = 1
	case pki.Edge:
		role = 2
	default:
		return nil, fmt.Errorf("cluster: %q is no role of a node", m.Role)
	}
	var flags byte
	if m.Draining {
		flags |= 1
	}
	if m.leaving {
		flags |= 2
	}
	if m.Full {
		flags |= 4
	}
	start := len(b)
	b = append(b, metaVersion, role, flags)
	b = binary.BigEndian.AppendUint64(b, m.Epoch)
	b = binary.BigEndian.AppendUint32(b, math.Float32bits(m.Load))
	for _, s := range []string{m.Region, m.Version, m.Mesh, m.Watch, m.HTTP} {
		b = appendString(b, s)
	}
	if n := len(b) - start; n > maxMeta {
		return nil, fmt.Errorf("cluster: the metadata of this node has %d bytes, %d are possible: shorten region, version or addresses", n, maxMeta)
	}
	return b, nil
}

// read takes metadata off a message, without the seal.
func (m *Meta) read(r *reader) {
	b := r.bytes(15)
	if len(b) < 15 || b[0] != metaVersion {
		r.fail()
		return
	}
	m.Draining, m.leaving, m.Full = b[2]&1 != 0, b[2]&2 != 0, b[2]&4 != 0
	m.Epoch, m.Load = binary.BigEndian.Uint64(b[3:]), math.Float32frombits(binary.BigEndian.Uint32(b[11:]))
	switch b[1] {
	case 1:
		m.Role = pki.Voter
	case 2:
		m.Role = pki.Edge
	default:
		r.fail()
	}
	for _, s := range []*string{&m.Region, &m.Version, &m.Mesh, &m.Watch, &m.HTTP} {
		*s = r.string()
	}
	if m.Mesh == "" || !(m.Load >= 0 && m.Load <= 1e6) {
		r.fail()
	}
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// reader takes values off a message; after the first that is not there, bad is
// set and all others are zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	// The longer forms of a number are refused: one value, one form.
	if n <= 0 || (n > 1 && r.b[n-1] == 0) {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) byte() byte {
	if b := r.bytes(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (r *reader) string() string { return string(r.bytes(r.uvarint())) }

func (r *reader) fail() { r.b, r.bad = nil, true }
