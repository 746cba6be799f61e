package cluster

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	// tombstone is how long it is remembered that a track is gone: longer than
	// an old word about it can travel. Every node exchanges all it knows twice
	// in half a minute on average, so that ten minutes are twenty exchanges.
	tombstone = 10 * time.Minute
	// strangers is how many nodes may announce before they are known as
	// members; their membership is usually in the next packet.
	strangers = 64
	// strangerTime is how long a node may announce without being a member.
	strangerTime = time.Minute
	// strangerTracks is how much of one stranger is kept: nobody has checked who
	// speaks. The rest comes with the next exchange.
	strangerTracks = 256
	// maxOwn is how many words a node has about itself, with those about tracks that
	// it never carried and only denies.
	maxOwn = 2 * maxTracks
)

// tracks is the latest word of every node about every track. It reads no clock
// and sends nothing. Words may come in any order and any number of times; the
// result is the same.
type tracks struct {
	self        string
	incarnation uint64 // under which self speaks
	seq         uint64
	nodes       map[string]*words
	sign        func(*record) // own words, when they are said; nil leaves them as they are
}

// words are those of one node in its latest incarnation.
type words struct {
	incarnation uint64
	tracks      map[string]word
	heard       time.Time
}

type word struct {
	record
	at time.Time
}

func newTracks(self string, incarnation uint64) *tracks {
	return &tracks{self: self, incarnation: incarnation, nodes: map[string]*words{}}
}

// say makes this node's own next word about a track; ok is false when there is
// nothing new in it.
func (t *tracks) say(a Announcement, gone bool, now time.Time) (w record, ok bool) {
	a.Node = t.self
	a.Delay = a.Delay.Truncate(time.Microsecond)
	old, known := t.own().tracks[a.Track]
	if gone {
		if !known || old.gone {
			return w, false
		}
		a = Announcement{Node: t.self, Track: a.Track}
	} else if known && !old.gone && same(old.Announcement, a) {
		return w, false
	}
	return t.put(a, gone, now), true
}

func (t *tracks) put(a Announcement, gone bool, now time.Time) record {
	t.seq++
	w := record{Announcement: a, incarnation: t.incarnation, seq: t.seq, gone: gone}
	if t.sign != nil {
		t.sign(&w)
	}
	t.own().tracks[a.Track] = word{w, now}
	return w
}

func (t *tracks) own() *words {
	n := t.nodes[t.self]
	if n == nil {
		n = &words{incarnation: t.incarnation, tracks: map[string]word{}}
		t.nodes[t.self] = n
	}
	return n
}

// same holds back words in which only the delay changed, by less than a tenth or
// 5 ms: routing would not act on it.
func same(old, a Announcement) bool {
	d := (a.Delay - old.Delay).Abs()
	if d < 5*time.Millisecond || d < old.Delay/10 {
		a.Delay = old.Delay
	}
	return old.equal(a)
}

// epochs is what membership knows: the epoch of a node's latest start.
type epochs func(node string) (epoch uint64, known bool)

// news reports whether a word is worth looking at: not heard before, of a node that
// may speak, within the bounds.
func (t *tracks) news(w record, member epochs) bool {
	if w.Node == t.self {
		old, said := t.own().tracks[w.Track]
		return w.incarnation >= t.incarnation && !(said && !w.newer(old.record))
	}
	epoch, known := member(w.Node)
	n := t.nodes[w.Node]
	if w.incarnation < epoch || n == nil && !known && t.unknown(member) >= strangers {
		return false
	}
	if n == nil || w.incarnation > n.incarnation {
		return true
	}
	if w.incarnation < n.incarnation {
		return false
	}
	old, ok := n.tracks[w.Track]
	if ok {
		return w.supersedes(old.record)
	}
	return len(n.tracks) < maxTracks && (known || len(n.tracks) < strangerTracks)
}

// hear takes a word from the network. changed: it was news (worth passing on).
// answers are this node's corrections of a word about itself that it never said.
func (t *tracks) hear(w record, member epochs, now time.Time) (changed bool, answers []record) {
	if w.Node == t.self {
		return false, t.correct(w, now)
	}
	if !t.news(w, member) {
		return false, nil
	}
	n := t.nodes[w.Node]
	if n == nil || w.incarnation > n.incarnation {
		n = &words{incarnation: w.incarnation, tracks: map[string]word{}}
		t.nodes[w.Node] = n
	}
	n.heard = now
	n.tracks[w.Track] = word{w, now}
	return true, nil
}

func (t *tracks) unknown(member epochs) (n int) {
	for node := range t.nodes {
		if _, known := member(node); node != t.self && !known {
			n++
		}
	}
	return n
}

