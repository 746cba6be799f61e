package talk

import (
	"slices"
	"unicode/utf8"
)

// item is a line, a question or a poll, with what was voted on it.
type item struct {
	Entry
	rev    uint64 // of the state that changed it last
	weight int    // bytes
	marks  map[mark]uint16
	tally  [MaxOptions]int
}

// weigh is about what an item costs on the wire.
func (i *item) weigh() int {
	n := 150 + len(i.Lang) + len(i.ID) + len(i.By) + len(i.Name) + text(i.Text) + text(i.Answer)
	for _, o := range i.Options {
		n += 4 + text(o)
	}
	return n
}

// text is how long JSON writes it at most: a quote takes two bytes, and what is no character six.
func text(s string) int {
	n := len(s)
	for _, r := range s {
		switch {
		case r == '"' || r == '\\' || r == '\n':
			n++
		case r < ' ' || r == utf8.RuneError || r == '\u2028' || r == '\u2029':
			n += 5
		}
	}
	return n
}

// vote takes a mark, and reports whether it is new. Of two by one person, which two origins took while they could not
// hear each other, the smaller counts, everywhere.
func (i *item) vote(m mark, choice uint16) (fresh, changed bool) {
	old, there := i.marks[m]
	if there && old <= choice {
		return false, false
	}
	if i.marks == nil {
		i.marks = make(map[mark]uint16)
	}
	i.count(old, -1)
	i.count(choice, 1)
	i.marks[m] = choice
	return !there, true
}

func (i *item) count(choice uint16, n int) {
	for o := range i.tally {
		if choice&(1<<o) != 0 {
			i.tally[o] += n
		}
	}
}

// choices reports whether a choice can be made of the item's options.
func (i *item) choices(choice uint16) bool {
	if i.Kind == Question {
		return choice == 1
	}
	one := choice&(choice-1) == 0
	return choice != 0 && choice < 1<<len(i.Options) && (one || i.Many)
}

// merge takes what another entry of the same ID knows better, and reports whether there was anything. It is the same
// whatever comes first.
func (i *item) merge(e Entry) bool {
	switch {
	case i.Deleted:
		return false
	case e.Deleted:
		i.Entry = Entry{Kind: i.Kind, ID: i.ID, At: i.At, Deleted: true}
		i.marks, i.tally = nil, [MaxOptions]int{}
	case i.Kind == Question && (e.Changed > i.Changed || e.Changed == i.Changed && e.Status.rank() > i.Status.rank()):
		i.Status, i.Answer, i.Changed = e.Status, e.Answer, e.Changed
	case i.Kind == Caption && i.rewrites(e):
		i.Lang, i.Text, i.Draft, i.Changed = e.Lang, e.Text, e.Draft, e.Changed
	case i.Kind == Poll && e.Closed && !i.Closed:
		i.Closed = true
	default:
		return false
	}
	return true
}

// shelf holds the newest items of one kind, in order.
type shelf struct {
	most     int // items
	heaviest int // bytes
	items    []*item
	by       map[string]*item
	weight   int
}

// put inserts an item, and returns what had to go for it, which may be the item itself.
func (s *shelf) put(i *item) (gone []*item) {
	if s.by == nil {
		s.by = make(map[string]*item)
	}
	at, _ := slices.BinarySearchFunc(s.items, i, func(a, b *item) int { return a.before(b.Entry) })
	s.items = slices.Insert(s.items, at, i)
	s.by[i.ID] = i
	s.reweigh(i)
	for len(s.items) > s.most || s.weight > s.heaviest && len(s.items) > 1 {
		old := s.items[0]
		s.items = slices.Delete(s.items, 0, 1)
		delete(s.by, old.ID)
		s.weight -= old.weight
		gone = append(gone, old)
	}
	return gone
}

// reweigh counts an item's bytes again.
func (s *shelf) reweigh(i *item) {
	s.weight -= i.weight
	i.weight = i.weigh()
	s.weight += i.weight
}

// full reports whether something would have to go for one more of n bytes.
func (s *shelf) full(n int) bool { return len(s.items) >= s.most || s.weight+n > s.heaviest }
