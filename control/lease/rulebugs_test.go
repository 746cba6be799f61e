package lease

import (
	"strings"
	"testing"

	"stentor/control"
	"stentor/control/controlpb"
)

// ruleBugs are what is planted in the rules, and the law that must find it.
var ruleBugs = map[bug]struct{ law, name string }{
	tokensAreNotAsked:          {"ban", "whoever has a session token is not asked after a ban"},
	feedDropsBansOfAbsent:      {"ban", "edges do not hear of bans of people who are not there"},
	sweepIsLate:                {"ban", "sessions are asked about the state before"},
	resumesAtTheEnd:            {"ban", "a stream that comes back leaves out what came between"},
	nobodyIsAskedAgain:         {"ban", "who waited for a seat is not asked about what came meanwhile"},
	oldRulesAreAsked:           {"proof", "the door asks a webinar of a while ago"},
	unlookedPINsOpen:           {"proof", "a PIN that was not looked at opens the door"},
	feedDropsStatuses:          {"proof", "edges take every registrant for an approved one"},
	feedForgetsDeletes:         {"proof", "edges keep invites that were revoked"},
	pinLooksAtNothing:          {"pin", "a PIN is set beside a registration"},
	registrationLooksAtNothing: {"pin", "a registration is opened beside a PIN"},
	sendersStampCommands:       {"window", "a registration is of the time at the edge"},
	edgesHaveWindows:           {"window", "an edge refuses registrations by its own clock"},
	nobodyTicks:                {"window", "what is due is not done"},
	rosterOutlivesSessions:     {"ghost", "who was put out stays on the roster"},
	deadConnectionsStay:        {"ghost", "who went without a word stays on the roster"},
	expiryForgetsSeats:         {"ghost", "seats outlive the retention"},
}

// inTheFeed reports whether edges hear something else than was committed.
func (b bug) inTheFeed() bool {
	return b == feedDropsBansOfAbsent || b == feedDropsStatuses || b == feedForgetsDeletes || b == resumesAtTheEnd
}

// healthy reports whether an edge may be given a snapshot: one that a bug is about is not
// mended by it.
func (w *world) healthy(*edge) bool { return !w.bug.inTheFeed() || w.bug == resumesAtTheEnd }

// misrule is the log whose rules of a webinar are wrong.
func (w *world) misrule(before *control.State, c *controlpb.Command, r *control.Result) (puts []*controlpb.Record) {
	record := before.Record(control.Key{Kind: control.KindWebinar, Webinar: hall}).GetWebinar()
	registration := c.GetEditWebinar().GetSettings().GetRegistration()
	switch {
	case w.bug == pinLooksAtNothing && c.GetSetPin() != nil && r.Err == control.ErrPINWithRegistration:
		record.Pin = &controlpb.PIN{Verifier: c.GetSetPin().Verifier}
	case w.bug == registrationLooksAtNothing && registration != nil && r.Err == control.ErrPINWithRegistration:
		record.Registration = registration
	default:
		return nil
	}
	r.Err = nil
	return []*controlpb.Record{{Kind: &controlpb.Record_Webinar{Webinar: record}}}
}

// TestTheCheckerFindsWhatIsPlantedInTheRules expects each planted bug to be found by the
// law that it breaks.
func TestM2M7S30TheCheckerFindsWhatIsPlantedInTheRules(t *testing.T) {
	for b := lastSeatBug + 1; b < lastRuleBug; b++ {
		t.Run(ruleBugs[b].law+": "+ruleBugs[b].name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(*hunt) {
				if failure, _ := run(seed, b); strings.Contains(failure, ": "+ruleBugs[b].law+": ") {
					t.Logf("seed %d: %.200s", seed, failure)
					return
				}
			}
			t.Errorf("not found in %d schedules", *hunt)
		})
	}
}
