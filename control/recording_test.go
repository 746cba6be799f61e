package control

import (
	"testing"
	"time"
)

func TestRecordingGoesOnUntilItIsStoppedOrTheWebinarEnds(t *testing.T) {
	l := newLog(t)
	l.apply(setLevel(3))
	l.apply(create("w_1"))
	version := l.s.Webinar("w_1").Version
	l.apply(at(setRecording("w_1", "r_1", true), start.Add(time.Minute)))
	if r := l.s.Webinar("w_1").Recording; r.ID != "r_1" || !r.Since.Equal(start.Add(time.Minute)) {
		t.Errorf("it is recorded as %+v", r)
	}
	if res := l.apply(setRecording("w_1", "r_2", true)); res.Subject != "r_1" || res.Err != nil {
		t.Errorf("begun again, it is %q, %v; want the one that goes on", res.Subject, res.Err)
	}
	if got := l.s.Webinar("w_1").Version; got != version {
		t.Errorf("the version went from %d to %d; another host's edit would be refused", version, got)
	}
	l.apply(setRecording("w_1", "", false))
	if r := l.s.Webinar("w_1").Recording; r.ID != "" {
		t.Errorf("it is still recorded: %+v", r)
	}
	l.apply(setRecording("w_1", "r_3", true))
	l.apply(end("w_1"))
	if r := l.s.Webinar("w_1").Recording; r.ID != "" {
		t.Errorf("it has ended, and is recorded: %+v", r)
	}
	if res := l.apply(setRecording("w_1", "r_4", true)); res.Err == nil {
		t.Error("what has ended is recorded")
	}
	var actions []string
	for r := range l.s.Audit(1) {
		if r.GetWebinar() == "w_1" {
			actions = append(actions, r.GetAction())
		}
	}
	if n := len(actions); n < 5 || actions[n-2] != "webinar.recording_started" || actions[n-3] != "webinar.recording_stopped" {
		t.Errorf("the audit log has %q", actions)
	}
}
