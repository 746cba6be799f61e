package slots

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOrder(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	for _, c := range []struct {
		name string
		in   []Stream
		want string
	}{
		{"main comes first, whoever was there before", []Stream{{"ann", at(1), 0}, {"main", at(9), 0}}, "main ann"},
		{"a shared screen comes before a speaker", []Stream{{"ann", at(1), 1}, {"screen-b", at(5), 0}, {"main", at(2), 2}}, "main screen-b ann"},
		{"who speaks comes before who was there before", []Stream{{"ann", at(1), 0}, {"bob", at(2), 2}, {"cat", at(3), 1}}, "cat bob ann"},
		{"of the silent who was there before", []Stream{{"cat", at(3), 0}, {"ann", at(1), 0}, {"bob", at(2), 0}}, "ann bob cat"},
		{"at the same moment by name", []Stream{{"bob", at(1), 0}, {"ann", at(1), 0}}, "ann bob"},
	} {
		t.Run(c.name, func(t *testing.T) {
			Order(c.in)
			var got []string
			for _, s := range c.in {
				got = append(got, s.Name)
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("got %s, want %s", s, c.want)
			}
		})
	}
}

func TestAudible(t *testing.T) {
	for _, c := range []struct {
		name         string
		all, loudest string
		sections     int
		want         string
	}{
		{"all where they fit", "main a b", "b", 3, "main a b"},
		{"else the three loudest, main among them", "main a b c d", "d c b", 4, "main d c"},
		{"with nobody speaking, who comes first", "main a b c d", "", 4, "main a b"},
		{"no more than there are sections", "main a b", "b a", 1, "main"},
		{"nobody who is not there any more", "main a b c", "gone c", 2, "main c"},
		{"nobody", "", "", 2, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := strings.Join(Audible(strings.Fields(c.all), strings.Fields(c.loudest), c.sections), " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAssign(t *testing.T) {
	for _, c := range []struct {
		name       string
		held, want string // "-" is nobody
		takes      func(int, string) bool
		beside     map[string]int
		next       string
	}{
		{"the first come into the first sections", "- - -", "main a", nil, nil, "main a -"},
		{"who stays, stays where they are", "main a b", "main b", nil, nil, "main - b"},
		{"who comes takes what is free", "main - b", "main c b", nil, nil, "main c b"},
		{"another order moves nobody", "main a b", "b a main", nil, nil, "main a b"},
		{"who comes first displaces who comes last", "a b", "main a b", nil, nil, "a main"},
		{"with one section it is the first of all", "a", "main a", nil, nil, "main"},
		{"and who stands for main goes when main comes back", "a", "a", nil, nil, "a"},
		{"nobody is left", "main a", "", nil, nil, "- -"},
		{"a voice is beside its picture", "- - -", "main a b", nil, map[string]int{"main": 2, "a": 0}, "a b main"},
		{"where that is taken, anywhere", "x - -", "x a", nil, map[string]int{"a": 0}, "x a -"},
		{"a picture that no section can show does not take another one's place", "- -", "av2 a b", func(_ int, n string) bool { return n != "av2" }, nil, "a b"},
		{"a picture goes where it can be shown", "- -", "a", func(i int, _ string) bool { return i == 1 }, nil, "- a"},
		{"nobody is there twice", "- -", "a a", nil, nil, "a -"},
	} {
		t.Run(c.name, func(t *testing.T) {
			takes := c.takes
			if takes == nil {
				takes = func(int, string) bool { return true }
			}
			held := strings.Fields(c.held)
			for i, n := range held {
				held[i] = strings.TrimPrefix(n, "-")
			}
			got := Assign(held, strings.Fields(c.want), takes, func(n string) int {
				if i, ok := c.beside[n]; ok {
					return i
				}
				return -1
			})
			for i, n := range got {
				if n == "" {
					got[i] = "-"
				}
			}
			if s := strings.Join(got, " "); s != c.next {
				t.Errorf("got %s, want %s", s, c.next)
			}
			if slices.Contains(got, "") {
				t.Error("a section without a name")
			}
		})
	}
}
