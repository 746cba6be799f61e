package cluster

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"

	"stentor/cluster/pki"
)

// What a node says about itself, with what makes others believe it. After the
// metadata of v0.2 stands the seal:
//
//	2 | length of the fields | fields | proof 104 | signature 64
//	fields: seq | children | count of keys, 1 | id of a key 4...
//
// seq, children and the length are uvarints; what follows in the fields is for later
// versions, as is what follows the signature. The proof is the authority's word about
// the node's key ([pki.Proof]); the signature is by that key, over metaSignedAs, the
// name, the address that memberlist tells (16 bytes and the port's 2) and all bytes
// before it. A node whose certificate has no proof yet leaves proof and signature out.
type said struct {
	Meta
	seq   uint64
	keys  []KeyID
	later []byte // fields of later versions

	sealed    bool // v0.2 has no seal at all
	signed    bool
	proof     pki.Proof
	signature []byte
	before    []byte // what the signature covers of the bytes
}

const (
	sealMark     = 2
	metaSignedAs = "stentor gossip metadata 1\x00"
	maxFields    = 10 + 3 + 1 + 4*maxKeys
	maxSeal      = 1 + 1 + maxFields + pki.ProofSize + ed25519.SignatureSize
)

// append writes what is to be signed.
func (s said) append(b []byte) ([]byte, error) {
	b, err := s.Meta.append(b)
	if err != nil || !s.sealed {
		return b, err
	}
	f := binary.AppendUvarint(nil, s.seq)
	f = binary.AppendUvarint(f, uint64(s.Children))
	f = append(f, byte(len(s.keys)))
	for _, k := range s.keys {
		f = append(f, k[:]...)
	}
	f = append(f, s.later...)
	b = append(b, sealMark)
	b = binary.AppendUvarint(b, uint64(len(f)))
	b = append(b, f...)
	if s.signed {
		b = s.proof.Append(b)
	}
	return b, nil
}

// seal is what s says at the address, signed where the credentials can prove it.
func (s said) seal(c *pki.Credentials, at netip.AddrPort) ([]byte, error) {
	s.sealed = true
	s.proof, s.signed = c.Proof()
	b, err := s.append(nil)
	if err != nil {
		return nil, err
	}
	if s.signed {
		b = append(b, ed25519.Sign(c.Key, metaSigned(s.Node, at, b))...)
	}
	if len(b) > memberlist.MetaMaxSize {
		return nil, errMeta
	}
	return b, nil
}

func metaSigned(node string, at netip.AddrPort, b []byte) []byte {
	out := append([]byte(metaSignedAs), byte(len(node)))
	out = append(out, node...)
	ip := at.Addr().As16()
	out = append(out, ip[:]...)
	out = binary.BigEndian.AppendUint16(out, at.Port())
	return append(out, b...)
}

// parseSaid reads what a node says. What it gives aliases b, and is not verified.
func parseSaid(node string, b []byte) (said, error) {
	if len(b) > memberlist.MetaMaxSize || pki.CheckNode(node) != nil {
		return said{}, errMeta
	}
	s := said{Meta: Meta{Node: node}}
	r := reader{b: b}
	s.read(&r)
	if r.bad {
		return said{}, errMeta
	}
	if len(r.b) == 0 || r.b[0] != sealMark { // v0.2
		return s, nil
	}
	r.byte()
	f := reader{b: r.bytes(r.uvarint())}
	s.sealed = true
	s.fields(&f)
	if r.bad || f.bad {
		return said{}, errMeta
	}
	if len(r.b) == 0 {
		return s, nil
	}
	proof, err := pki.ParseProof(r.bytes(pki.ProofSize))
	s.before = b[:len(b)-len(r.b)]
	s.signature = r.bytes(ed25519.SignatureSize)
	if r.bad || err != nil {
		return said{}, errMeta
	}
	s.proof, s.signed = proof, true
	return s, nil
}

func (s *said) fields(f *reader) {
	s.seq = f.uvarint()
	children := f.uvarint()
	n := int(f.byte())
	if children > 1<<16-1 || n > maxKeys {
		f.fail()
		return
	}
	s.Children = uint16(children)
	for range n {
		if k := f.bytes(4); len(k) == 4 {
			s.keys = append(s.keys, KeyID(k))
		}
	}
	s.later = f.b
}

// verify checks that the node itself said it, at that address.
func (s said) verify(c *pki.Credentials, at netip.AddrPort, now time.Time) error {
	if !s.signed {
		return fmt.Errorf("cluster: the metadata of %s is not signed", s.Node)
	}
	if err := s.proof.Verify(pki.Identity{Node: s.Node, Role: s.Role}, c.CA, now); err != nil {
		return fmt.Errorf("cluster: metadata: %w", err)
	}
	if !ed25519.Verify(s.proof.Public, metaSigned(s.Node, at, s.before), s.signature) {
		return fmt.Errorf("cluster: the metadata of %s has a wrong signature", s.Node)
	}
	return nil
}
