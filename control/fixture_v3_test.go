package control

import (
	"time"

	"stentor/control/controlpb"
)

// recordV31 is what came to level 3 before it was released: recordings.
func recordV31(l *log) {
	recordV3(l)
	for i, c := range []*controlpb.Command{setRecording("w_1", "r_1", true), setRecording("w_1", "", false), setRecording("w_1", "r_2", true)} {
		l.apply(at(c, start.Add(2*time.Hour+time.Duration(i)*time.Minute)))
	}
}

// recordV32 is what came to level 3 after that: sites that may show a webinar in a frame.
func recordV32(l *log) {
	recordV31(l)
	c := plan("w_embedded", &controlpb.Settings{EmbedOrigins: []string{"https://www.example.org", "http://localhost:3000"}})
	for i, c := range []*controlpb.Command{c, edit("w_1", &controlpb.Settings{EmbedOrigins: []string{"https://a.example:8443"}}, "embed_origins")} {
		l.apply(at(c, start.Add(3*time.Hour+time.Duration(i)*time.Minute)))
	}
}

func setRecording(id, recording string, on bool) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_SetRecording{SetRecording: &controlpb.SetRecording{Webinar: id, Id: recording, On: on}}}
}

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
