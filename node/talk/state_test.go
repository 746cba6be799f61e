package talk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"stentor/control/webinar"
	"stentor/relay"
)

var noon = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

// script plays a talk by many people on one state and returns its entries.
func script(t testing.TB, seed uint64, steps int) (*State, []Entry) {
	random := rand.New(rand.NewPCG(seed, 1))
	s := NewState()
	var out []Entry
	ids := []string{"nothing"}
	for n := range steps {
		who := Speaker{Standing: webinar.Standing{Participant: fmt.Sprint("p_", random.IntN(20))}, Name: "Ada"}
		role := []webinar.Role{webinar.Attendee, webinar.Moderator}[random.IntN(2)]
		said := Said{
			Act: []Act{Say, Say, Ask, Vote, Vote, Vote, React, Delete, Review, AskAll, EndPoll, Transcribe, Transcribe, Transcribe}[random.IntN(14)], Key: fmt.Sprint("k", random.IntN(steps)),
			Text: fmt.Sprint("text ", n), Of: ids[random.IntN(len(ids))], Status: []Status{Approved, Answered, Dismissed}[random.IntN(3)],
			Options: []string{"yes", "no", "perhaps"}, Many: random.IntN(2) == 0, Choice: []int{random.IntN(3)}, Reaction: Reactions[random.IntN(len(Reactions))],
			Language: []string{"de", "pt-BR", "no such language"}[random.IntN(3)], Draft: random.IntN(3) > 0,
		}
		if said.Act == Review && said.Status != Answered {
			said.Text = ""
		}
		entries, err := decide(s, role, who, said, noon.Add(time.Duration(random.IntN(5))*time.Millisecond+time.Duration(n)*time.Second))
		var denial *webinar.Denial
		if err != nil && !errors.As(err, &denial) {
			t.Fatalf("%v is no sentence for people", err)
		}
		for _, e := range entries {
			if !e.sound() {
				t.Fatalf("what was decided is not sound: %+v", e)
			}
			if s.Apply(e) {
				out = append(out, e)
			}
			if e.ID != "" {
				ids = append(ids, e.ID)
			}
		}
	}
	return s, out
}

// told is all that a state would tell, to compare it by.
func told(s *State) string {
	b, err := json.Marshal(s.Entries())
	if err != nil {
		panic(err)
	}
	return string(b)
}

func fold(entries []Entry) *State {
	s := NewState()
	for _, e := range entries {
		s.Apply(e)
	}
	return s
}

// items puts what is no vote first: a vote for what is not known yet is passed over.
func items(entries []Entry) []Entry {
	out := slices.Clone(entries)
	slices.SortStableFunc(out, func(a, b Entry) int {
		switch {
		case (a.Kind == Marks) == (b.Kind == Marks):
			return 0
		case b.Kind == Marks:
			return -1
		}
		return 1
	})
	return out
}

func TestTheSameEntriesGiveTheSameStateInAnyOrder(t *testing.T) {
	for seed := range uint64(40) {
		s, entries := script(t, seed, 300)
		want := told(s)
		random := rand.New(rand.NewPCG(seed, 2))
		for range 5 {
			twice := slices.Concat(entries, entries[:random.IntN(len(entries))])
			random.Shuffle(len(twice), func(i, j int) { twice[i], twice[j] = twice[j], twice[i] })
			if got := told(fold(items(twice))); got != want {
				t.Fatalf("seed %d: another order gives another state:\n%s\n%s", seed, got, want)
			}
		}
		again := fold(s.Entries())
		if told(again) != want || again.marks != s.marks {
			t.Fatalf("seed %d: the state told again is another", seed)
		}
		for _, e := range s.Entries() {
			if s.Apply(e) {
				t.Fatalf("seed %d: %+v is new to who told it", seed, e)
			}
		}
	}
}

func TestWhatOneOriginLacksTheOthersBring(t *testing.T) {
	for seed := range uint64(40) {
		whole, entries := script(t, seed, 300)
		entries = items(entries)
		random := rand.New(rand.NewPCG(seed, 3))
		cut := random.IntN(len(entries))
		a, b := fold(entries[:cut]), whole
		for _, e := range b.Beyond(a) {
			a.Apply(e)
		}
		if told(a) != told(b) {
			t.Fatalf("seed %d, %d of %d: what is beyond does not make up for it", seed, cut, len(entries))
		}
		if more := b.Beyond(a); len(more) != 0 {
			t.Fatalf("seed %d: there is still more: %+v", seed, more)
		}
	}
}

func TestAStateHasBounds(t *testing.T) {
	long := strings.Repeat("\U0001F30A", MaxText)
	s := NewState()
	for n := range 3 * maxLines {
		s.Apply(Entry{Kind: Chat, ID: fmt.Sprint(n), At: int64(n + 1), By: "p_1", Name: "Ada", Text: long})
	}
	if n := len(s.lines.items); n > maxLines || s.lines.weight > heavyLines || s.lines.items[n-1].ID != fmt.Sprint(3*maxLines-1) || n != len(s.lines.by) {
		t.Errorf("%d lines of %d bytes, %d by ID", len(s.lines.items), s.lines.weight, len(s.lines.by))
	}
	if s.Apply(Entry{Kind: Chat, ID: "old", At: 1, By: "p_1", Name: "Ada", Text: long}) {
		t.Error("what is older than a full shelf came onto it")
	}
	for n := range 3 * maxPolls {
		s.Apply(Entry{Kind: Poll, ID: fmt.Sprint("p", n), At: int64(n + 1), Text: "?", Options: []string{"a", "b"}})
		for v := range 3000 {
			m := markOf(fmt.Sprint(v), fmt.Sprint("p", n))
			s.Apply(Entry{Kind: Marks, Of: fmt.Sprint("p", n), Choice: 1, Marks: m[:]})
		}
		if s.marks > maxMarks {
			t.Fatalf("%d marks", s.marks)
		}
	}
	sum := 0
	for _, i := range s.polls.items {
		sum += len(i.marks)
	}
	if len(s.polls.items) != maxPolls || sum != s.marks {
		t.Errorf("%d polls with %d marks, of which the state knows %d", len(s.polls.items), sum, s.marks)
	}
}