// correct answers a word about this node. Only the node itself says what it
// carries: if others hold something newer or else than it said (from before a
// restart whose epoch did not grow, or forged), it speaks again, louder.
func (t *tracks) correct(w record, now time.Time) []record {
	old, said := t.own().tracks[w.Track]
	switch {
	case w.incarnation < t.incarnation, said && !w.newer(old.record):
		return nil
	case w.incarnation > t.incarnation:
		return t.restart(w.incarnation+1, now)
	}
	t.seq = max(t.seq, w.seq)
	if !said && len(t.own().tracks) >= maxOwn {
		return nil
	}
	if !said || old.gone {
		return []record{t.put(Announcement{Node: t.self, Track: w.Track}, true, now)}
	}
	return []record{t.put(old.Announcement, false, now)}
}

// again says everything again, signed by a new key.
func (t *tracks) again(now time.Time) (list []record) {
	for _, track := range slices.Sorted(maps.Keys(t.own().tracks)) {
		w := t.own().tracks[track]
		list = append(list, t.put(w.Announcement, w.gone, now))
	}
	return list
}

// restart says everything again under a new incarnation.
func (t *tracks) restart(incarnation uint64, now time.Time) []record {
	before := t.own().tracks
	t.incarnation, t.seq = incarnation, 0
	delete(t.nodes, t.self)
	var list []record
	for _, track := range slices.Sorted(maps.Keys(before)) {
		if w := before[track]; !w.gone {
			list = append(list, t.put(w.Announcement, false, now))
		}
	}
	return list
}

// started drops what a node said before its latest start, and of the rest what
// was heard before anyone could check it and does not hold. What does is returned, to
// be passed on.
func (t *tracks) started(node string, epoch uint64, holds func(record) bool) (news []record) {
	n := t.nodes[node]
	if n == nil || node == t.self {
		return nil
	}
	if n.incarnation < epoch {
		delete(t.nodes, node)
		return nil
	}
	for track, w := range n.tracks {
		if w.proven {
			continue
		}
		if w.proven = holds(w.record); !w.proven {
			delete(n.tracks, track)
			continue
		}
		n.tracks[track] = w
		news = append(news, w.record)
	}
	return news
}

// whole takes a node's own complete list, which it signed: tracks that are not in
// it, and about which there is no newer word, are gone.
func (t *tracks) whole(node string, incarnation, seq uint64, list []record) (changed bool) {
	n := t.nodes[node]
	if n == nil || node == t.self || n.incarnation != incarnation {
		return false
	}
	said := make(map[string]bool, len(list))
	for _, w := range list {
		if w.Node == node {
			said[w.Track] = true
		}
	}
	for track, w := range n.tracks {
		if !said[track] && w.seq <= seq {
			delete(n.tracks, track)
			changed = changed || !w.gone
		}
	}
	return changed
}

// forget drops what a node said.
func (t *tracks) forget(node string) { delete(t.nodes, node) }

// prune drops tombstones that have done their work, and strangers that did not
// become members.
func (t *tracks) prune(member epochs, now time.Time) {
	for node, n := range t.nodes {
		if _, known := member(node); node != t.self && !known && now.Sub(n.heard) > strangerTime {
			delete(t.nodes, node)
			continue
		}
		maps.DeleteFunc(n.tracks, func(_ string, w word) bool { return w.gone && now.Sub(w.at) > tombstone })
	}
}

// carriers are the nodes that say they carry a track, sorted.
func (t *tracks) carriers(track string, alive func(node string) bool) []Announcement {
	var list []Announcement
	for node, n := range t.nodes {
		if w, ok := n.tracks[track]; ok && !w.gone && alive(node) {
			a := w.Announcement
			a.Path = slices.Clone(a.Path)
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b Announcement) int { return strings.Compare(a.Node, b.Node) })
	return list
}

// all are the words of the nodes that pass the filter, this one first, sorted.
func (t *tracks) all(which func(node string) bool) []record {
	var list []record
	for node, n := range t.nodes {
		if which(node) {
			for _, w := range n.tracks {
				list = append(list, w.record)
			}
		}
	}
	rank := func(node string) string { // no node has an empty name
		if node == t.self {
			return ""
		}
		return node
	}
	slices.SortFunc(list, func(a, b record) int {
		return cmp.Or(strings.Compare(rank(a.Node), rank(b.Node)), strings.Compare(a.Track, b.Track))
	})
	return list
}

// counts are the tracks that are carried, here and anywhere.
func (t *tracks) counts() (own, all int) {
	for node, n := range t.nodes {
		for _, w := range n.tracks {
			if !w.gone {
				all++
				if node == t.self {
					own++
				}
			}
		}
	}
	return own, all
}
