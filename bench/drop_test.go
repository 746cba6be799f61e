package main

import "testing"

// at30 is a diary of frames from one time to another, in ms, all with that many lines.
func at30(from, to, lines float64) (frames [][2]float64) {
	for t := from; t < to; t += 1000. / 30 {
		frames = append(frames, [2]float64{t, lines})
	}
	return frames
}

func TestReadADiary(t *testing.T) {
	for _, c := range []struct {
		name   string
		frames [][][2]float64
		want   dropFigure
	}{
		{"nothing changes", [][][2]float64{at30(0, 40_000, 2160)}, dropFigure{small: -1, large: 0, lines: 2160, rate: 30}},
		{"a pause of a second, then a size that fits, and 4K again two seconds after", [][][2]float64{
			at30(0, 10_000, 2160), at30(11_000, 32_000, 1080), at30(32_000, 40_000, 2160),
		}, dropFigure{small: 1, large: 2, frozen: 1, gap: 1, switches: 2, lines: 1080, rate: 30}},
		{"it stands again later", [][][2]float64{
			at30(0, 10_500, 2160), at30(10_500, 20_000, 540), at30(21_000, 33_000, 540), at30(35_000, 40_000, 540),
		}, dropFigure{small: .5, large: -1, frozen: 1, gap: 1, after: 1, wide: 2, switches: 1, lines: 540, rate: 28}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var frames [][2]float64
			for _, f := range c.frames {
				frames = append(frames, f...)
			}
			got := read(frames, 10_000, 30_000)
			for _, v := range []struct {
				what      string
				got, want float64
			}{
				{"small", got.small, c.want.small}, {"large", got.large, c.want.large}, {"frozen", got.frozen, c.want.frozen},
				{"gap", got.gap, c.want.gap}, {"after", got.after, c.want.after}, {"switches", got.switches, c.want.switches},
				{"after", got.after, c.want.after}, {"wide", got.wide, c.want.wide}, {"lines", got.lines, c.want.lines},
			} {
				if d := v.got - v.want; d > .05 || d < -.05 {
					t.Errorf("%s %.2f, not %.2f", v.what, v.got, v.want)
				}
			}
			if d := got.rate - c.want.rate; d > 1 || d < -1 {
				t.Errorf("%.1f frames a second, not %.1f", got.rate, c.want.rate)
			}
		})
	}
}

func TestWhatNeverCameIsLongerThanAnything(t *testing.T) {
	all := []dropFigure{{large: 6.5}, {large: -1}, {large: 14.9}}
	if got := halfway(all, func(f dropFigure) float64 { return reached(f.large) }); got != 14.9 {
		t.Errorf("the median is %v s", got)
	}
}
