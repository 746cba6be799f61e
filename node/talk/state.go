package talk

import (
	"crypto/sha256"
	"encoding/base32"
	"maps"
	"slices"
	"strings"
)

// What a state holds at most. Told again as a whole it comes to some 1,700 packets, less than half of what a track's
// ring keeps, so that whoever begins with the oldest message of the ring finds all of it: see origin.again.
const (
	maxLines     = 500
	maxQuestions = 500
	maxPolls     = 50
	maxMarks     = 100_000   // votes on everything together
	heavyLines   = 512 << 10 // bytes
	heavyAsked   = 512 << 10
	heavyPolls   = 128 << 10
)

// State is a talk, folded from its entries. The same set of entries gives the same state, in whatever order and however
// often they are applied, as long as nothing had to go for others. It belongs to one goroutine.
type State struct {
	lines     shelf
	questions shelf
	polls     shelf
	captions  shelf
	marks     int
	rev       uint64
	reactions map[string]int // since this node follows the talk
	reacted   uint64         // rev of the last
}

// NewState returns the state of a talk in which nothing was said.
func NewState() *State {
	return &State{
		lines: shelf{most: maxLines, heaviest: heavyLines}, questions: shelf{most: maxQuestions, heaviest: heavyAsked},
		polls: shelf{most: maxPolls, heaviest: heavyPolls}, captions: shelf{most: maxCaptions, heaviest: heavyCaptions}, reactions: make(map[string]int),
	}
}

// markSize is the length of a mark. Among the 100,000 of a state, two people share theirs once in some 60,000 webinars.
const markSize = 6

// mark stands for a person at a poll or question, so that a vote says who has voted to nobody, and counts once.
type mark [markSize]byte

func markOf(participant, of string) (m mark) {
	sum := sha256.Sum256([]byte(of + "\x00" + participant))
	copy(m[:], sum[:])
	return m
}

// idLength is the length of an entry's ID.
const idLength = 20

// idOf names what a participant's page calls key, so that it comes once however often it is sent, and nobody can
// take another's.
func idOf(participant, key string) string {
	sum := sha256.Sum256([]byte(participant + "\x00" + key))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:idLength])
}

// Empty reports whether nothing was said.
func (s *State) Empty() bool {
	return len(s.lines.items)+len(s.questions.items)+len(s.polls.items)+len(s.captions.items) == 0
}

// shelf returns where items of a kind are; nil for what is no item.
func (s *State) shelf(k Kind) *shelf {
	switch k {
	case Chat:
		return &s.lines
	case Question:
		return &s.questions
	case Poll:
		return &s.polls
	case Caption:
		return &s.captions
	}
	return nil
}

// shelves are where the items are, in the order in which they are told.
func (s *State) shelves() []*shelf {
	return []*shelf{&s.lines, &s.questions, &s.polls, &s.captions}
}

// Apply takes an entry, and reports whether it told anything new. An entry that cannot be is passed over.
func (s *State) Apply(e Entry) bool {
	if !e.sound() {
		return false
	}
	switch e.Kind {
	case Marks:
		return s.mark(e)
	case Reaction:
		return s.react(e)
	case Reign:
		return false
	}
	on := s.shelf(e.Kind)
	i := on.by[e.ID]
	if i == nil {
		return s.add(on, e)
	}
	before := len(i.marks)
	if !i.merge(e) {
		return false
	}
	s.marks -= before - len(i.marks)
	on.reweigh(i)
	s.touch(i)
	return true
}

func (s *State) add(on *shelf, e Entry) bool {
	if e.Deleted {
		e = Entry{Kind: e.Kind, ID: e.ID, At: e.At, Deleted: true}
	}
	i := &item{Entry: e}
	s.touch(i)
	stays := true
	for _, gone := range on.put(i) {
		s.marks -= len(gone.marks)
		stays = stays && gone != i
	}
	return stays
}

func (s *State) touch(i *item) {
	s.rev++
	i.rev = s.rev
}

// find returns the question or poll of that ID; nil if there is none.
func (s *State) find(id string) *item {
	if i := s.questions.by[id]; i != nil {
		return i
	}
	return s.polls.by[id]
}

// mark counts votes.
func (s *State) mark(e Entry) bool {
	i := s.find(e.Of)
	if i == nil || i.Deleted || !i.choices(e.Choice) {
		return false
	}
	told := false
	for m := range slices.Chunk(e.Marks, markSize) {
		if s.marks >= maxMarks {
			break
		}
		fresh, changed := i.vote(mark(m), e.Choice)
		if fresh {
			s.marks++
		}
		told = told || changed
	}
	if told {
		s.touch(i)
	}
	return told
}

// mostReacted bounds one count of an entry: more do not clap between two of them.
const mostReacted = 1 << 20

func (s *State) react(e Entry) bool {
	told := false
	for _, name := range Reactions {
		if n := e.Counts[name]; n > 0 && n <= mostReacted {
			s.reactions[name] += n
			told = true
		}
	}
	if told {
		s.rev++
		s.reacted = s.rev
	}
	return told
}

// Entries is the state told again: what makes it when it is applied to an empty one.
func (s *State) Entries() []Entry {
	var out []Entry
	for _, on := range s.shelves() {
		for _, i := range on.items {
			out = append(out, i.Entry)
			out = append(out, marksOf(i, i.marks)...)
		}
	}
	return out
}

// marksAtOnce is how many marks go into one entry: 8 KB in base64.
const marksAtOnce = 1000

// marksOf tells marks of an item, by choice.
func marksOf(i *item, marks map[mark]uint16) []Entry {
	by := make(map[uint16][]mark)
	for m, choice := range marks {
		by[choice] = append(by[choice], m)
	}
	var out []Entry
	for _, choice := range slices.Sorted(maps.Keys(by)) {
		slices.SortFunc(by[choice], func(a, b mark) int { return strings.Compare(string(a[:]), string(b[:])) })
		for some := range slices.Chunk(by[choice], marksAtOnce) {
			e := Entry{Kind: Marks, Of: i.ID, Choice: choice}
			for _, m := range some {
				e.Marks = append(e.Marks, m[:]...)
			}
			out = append(out, e)
		}
	}
	return out
}

// Beyond is what s holds and o does not, as entries that tell o.
func (s *State) Beyond(o *State) []Entry {
	var out []Entry
	theirs := o.shelves()
	for n, on := range s.shelves() {
		there := theirs[n]
		for _, i := range on.items {
			known := there.by[i.ID]
			if known == nil {
				out = append(append(out, i.Entry), marksOf(i, i.marks)...)
				continue
			}
			if copied := *known; copied.merge(i.Entry) {
				out = append(out, i.Entry)
			}
			missing := make(map[mark]uint16)
			for m, choice := range i.marks {
				if _, ok := known.marks[m]; !ok && !known.Deleted {
					missing[m] = choice
				}
			}
			out = append(out, marksOf(i, missing)...)
		}
	}
	return out
}
