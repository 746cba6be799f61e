package store

import (
	"time"

	"stentor/control/controlpb"
)

// word is what a heartbeat says: whoever is at index was fresh at the time.
type word struct {
	index uint64
	at    instant // zero: nothing
}

// order is where a leader's word stands among all that leaders say.
type order struct {
	term uint64
	time int64
}

func (o order) before(p order) bool { return o.term < p.term || o.term == p.term && o.time < p.time }

// Beat returns the last heartbeat that this edge got; do not change it. Its signed part
// shows others how fresh this edge may be.
func (f *Follower) Beat() *controlpb.Heartbeat {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.beat
}

// heartbeat takes what the voter says of how fresh this edge is. If the voter's word is
// not enough, it is what the leader has signed; a signed one counts once, so who plays it
// again makes nobody fresher.
func (f *Follower) heartbeat(b *controlpb.Heartbeat) (err error) {
	var said *controlpb.Heartbeat
	if f.cfg.Verify != nil && len(b.GetSigned()) > 0 { // before the lock: Verify looks at the state
		if said, err = openBeat(b, f.State().Cluster().ID, f.cfg.Verify); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	age, index := b.GetAge(), b.GetIndex()
	if said != nil {
		age, index = b.GetSignedAge(), said.GetIndex()
		now := order{said.GetTerm(), said.GetLeaderTime()}
		if !f.said.before(now) {
			age = -1
		} else {
			f.said = now
		}
	} else if f.cfg.Verify != nil && f.state.Cluster().FeatureLevel >= dutyLevel {
		age = -1 // older voters sign nothing
	}
	if f.beat.GetLeader() != b.GetLeader() {
		defer f.leaders.tell()
	}
	f.beat, f.hint = b, ""
	if age >= 0 && f.state.Index() >= f.heard.index { // else that comes first
		f.heard = word{index, f.clock.instant().before(time.Duration(age))}
		f.settle()
	}
	return nil
}

// settle makes the state as fresh as was heard, once it is there.
func (f *Follower) settle() {
	if f.state.Index() >= f.heard.index && f.heard.at.wall.After(f.fresh.wall) {
		f.fresh = f.heard.at
	}
}
