package session

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestADoorKnowsAMomentLongerWhomItPutOut: a ban is proposed before everybody was asked who
// that is, and binds to what each door says afterwards.
func TestADoorKnowsAMomentLongerWhomItPutOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, "90210777")
		e.run(t)
		mallory, s := e.enter(t, Knock{Name: "Mallory", PIN: "90210777", Device: "laptop", Remote: home}, Watch)
		_, leaves := e.enter(t, Knock{Name: "Ada", PIN: "90210777", Device: "phone", Remote: home}, Watch)
		leaves.End()
		if n := len(e.PutOut(webinarID)); n != 0 {
			t.Errorf("%d were put out before anybody was", n)
		}
		want := s.info().Keys
		e.ban(mallory.Participant)
		synctest.Wait()
		out := e.PutOut(webinarID)
		if len(out) != 1 || out[0].Participant != mallory.Participant || len(out[0].Keys) != len(want) || len(want) < 2 {
			t.Errorf("put out: %+v, want the one with %v", out, want)
		}
		if n := len(e.Sessions(webinarID)) + len(e.PutOut("w_other")); n != 0 {
			t.Errorf("%d are inside, or in another webinar", n)
		}
		time.Sleep(putOutFor + time.Second)
		if n := len(e.PutOut(webinarID)); n != 0 {
			t.Errorf("%d are remembered after %v", n, putOutFor+time.Second)
		}
	})
}
