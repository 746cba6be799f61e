package control

import (
	"slices"
	"testing"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// completes is a removal that adds to the one at an index.
func completes(index uint64, keys []string, ban *controlpb.NewBan) *controlpb.Command {
	c := disconnect("w_1", "p_1", keys, ban)
	c.GetDisconnect().Completes = index
	return c
}

func TestWhatIsKnownLateOfARemovedParticipantJoinsTheirBan(t *testing.T) {
	l := newLog3(t)
	l.must(plan("w_1", &controlpb.Settings{}))
	first := disconnect("w_1", "p_1", nil, &controlpb.NewBan{Id: "b_1"})
	first.GetDisconnect().Name = ""
	at := l.must(first).Index
	if r := l.must(completes(at, []string{"device:x", "registration:r_1"}, &controlpb.NewBan{Id: "b_2"})); r.Subject != "b_1" {
		t.Errorf("the ban is %s, not the first one", r.Subject)
	}
	w := l.s.Webinar("w_1")
	b, _ := w.Ban("b_1")
	m, _ := w.Removal("p_1")
	if w.BanCount() != 1 || b.Strength != webinar.MediumBan || b.Name != "Name of p_1" || m.Name != b.Name || len(m.Keys) != 2 || m.Index != at {
		t.Errorf("ban %+v, removal %+v", b, m)
	}
	l.must(completes(at, []string{"device:x", "device:y", "registration:r_1"}, &controlpb.NewBan{Id: "b_3"}))
	want := []string{"participant.banned p_1", "participant.banned p_1"} // weak, then medium; more of the same is no news
	if got := actions(l.s, "w_1"); !slices.Equal(got[len(got)-2:], want) || slices.Contains(got[:len(got)-2], want[0]) {
		t.Errorf("audited: %v", got)
	}
}

func TestWhatIsKnownLateUndoesNothingOfAHost(t *testing.T) {
	key, ban := []string{"device:x"}, &controlpb.NewBan{Id: "b_1"}
	for name, tt := range map[string]struct {
		ban   *controlpb.NewBan
		since *controlpb.Command
	}{
		"the ban was lifted":                       {ban, liftBan("w_1", "b_1")},
		"they were asked back":                     {ban, reinvite("w_1", "p_1")},
		"they were asked back who were not banned": {nil, reinvite("w_1", "p_1")},
		"they were disconnected again":             {nil, disconnect("w_1", "p_1", nil, nil)},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLog3(t)
			l.must(plan("w_1", &controlpb.Settings{}))
			at := l.must(disconnect("w_1", "p_1", nil, tt.ban)).Index
			l.must(tt.since)
			l.refused("removal_taken_back", completes(at, key, tt.ban))
			if l.s.Webinar("w_1").Banned("p_1", webinar.Keys{{Kind: webinar.KindDevice, Value: "x"}}, l.s.Time()) {
				t.Error("they are banned")
			}
		})
	}
}

func TestWhatIsKnownLatePutsNobodyOutAgain(t *testing.T) {
	l := newLog3(t)
	l.must(plan("w_1", &controlpb.Settings{}))
	at := l.must(disconnect("w_1", "p_1", nil, nil)).Index
	back := webinar.Standing{Participant: "p_1", Role: webinar.Attendee, Guest: true, Since: at}
	if err := l.s.Webinar("w_1").Allowed(back, l.s.Time()); err != nil {
		t.Fatalf("who came back is out: %v", err)
	}
	l.must(completes(at, []string{"device:x"}, nil))
	if err := l.s.Webinar("w_1").Allowed(back, l.s.Time()); err != nil {
		t.Errorf("who came back meanwhile is out again: %v", err)
	}
}

func TestAClusterOfOlderNodesCompletesNoRemoval(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{}))
	at := l.must(disconnect("w_1", "p_1", nil, nil)).Index
	l.refused("feature_level", completes(at, []string{"device:x"}, nil))
}
