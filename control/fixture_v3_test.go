package control

import (
	"time"
)

// recordV3 is what version 2 recorded, in a cluster that goes to feature level 3 then and
// changes its gossip key.
func recordV3(l *log) {
	recordV2(l)
	for i, c := range []struct {
		phase string
		key   string
	}{{"", "k_2"}, {PhaseInstall, ""}, {PhaseInstall, ""}, {PhaseUse, ""}, {"", "k_3"}} {
		if i == 0 {
			l.apply(at(setLevel(3), start.Add(time.Hour)))
		}
		generation := l.s.GossipKeys().GetGeneration()
		step := advanceRotation(generation, c.phase)
		if c.key != "" {
			step = beginRotation(generation, c.key)
		}
		l.apply(at(step, start.Add(time.Hour+time.Duration(i+1)*time.Minute)))
	}
}
