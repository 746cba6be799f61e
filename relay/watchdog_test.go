package relay

import (
	"testing"
	"time"
)

func TestWatchCountsOnlyTheSilenceThatItWasThereToHear(t *testing.T) {
	type look struct{ at, heard, want int } // milliseconds
	tests := []struct {
		name  string
		looks []look
	}{
		{"a neighbour that is heard", []look{{0, 0, 0}, {25, 20, 5}, {50, 45, 5}, {75, 70, 5}}},
		{"a neighbour that falls silent", []look{{0, 0, 0}, {25, 10, 15}, {50, 10, 40}, {75, 10, 65}, {100, 10, 90}, {125, 10, 115}}},
		{"this node was away, the neighbour was not", []look{{0, 0, 0}, {25, 20, 5}, {900, 20, 0}, {925, 920, 5}}},
		{"this node was away, and the neighbour died meanwhile", []look{{0, 0, 0}, {25, 20, 5}, {900, 20, 0}, {925, 20, 25}, {975, 20, 75}}},
		{"it was a little late, which is no excuse", []look{{0, 0, 0}, {50, 0, 50}, {100, 0, 100}}},
		{"it is away again and again", []look{{0, 0, 0}, {80, 0, 0}, {160, 0, 0}, {185, 0, 25}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			start := time.Now()
			at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
			var w watch
			for _, l := range test.looks {
				if got := w.quiet(at(l.at), at(l.heard)); got != time.Duration(l.want)*time.Millisecond {
					t.Errorf("at %d ms: quiet for %v, want %d ms", l.at, got, l.want)
				}
			}
		})
	}
}

func TestParentThatStandsStillIsJudgedByWhatTheStandbySends(t *testing.T) {
	type look struct {
		at, newest, current, standby int // milliseconds
		want                         verdict
	}
	tests := []struct {
		name     string
		looks    []look
		patience time.Duration // in the end
	}{
		{"media flow", []look{{100, 90, 90, 0, nothing}, {400, 390, 390, 0, nothing}}, mediaPatience},
		{"they stop for a moment", []look{{399, 100, 100, 0, nothing}, {420, 410, 410, 0, nothing}}, mediaPatience},
		{"only the standby has more", []look{
			{400, 100, 100, 0, ask}, {450, 440, 100, 440, nothing}, {640, 630, 100, 630, nothing}, {650, 640, 100, 640, turn},
		}, mediaPatience},
		{"both have more: a shared screen moved again", []look{
			{400, 100, 100, 0, ask}, {450, 440, 100, 440, nothing}, {500, 440, 490, 440, calm}, {800, 490, 490, 440, nothing}, {1090, 490, 490, 440, ask},
		}, 2 * mediaPatience},
		{"nobody has more, and nobody is asked again until something moves", []look{
			{400, 100, 100, 0, ask}, {1399, 100, 100, 0, nothing}, {1400, 100, 100, 0, calm}, {9000, 100, 100, 0, nothing},
			{9100, 9090, 9090, 0, nothing}, {9390, 9090, 9090, 0, ask},
		}, mediaPatience},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			start := time.Now()
			at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
			m := mediaWatch{patience: mediaPatience}
			for _, l := range test.looks {
				if got := m.judge(at(l.at), at(l.newest), at(l.current), at(l.standby)); got != l.want {
					t.Errorf("at %d ms: %v, want %v", l.at, got, l.want)
				}
			}
			if m.patience != test.patience {
				t.Errorf("patience is %v, want %v", m.patience, test.patience)
			}
		})
	}
}

func TestPatienceWithAStandstillHasAnEnd(t *testing.T) {
	m := mediaWatch{patience: mediaPatience}
	now := time.Now()
	for range 20 {
		newest := now
		now = now.Add(m.patience)
		if got := m.judge(now, newest, newest, time.Time{}); got != ask {
			t.Fatalf("a standstill of %v: %v", m.patience, got)
		}
		now = now.Add(time.Millisecond)
		if got := m.judge(now, now, now, now); got != calm {
			t.Fatalf("it moves: %v", got)
		}
	}
	if m.patience != mediaPatienceMost {
		t.Errorf("patience is %v", m.patience)
	}
}

func TestAudioOfTwoParentsIsCompared(t *testing.T) {
	now := time.Now()
	ago := func(ms int) time.Time { return now.Add(-time.Duration(ms) * time.Millisecond) }
	tests := []struct {
		name             string
		current, standby int // milliseconds ago
		want             verdict
	}{
		{"both send", 10, 30, nothing},
		{"the standby's way is shorter", 150, 10, nothing},
		{"only the standby sends", 320, 10, turn},
		{"only the parent sends", 10, 900, nothing},
		{"nobody speaks", 5000, 4500, nothing},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := mediaWatch{patience: mediaPatience}
			if got := m.doubled(now, ago(test.current), ago(test.standby)); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}
