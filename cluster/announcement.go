package cluster

import (
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
//	kind (1 carries, 2 gone) | node | incarnation | seq | track | if carried: epoch | delay, us | count | path...
//
// Numbers are uvarints, strings have their length before them.
type record struct {
	Announcement
	incarnation, seq uint64
	gone             bool
}

func (r record) newer(than record) bool {
	if r.incarnation != than.incarnation {
		return r.incarnation > than.incarnation
	}
	return r.seq > than.seq
}

func (r record) append(b []byte) []byte {
	if r.gone {
		b = append(b, 2)
	} else {
		b = append(b, 1)
	}
	b = appendString(b, r.Node)
	b = binary.AppendUvarint(b, r.incarnation)
	b = binary.AppendUvarint(b, r.seq)
	b = appendString(b, r.Track)
	if r.gone {
		return b
	}
	b = binary.AppendUvarint(b, r.Epoch)
	b = binary.AppendUvarint(b, uint64(r.Delay/time.Microsecond))
	b = binary.AppendUvarint(b, uint64(len(r.Path)))
	for _, n := range r.Path {
		b = appendString(b, n)
	}
	return b
}

func (r *reader) record() record {
	var w record
	kind := r.byte()
	w.gone = kind == 2
	w.Node = r.string()
	w.incarnation = r.uvarint()
	w.seq = r.uvarint()
	w.Track = r.string()
	if w.gone {
		if w.Node == "" || len(w.Node) > maxName || w.Track == "" || len(w.Track) > maxTrack {
			r.fail()
		}
		return w
	}
	w.Epoch = r.uvarint()
	delay := r.uvarint()
	n := r.uvarint()
	if kind != 1 || delay > uint64(time.Minute/time.Microsecond) || n > maxPath {
		r.fail()
		return w
	}
	w.Delay = time.Duration(delay) * time.Microsecond
	for range n {
		w.Path = append(w.Path, r.string())
	}
	if r.bad || w.check() != nil {
		r.fail()
	}
	return w
}

func parseRecord(b []byte) (record, bool) {
	r := reader{b: b}
	w := r.record()
	return w, !r.bad && len(r.b) == 0
}
