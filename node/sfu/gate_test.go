package sfu

import (
	"testing"
	"time"
)

// A step is one packet at a gate.
type step struct {
	n       uint16
	allowed bool
	key     bool
	passes  bool
	out     uint16
}

func TestS71AGateLeavesNoHole(t *testing.T) {
	const yes, no = true, false
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"S71 what is allowed keeps its numbers", []step{
			{65534, yes, yes, yes, 65534}, {65535, yes, no, yes, 65535}, {0, yes, no, yes, 0},
		}},
		{"S71 what is stopped does not pass, key frame or not", []step{
			{10, yes, yes, yes, 10}, {11, no, no, no, 0}, {12, no, yes, no, 0},
		}},
		{"S71 allowed again, video waits for a key frame", []step{
			{10, yes, yes, yes, 10}, {11, no, no, no, 0}, {12, yes, no, no, 0}, {13, yes, yes, yes, 11}, {14, yes, no, yes, 12},
		}},
		{"S71 numbers go on after a stop of a whole round", []step{
			{10, yes, yes, yes, 10}, {11, no, no, no, 0}, {40000, no, no, no, 0}, {9, no, no, no, 0}, {12, yes, yes, yes, 11}, {13, yes, no, yes, 12},
		}},
		{"S71 a late packet from before the stop is not taken for a new one", []step{
			{10, yes, yes, yes, 10}, {12, yes, no, yes, 12}, {13, no, no, no, 0}, {20, yes, yes, yes, 13}, {11, yes, no, no, 0}, {21, yes, no, yes, 14},
		}},
		{"S71 reordered packets after the opening keep their order", []step{
			{10, yes, yes, yes, 10}, {11, no, no, no, 0}, {20, yes, yes, yes, 11}, {22, yes, no, yes, 13}, {21, yes, no, yes, 12}, {23, yes, no, yes, 14},
		}},
		{"S44 never allowed: nothing passes, and the first that does keeps its number", []step{
			{10, no, yes, no, 0}, {11, no, no, no, 0}, {12, yes, no, no, 0}, {13, yes, yes, yes, 13}, {14, yes, no, yes, 14},
		}},
		{"S71 twice stopped", []step{
			{1, yes, yes, yes, 1}, {2, no, no, no, 0}, {3, yes, yes, yes, 2}, {4, no, no, no, 0}, {9, yes, yes, yes, 3}, {10, yes, no, yes, 4},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var g gate
			for i, s := range c.steps {
				out, ok := g.pass(s.n, s.allowed, s.key)
				if ok != s.passes || ok && out != s.out {
					t.Fatalf("step %d: %d passes %v as %d, want %v as %d", i, s.n, ok, out, s.passes, s.out)
				}
			}
		})
	}
}

// TestAGateForgetsItsOpening sends more packets than there are numbers.
func TestAGateForgetsItsOpening(t *testing.T) {
	var g gate
	g.pass(1, true, true)
	g.pass(2, false, false)
	for i := range 200_000 {
		n := uint16(100 + i)
		if out, ok := g.pass(n, true, true); !ok || out != uint16(2+i) {
			t.Fatalf("packet %d of the opened gate: %v as %d, want %d", i, ok, out, uint16(2+i))
		}
	}
}

func TestAGateAsksForItsKeyFrameOnceASecond(t *testing.T) {
	var g gate
	now := time.Unix(1000, 0)
	g.pass(1, true, true)
	if g.waits(true, now) {
		t.Error("an open gate asks")
	}
	g.pass(2, false, false)
	if g.waits(false, now) {
		t.Error("a gate asks for what is not allowed")
	}
	g.pass(3, true, false)
	asked := 0
	for i := range 30 {
		if g.waits(true, now.Add(time.Duration(i)*100*time.Millisecond)) {
			asked++
		}
	}
	if asked != 3 {
		t.Errorf("asked %d times in three seconds", asked)
	}
}
