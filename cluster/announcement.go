package cluster

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"slices"
	"time"
)

const (
	maxTrack = 200 // bytes of a track's name
	maxPath  = 8   // nodes in a path; routing allows fewer
	maxName  = 63  // bytes of a node's name
	// maxTracks is how many tracks of one node are remembered. A webinar with
	// fifty on stage has a hundred.
	maxTracks = 4096
)

// Announcement says that a node carries a track, so that others may pull it there.
type Announcement struct {
	Node, Track string
	Epoch       uint64        // of the track's publisher
	Path        []string      // origin first, ends with Node
	Delay       time.Duration // origin to Node; whole microseconds travel
}

func (a Announcement) equal(b Announcement) bool {
	return a.Node == b.Node && a.Track == b.Track && a.Epoch == b.Epoch && a.Delay == b.Delay && slices.Equal(a.Path, b.Path)
}

func (a Announcement) check() error {
	switch {
	case a.Track == "" || len(a.Track) > maxTrack:
		return errors.New("cluster: an announced track needs a name of at most 200 bytes")
	case len(a.Path) == 0 || len(a.Path) > maxPath || a.Path[len(a.Path)-1] != a.Node:
		return errors.New("cluster: an announced path must end with the node itself, and have at most 8 nodes")
	case a.Delay < 0 || a.Delay > time.Minute:
		return errors.New("cluster: an announced delay must be between 0 and a minute")
	}
	for _, n := range a.Path {
		if n == "" || len(n) > maxName {
			return errors.New("cluster: an announced path has a node without a proper name")
		}
	}
	return nil
}

// record is the latest word of a node about one track: carried or gone. Of two
// words the one with the higher (incarnation, seq) holds.
//
//	kind | node | incarnation | seq | track | if carried: epoch | delay, us | count | path... | if signed: signature 64
//	kind: 1 carries, 2 gone; 3 and 4 the same, signed (v0.2 knows 1 and 2 only)
//
// Numbers are uvarints, strings have their length before them. The signature is by
// the node that speaks, over wordSignedAs and all bytes before it.
type record struct {
	Announcement
	incarnation, seq uint64
	gone             bool
	signature        []byte // 64 bytes, or none
	// proven: the signature has been checked, or the node's own signed state had it.
	proven bool
}

const wordSignedAs = "stentor gossip word 1\x00"

// sign puts the node's signature on its own word.
func (r *record) sign(key ed25519.PrivateKey) {
	r.signature = make([]byte, ed25519.SignatureSize) // for the kind
	r.signature, r.proven = ed25519.Sign(key, r.body([]byte(wordSignedAs))), true
}

// by reports whether the signature is by that key.
func (r record) by(key ed25519.PublicKey) bool {
	return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, r.body([]byte(wordSignedAs)), r.signature)
}

// unsigned is the word as v0.2 reads it.
func (r record) unsigned() record {
	r.signature = nil
	return r
}

func (r record) newer(than record) bool {
	if r.incarnation != than.incarnation {
		return r.incarnation > than.incarnation
	}
	return r.seq > than.seq
}

// supersedes is newer, or the same word with a signature, which can be passed on.
func (r record) supersedes(than record) bool {
	return r.newer(than) || r.incarnation == than.incarnation && r.seq == than.seq && r.signature != nil && than.signature == nil
}

func (r record) append(b []byte) []byte { return append(r.body(b), r.signature...) }

// body is all but the signature.
func (r record) body(b []byte) []byte {
	b = append(b, r.kind())
	b = appendString(b, r.Node)
	b = binary.AppendUvarint(b, r.incarnation)
	b = binary.AppendUvarint(b, r.seq)
	b = appendString(b, r.Track)
	if r.gone {
		return b
	}
	b = binary.AppendUvarint(b, r.Epoch)
	b = binary.AppendUvarint(b, uint64(r.Delay/time.Microsecond))
	return appendPath(b, r.Path)
}

func (r record) kind() byte {
	kind := byte(1)
	if r.gone {
		kind = 2
	}
	if r.signature != nil {
		kind += 2
	}
	return kind
}

func appendPath(b []byte, path []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(path)))
	for _, n := range path {
		b = appendString(b, n)
	}
	return b
}

// record reads one; what it gives has its signature in memory of its own.
func (r *reader) record() record {
	var w record
	kind := r.kind(&w)
	w.Node = r.string()
	w.incarnation = r.uvarint()
	w.seq = r.uvarint()
	w.Track = r.string()
	if w.gone {
		r.checkGone(w)
	} else {
		r.carried(&w.Announcement)
	}
	r.signed(&w, kind)
	return w
}

func (r *reader) kind(w *record) byte {
	kind := r.byte()
	if kind < 1 || kind > 4 {
		r.fail()
	}
	w.gone = kind == 2 || kind == 4
	return kind
}

func (r *reader) signed(w *record, kind byte) {
	if kind > 2 {
		w.signature = bytes.Clone(r.bytes(ed25519.SignatureSize))
	}
}

func (r *reader) checkGone(w record) {
	if w.Node == "" || len(w.Node) > maxName || w.Track == "" || len(w.Track) > maxTrack {
		r.fail()
	}
}

// carried reads what only a carried track has; last is the end of its path where
// that is not written.
func (r *reader) carried(a *Announcement, last ...string) {
	a.Epoch = r.uvarint()
	delay := r.uvarint()
	n := r.uvarint()
	if delay > uint64(time.Minute/time.Microsecond) || n > maxPath {
		r.fail()
		return
	}
	a.Delay = time.Duration(delay) * time.Microsecond
	for range n {
		a.Path = append(a.Path, r.string())
	}
	a.Path = append(a.Path, last...)
	if r.bad || a.check() != nil {
		r.fail()
	}
}

func parseRecord(b []byte) (record, bool) {
	r := reader{b: b}
	w := r.record()
	return w, !r.bad && len(r.b) == 0
}
