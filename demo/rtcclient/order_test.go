package rtcclient

import (
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// step is a packet that arrives.
type step struct {
	seq uint16
	at  time.Duration
}

func TestOrder(t *testing.T) {
	const ms = time.Millisecond
	cases := []struct {
		name    string
		steps   []step
		want    []uint16
		lost    int
		strange int
	}{
		{"in sequence", []step{{1, 0}, {2, 0}, {3, 0}}, []uint16{1, 2, 3}, 0, 0},
		{"over the wrap", []step{{65534, 0}, {65535, 0}, {0, 0}, {1, 0}}, []uint16{65534, 65535, 0, 1}, 0, 0},
		{"out of sequence", []step{{1, 0}, {3, 0}, {4, 0}, {2, 0}, {5, 0}}, []uint16{1, 2, 3, 4, 5}, 0, 0},
		{"repaired in time", []step{{1, 0}, {3, 0}, {4, 400 * ms}, {2, 499 * ms}}, []uint16{1, 2, 3, 4}, 0, 0},
		{"given up", []step{{1, 0}, {4, 0}, {5, 499 * ms}, {6, 500 * ms}}, []uint16{1, 4, 5, 6}, 2, 0},
		{"repaired too late", []step{{1, 0}, {3, 0}, {4, 500 * ms}, {2, 501 * ms}}, []uint16{1, 3, 4}, 1, 1},
		{"twice", []step{{1, 0}, {3, 0}, {3, 0}, {1, 0}, {2, 0}}, []uint16{1, 2, 3}, 0, 2},
		{"two gaps, each with its patience", []step{{1, 0}, {3, 0}, {5, 400 * ms}, {6, 500 * ms}, {4, 900 * ms}}, []uint16{1, 3, 4, 5, 6}, 1, 0},
		{"a sender that started afresh", []step{{1, 0}, {3, 0}, {30000, 0}, {30001, 0}}, []uint16{1, 3, 30000, 30001}, 1, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var o order
			var got []uint16
			missing := 0
			for _, s := range c.steps {
				p := &rtp.Packet{Header: rtp.Header{SequenceNumber: s.seq}}
				o.push(arrival{p, time.Unix(100, 0).Add(s.at)}, func(p arrival, gone int) {
					got = append(got, p.SequenceNumber)
					missing += gone
				})
			}
			if !slices.Equal(got, c.want) || o.lost != c.lost || missing != c.lost || o.strange != c.strange {
				t.Errorf("got %v, %d lost (%d told), %d strange; want %v, %d, %d", got, o.lost, missing, o.strange, c.want, c.lost, c.strange)
			}
		})
	}
}

func TestWhatIsMissingIsAskedForOnceInAWhile(t *testing.T) {
	var o order
	at := time.Unix(100, 0)
	push := func(seq uint16) {
		o.push(arrival{&rtp.Packet{Header: rtp.Header{SequenceNumber: seq}}, at}, func(arrival, int) {})
	}
	ask := func(want ...uint16) {
		t.Helper()
		if got := o.missing(at); !slices.Equal(got, want) {
			t.Errorf("asked for %v, not %v", got, want)
		}
	}
	push(65533)
	ask()
	push(65535)
	push(1)
	ask(65534, 0)
	ask()
	at = at.Add(askAgain)
	push(65534)
	ask(0)
	push(3)
	ask(2)
	push(0)
	push(2)
	ask()
	if len(o.asked) != 0 || len(o.waiting) != 0 {
		t.Errorf("still kept: %v, %v", o.asked, o.waiting)
	}
}