// TestAFullStateFitsTheRingTwice is what origin.again rests on: a ring of 4,096 packets holds everything told twice and
// what is said in between.
func TestAFullStateFitsTheRingTwice(t *testing.T) {
	s := NewState()
	text := strings.Repeat(`"`, MaxText)
	for n := range maxLines * 2 {
		s.Apply(Entry{Kind: Chat, ID: fmt.Sprintf("%020d", n), At: noon.UnixMilli() + int64(n), By: "p_abcdefghijklmnop", Name: "Ada", Role: "attendee", Text: text})
		s.Apply(Entry{Kind: Question, ID: fmt.Sprintf("q%019d", n), At: noon.UnixMilli() + int64(n), By: "p_abcdefghijklmnop", Name: "Ada", Role: "attendee", Text: text, Status: Answered, Answer: text})
	}
	option := strings.Repeat("x", MaxOption-2)
	for n := range maxPolls {
		e := Entry{Kind: Poll, ID: fmt.Sprintf("p%019d", n), At: noon.UnixMilli() + int64(n), Text: text}
		for o := range MaxOptions {
			e.Options = append(e.Options, fmt.Sprint(option, o))
		}
		s.Apply(e)
	}
	for n := range maxMarks {
		m := markOf(fmt.Sprint(n), fmt.Sprint(n))
		s.Apply(Entry{Kind: Marks, Of: s.polls.items[n%10].ID, Choice: 1 << (n % 10), Marks: m[:]})
	}
	for n := range 2 * maxCaptions {
		s.Apply(Entry{Kind: Caption, ID: fmt.Sprintf("c%019d", n), At: noon.UnixMilli() + int64(n), By: "p_abcdefghijklmnop", Lang: "pt-br", Changed: noon.UnixMilli(), Text: text[:MaxCaption]})
	}
	packets := 0
	for _, m := range pack(s.Entries()) {
		if len(m) > relay.MaxMessage {
			t.Fatalf("a message of %d bytes", len(m))
		}
		packets += (len(m) + packetSize - 1) / packetSize
	}
	if s.marks != maxMarks || 2*packets+againAfter+20 > 4096 || packets < 1000 {
		t.Errorf("%d marks, %d packets", s.marks, packets)
	}
}

func TestMessagesComeBackAsTheyWere(t *testing.T) {
	s, _ := script(t, 7, 2000)
	var back []Entry
	for _, m := range pack(s.Entries()) {
		back = append(back, unpack(m)...)
	}
	if told(fold(back)) != told(s) {
		t.Error("something was lost on the way")
	}
	if len(pack(nil)) != 0 || unpack([]byte("no")) != nil {
		t.Error("nothing is something")
	}
	if line := encode(Entry{Kind: Chat, Text: "<img onerror=x> & \u2028"}); !bytes.Contains(line, []byte("<img onerror=x> & ")) {
		t.Errorf("%s", line)
	}
}

func TestOneVoteAPerson(t *testing.T) {
	s := NewState()
	s.Apply(Entry{Kind: Poll, ID: "p", At: 1, Text: "?", Options: []string{"a", "b"}})
	m := markOf("p_1", "p")
	for _, step := range []struct {
		what   string
		choice uint16
		told   bool
		want   [2]int
	}{
		{"two at once where one is to be chosen", 3, false, [2]int{}},
		{"an option that is not there", 4, false, [2]int{}},
		{"the second", 2, true, [2]int{0, 1}},
		{"the second again", 2, false, [2]int{0, 1}},
		{"the first, by another origin: the smaller counts", 1, true, [2]int{1, 0}},
		{"the second, once more", 2, false, [2]int{1, 0}},
	} {
		if told := s.Apply(Entry{Kind: Marks, Of: "p", Choice: step.choice, Marks: m[:]}); told != step.told || [2]int(s.polls.by["p"].tally[:2]) != step.want || s.marks > 1 {
			t.Errorf("%s: told %t, %v", step.what, told, s.polls.by["p"].tally)
		}
	}
}

// FuzzEntries: whatever another node tells costs no more than its bounds, and folds twice as once.
func FuzzEntries(f *testing.F) {
	_, entries := script(f, 1, 50)
	for _, m := range pack(entries) {
		f.Add(m)
	}
	f.Add([]byte(`{"e":[{"k":"marks","of":"x","v":65535,"w":"AAAAAAAA"},{"k":"chat","id":"x","at":-1}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > relay.MaxMessage {
			return
		}
		entries := items(unpack(b))
		s := fold(entries)
		if told(fold(append(slices.Clone(entries), entries...))) != told(s) && slices.ContainsFunc(entries, Entry.sound) {
			conflict := map[string]bool{}
			for _, e := range entries { // two different things of one ID are no talk of ours
				if e.ID != "" && conflict[e.ID] {
					return
				}
				conflict[e.ID] = true
			}
			t.Errorf("twice is not once: %s", b)
		}
		if told(fold(s.Entries())) != told(s) {
			t.Errorf("told again it is another: %s", told(s))
		}
		for _, v := range []Viewer{{}, {"p_1", true}} {
			s.news(&cursor{}, v)
			s.older(v, "x")
		}
	})
}
