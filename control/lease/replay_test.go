package lease

import (
	"flag"
	"fmt"
	"strings"
	"testing"
)

var replaySeed = flag.Uint64("simulate.replay", 0, "the seed of a schedule to play again and explain; 0: none")

// law is what a failure is about: its sentence without the moment and the names.
func law(failure string) string {
	_, says, _ := strings.Cut(failure, ": ")
	says, _, _ = strings.Cut(says, ": ")
	return strings.Join(strings.FieldsFunc(says, func(r rune) bool { return r >= '0' && r <= '9' || r == ' ' }), " ")
}

// shrink returns the steps that a schedule does not need to fail in the same way: those
// after the failure, and pieces of halves, quarters and so on down to single ones.
func shrink(seed uint64, b bug) (without map[int]bool, failure string) {
	failure, w := run(seed, b)
	if failure == "" {
		return nil, ""
	}
	steps := w.last + 1
	if w.last < 0 {
		steps = 220
	}
	without = make(map[int]bool)
	for size := (steps + 1) / 2; size > 0; size /= 2 {
		for from := 0; from < steps; from += size {
			less := make(map[int]bool, len(without)+size)
			for i := range without {
				less[i] = true
			}
			for i := from; i < min(from+size, steps); i++ {
				less[i] = true
			}
			if len(less) == len(without) {
				continue
			}
			if again, _ := play(seed, b, less, nil); again != "" && law(again) == law(failure) {
				without, failure = less, again
			}
		}
	}
	return without, failure
}

// explain is what to print about a schedule that failed: how to play it again, and what
// happens in as few steps as fail in the same way.
func explain(seed uint64, b bug) string {
	without, failure := shrink(seed, b)
	return story(seed, b, without, failure)
}

// story is explain for a schedule that was shrunk.
func story(seed uint64, b bug, without map[int]bool, failure string) string {
	var trace []string
	_, w := play(seed, b, without, &trace)
	last := w.last
	if last < 0 {
		last = 219
	}
	return fmt.Sprintf("seed %d: %s\nplay it again with: go test ./control/lease -run M1Replay -simulate.replay=%d\n%d of %d steps are needed:\n%s",
		seed, failure, seed, last+1-countBelow(without, last), last+1, strings.Join(trace, "\n"))
}

func countBelow(without map[int]bool, last int) (n int) {
	for i := range without {
		if i <= last {
			n++
		}
	}
	return n
}

// TestM1Replay plays the schedule of -simulate.replay again.
func TestM1Replay(t *testing.T) {
	if *replaySeed != 0 {
		if failure, _ := run(*replaySeed, none); failure != "" {
			t.Fatal(explain(*replaySeed, none))
		}
	}
	t.Run("M1 a schedule is the same each time", func(t *testing.T) {
		for seed := range uint64(asked() / 20) {
			_, first := run(seed, none)
			_, second := run(seed, none)
			if len(first.history) != len(second.history) || first.entered != second.entered || first.head().Hash() != second.head().Hash() {
				t.Fatalf("seed %d: %d commands, and then %d", seed, len(first.history), len(second.history))
			}
		}
	})
	t.Run("M1 a violation is the same each time, and shrinks", func(t *testing.T) {
		for seed := range uint64(*hunt) {
			first, w := run(seed, tokensAreNotAsked)
			if first == "" || w.last < 0 {
				continue
			}
			if second, _ := run(seed, tokensAreNotAsked); second != first {
				t.Fatalf("seed %d: %q, and then %q", seed, first, second)
			}
			without, failure := shrink(seed, tokensAreNotAsked)
			text := story(seed, tokensAreNotAsked, without, failure)
			if law(failure) != law(first) || countBelow(without, w.last) < w.last/2 || !strings.Contains(text, failure) {
				t.Fatalf("%d of %d steps are left out: %s", countBelow(without, w.last), w.last+1, text)
			}
			return
		}
		t.Error("no violation")
	})
}
