package slots

import (
	"strings"
	"testing"
	"time"
)

func TestSpeakers(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	type said struct {
		who   string
		below uint8
		from  time.Duration // packets of 20 ms, for half a second
	}
	for _, c := range []struct {
		name string
		said []said
		at   time.Duration
		want string
	}{
		{"nobody has said anything", nil, 0, ""},
		{"the louder one comes first", []said{{"ann", 40, 0}, {"bob", 20, 0}}, 500 * time.Millisecond, "bob ann"},
		{"a room with a fan says nothing", []said{{"ann", 62, 0}, {"bob", 30, 0}}, 500 * time.Millisecond, "bob"},
		{"who pauses for a breath stays", []said{{"ann", 30, 0}}, 2400 * time.Millisecond, "ann"},
		{"who has ended is let go of", []said{{"ann", 30, 0}}, 2600 * time.Millisecond, ""},
		{"who falls silent does too", []said{{"ann", 30, 0}, {"ann", 127, 500 * time.Millisecond}}, 3200 * time.Millisecond, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s Speakers
			for _, w := range c.said {
				for d := time.Duration(0); d < 500*time.Millisecond; d += 20 * time.Millisecond {
					s.Heard(w.who, w.below, start.Add(w.from+d))
				}
			}
			if got := strings.Join(s.Loudest(start.Add(c.at)), " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	t.Run("who is heard stays, whoever else speaks", func(t *testing.T) {
		for _, c := range [][3]string{{"", "a b c d", "a b c"}, {"a b c", "d c b a", "a b c"}, {"a b c", "d c b", "b c d"}, {"a b", "", ""}} {
			if got := strings.Join(Keep(strings.Fields(c[0]), strings.Fields(c[1]), 3), " "); got != c[2] {
				t.Errorf("of %q by %q: %q, want %q", c[0], c[1], got, c[2])
			}
		}
	})
	t.Run("a click is no speech", func(t *testing.T) {
		var s Speakers
		s.Heard("ann", 10, start)
		if got := s.Loudest(start); len(got) != 0 {
			t.Errorf("got %v", got)
		}
	})
	t.Run("nobody who has gone", func(t *testing.T) {
		var s Speakers
		for range 50 {
			s.Heard("ann", 10, start)
		}
		s.Gone("ann")
		if got := s.Loudest(start); len(got) != 0 {
			t.Errorf("got %v", got)
		}
	})
}
