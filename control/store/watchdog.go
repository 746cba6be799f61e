package store

import (
	"context"
	"time"

	"github.com/hashicorp/raft"
)

// Raft looks whether its leader is silent at a random moment, one to two timeouts after it
// last looked, whatever it heard in between: 1.8 timeouts after the death on average, 3 at
// worst. And nobody is elected before so many have looked that they are a majority, since
// the others say that they have a leader. With three voters and 500 ms that made 1.1 s
// (p50), 1.6 at worst. So this voter looks itself, when the timeout is over, and has Raft
// look then: 0.65 s, 0.67 at worst (TestWritesComeBackSoonAfterTheLeaderDied, in virtual time).

const (
	// nudge is by how much the timeout is shortened for a moment: Raft looks at once when
	// that happens.
	nudge = time.Millisecond
	// turns is how many voters wait one after the other in a timeout. Two that ask for votes
	// within half a round trip of each other both lose, and try again a timeout later. The
	// leader's last word came to them up to a fifth of a timeout apart, so a third keeps
	// voters apart that are 65 ms away from each other, which is most of a continent.
	turns = 3
)

// watchLeader has Raft look whether its leader is silent as soon as it is, until ctx is
// done.
func (v *Voter) watchLeader(ctx context.Context, r *raft.Raft) {
	stalled := false
	for {
		left := v.patience(r)
		if left <= 0 && !stalled {
			v.suspect(r)
		}
		left = max(left, v.cfg.Timers.Heartbeat/20)
		due := time.Now().Add(left)
		select {
		case <-ctx.Done():
			return
		case <-time.After(left):
		}
		// Who was late itself reads first what came meanwhile.
		stalled = time.Since(due) > v.cfg.Timers.Heartbeat/10
	}
}

// patience is how much longer the leader may be silent. A voter without one asks for votes
// already.
func (v *Voter) patience(r *raft.Raft) time.Duration {
	leader, contact := v.Leader(), r.LastContact()
	if r.State() != raft.Follower || leader == "" || contact.IsZero() {
		return v.cfg.Timers.Heartbeat / 2
	}
	turn := time.Duration(0)
	for _, node := range v.voters() {
		if node != leader && node < v.cfg.Node {
			turn++
		}
	}
	return v.cfg.Timers.Heartbeat + turn*v.cfg.Timers.Heartbeat/turns - time.Since(contact)
}

// suspect has Raft compare its leader's last word with the clock now.
func (v *Voter) suspect(r *raft.Raft) {
	for _, timeout := range []time.Duration{v.cfg.Timers.Heartbeat - nudge, v.cfg.Timers.Heartbeat} {
		c := r.ReloadableConfig()
		c.HeartbeatTimeout = timeout
		if err := r.ReloadConfig(c); err != nil {
			v.log.Warn("raft keeps its own time", "err", err)
		}
	}
}

// hearLeaders tells whoever waits when this voter has another leader, until ctx is done.
func (v *Voter) hearLeaders(ctx context.Context, r *raft.Raft) {
	heard := make(chan raft.Observation, 1) // one that is not read yet is news enough
	o := raft.NewObserver(heard, false, func(o *raft.Observation) bool {
		_, ok := o.Data.(raft.LeaderObservation)
		return ok
	})
	r.RegisterObserver(o)
	defer r.DeregisterObserver(o)
	for {
		v.turns.Add(1)
		v.leaders.tell()
		v.machine.feed.stir() // the edges' requests wait for it
		select {
		case <-ctx.Done():
			return
		case <-heard:
		}
	}
}
