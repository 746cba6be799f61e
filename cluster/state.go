package cluster

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"stentor/cluster/pki"
)

// What two nodes tell each other on push/pull, besides memberlist's own list:
//
//	version | length, certificate | signature 64 | sender | incarnation | seq | list
//	list of version 1: count | record...
//	list of version 2: groups | group...
//	group: node | incarnation | count | word...
//	word:  kind | seq | track | if carried: epoch | delay, us | hops before the node | path... | if signed: signature 64
//
// The signature is by the certificate's key over everything after it, with
// signedAs (and the version) before it. So the name that a node claims is checked
// against its certificate end to end, and what it says about itself is the whole truth.
// What it says about others counts as far as they signed it.
//
// Version 1 is v0.2's, whose words have no signatures. It is told as long as a
// member of that version is there, since a node does not know whom it tells; a group says
// once what its records repeat, a fifth of their bytes.
const (
	signedAs = "stentor gossip state "
	maxState = 4 << 20
)

var errState = errors.New("cluster: malformed state")

type state struct {
	version          byte
	sender           string
	incarnation, seq uint64
	list             []record // sorted by node, the sender's first
}

// shuffle turns the list so that it begins, after the sender's own words, with
// another node each time: where it does not fit, every node gets its turn.
func (s *state) shuffle() {
	own := slices.IndexFunc(s.list, func(w record) bool { return w.Node != s.sender })
	if own < 0 {
		return
	}
	others := s.list[own:]
	at := rand.IntN(len(others))
	for at > 0 && others[at-1].Node == others[at].Node {
		at--
	}
	s.list = slices.Concat(s.list[:own], others[at:], others[:at])
}

func stateSigned(version byte, body []byte) []byte {
	return append(append([]byte(signedAs), '0'+version, 0), body...)
}

// append writes as much of the list as fits, and says how many words do not.
func (s state) append(b []byte, c *pki.Credentials) (_ []byte, left int) {
	body := appendString(nil, s.sender)
	body = binary.AppendUvarint(body, s.incarnation)
	body = binary.AppendUvarint(body, s.seq)
	room := maxState - 16 - len(body) - len(c.Cert.Raw) - ed25519.SignatureSize
	var list []byte
	n := 0
	if s.version == 1 {
		list, n, left = s.records(room)
	} else {
		list, n, left = s.groups(room)
	}
	body = binary.AppendUvarint(body, uint64(n))
	body = append(body, list...)
	b = append(b, s.version)
	b = appendString(b, string(c.Cert.Raw))
	b = append(b, ed25519.Sign(c.Key, stateSigned(s.version, body))...)
	return append(b, body...), left
}

func (s state) records(room int) (b []byte, n, left int) {
	for _, w := range s.list {
		one := w.unsigned().append(nil)
		if len(b)+len(one) > room {
			return b, n, len(s.list) - n
		}
		b, n = append(b, one...), n+1
	}
	return b, n, 0
}

func (s state) groups(room int) (b []byte, n, left int) {
	for list := s.list; len(list) > 0; {
		end := slices.IndexFunc(list, func(w record) bool { return w.Node != list[0].Node || w.incarnation != list[0].incarnation })
		if end < 0 {
			end = len(list)
		}
		head := binary.AppendUvarint(appendString(nil, list[0].Node), list[0].incarnation)
		var words []byte
		count := 0
		for _, w := range list[:end] {
			one := w.appendWord(nil)
			if len(b)+len(head)+binary.MaxVarintLen64+len(words)+len(one) > room {
				break
			}
			words, count = append(words, one...), count+1
		}
		if count > 0 {
			b = binary.AppendUvarint(append(b, head...), uint64(count))
			b, n = append(b, words...), n+1
		}
		if list = list[count:]; count < end {
			return b, n, len(list)
		}
	}
	return b, n, 0
}

// appendWord is append without what the group says.
func (r record) appendWord(b []byte) []byte {
	b = append(b, r.kind())
	b = binary.AppendUvarint(b, r.seq)
	b = appendString(b, r.Track)
	if !r.gone {
		b = binary.AppendUvarint(b, r.Epoch)
		b = binary.AppendUvarint(b, uint64(r.Delay/time.Microsecond))
		b = appendPath(b, r.Path[:len(r.Path)-1])
	}
	return append(b, r.signature...)
}

func (r *reader) word(node string, incarnation uint64) record {
	w := record{Announcement: Announcement{Node: node}, incarnation: incarnation}
	kind := r.kind(&w)
	w.seq = r.uvarint()
	w.Track = r.string()
	if w.gone {
		r.checkGone(w)
	} else {
		r.carried(&w.Announcement, node)
	}
	r.signed(&w, kind)
	return w
}

// parseState reads a state and checks who it is from, against ca at now.
func parseState(b []byte, c *pki.Credentials, now time.Time) (state, error) {
	var s state
	if len(b) > maxState {
		return s, errState
	}
	r := reader{b: b}
	if s.version = r.byte(); s.version != 1 && s.version != 2 {
		return s, errState
	}
	der := r.bytes(r.uvarint())
	signature := r.bytes(ed25519.SignatureSize)
	if r.bad {
		return s, errState
	}
	id, cert, err := pki.Verify(der, c.CA, now)
	if err != nil {
		return s, fmt.Errorf("cluster: state: %w", err)
	}
	if !ed25519.Verify(cert.PublicKey.(ed25519.PublicKey), stateSigned(s.version, r.b), signature) {
		return s, fmt.Errorf("cluster: state of %s: wrong signature", id.Node)
	}
	s.sender = r.string()
	s.incarnation = r.uvarint()
	s.seq = r.uvarint()
	if s.sender != id.Node {
		return s, fmt.Errorf("cluster: %s says that it is %q", id.Node, s.sender)
	}
	if s.version == 1 {
		s.list = r.records()
	} else {
		s.list = r.groups()
	}
	if r.bad || len(r.b) > 0 {
		return s, errState
	}
	return s, nil
}

func (r *reader) records() (list []record) {
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		list = append(list, r.record())
	}
	return list
}

// groups refuses an empty one, and two in a row that should be one: a list has one
// form.
func (r *reader) groups() (list []record) {
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		node, incarnation := r.string(), r.uvarint()
		count := r.uvarint()
		if last := len(list) - 1; count == 0 || last >= 0 && list[last].Node == node && list[last].incarnation == incarnation {
			r.fail()
		}
		for ; count > 0 && !r.bad; count-- {
			list = append(list, r.word(node, incarnation))
		}
	}
	return list
}
