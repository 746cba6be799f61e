package session

import (
	"crypto/sha256"
	"testing"
	"testing/synctest"
	"time"

	"stentor/control/controlpb"
)

// TestADoorThatIsBehindWaitsForWhatAnotherOneKnew: somebody was let in by a link of a moment
// ago, and plays at an edge that has not got that link yet.
func TestADoorThatIsBehindWaitsForWhatAnotherOneKnew(t *testing.T) {
	const late = 700 * time.Millisecond
	for name, tt := range map[string]struct {
		arrives bool   // the invite gets here, late
		newer   bool   // the token was made by a newer state than this edge's
		want    string // the answer
		took    time.Duration
	}{
		"the invite comes a moment later":       {true, true, "admitted", late},
		"it does not come":                      {false, true, "invalid_invite", behindFor},
		"the token was made by this very state": {true, false, "invalid_invite", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ahead, behind := newEdge(t, ""), newEdge(t, "")
				behind.cfg.Credentials = ahead.cfg.Credentials // of one cluster
				fresh := "sti_of-a-moment-ago"
				sum := sha256.Sum256([]byte(fresh))
				invite := func(e *edge) {
					e.apply(&controlpb.Command{Principal: "host", Kind: &controlpb.Command_CreateInvite{CreateInvite: &controlpb.CreateInvite{
						Webinar: webinarID, Id: "i_new", Hash: sum[:], Name: "Ada", Role: "attendee"}}})
				}
				invite(ahead)
				g, err := ahead.Join(ctx, link, Knock{Invite: fresh})
				if err != nil {
					t.Fatal(err)
				}
				if !tt.newer {
					behind.edit(&controlpb.Settings{Title: "Another"}, "title")
				}
				if tt.arrives {
					timer := time.AfterFunc(late, func() { invite(behind) })
					defer timer.Stop()
				}
				began := time.Now()
				s, err := behind.Open(ctx, link, g.Token, home, Watch)
				if got, took := code(err), time.Since(began); got != tt.want || took != tt.took {
					t.Errorf("%s after %v, want %s after %v", got, took, tt.want, tt.took)
				}
				if err == nil {
					s.End()
				}
			})
		})
	}
}
