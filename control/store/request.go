package store

import (
	"context"
	"errors"
	"maps"
	mrand "math/rand/v2"
	"time"

	"google.golang.org/protobuf/proto"

	"stentor/control"
	"stentor/control/controlpb"
)

// muteFor is how long a voter that did not answer is asked after all others.
const muteFor = 10 * time.Second

// Propose has c committed by the voters, and waits until this replica has it too, if the
// stream is up. A refusal is the error, a [*webinar.Denial], and in the result.
func (f *Follower) Propose(ctx context.Context, c *controlpb.Command) (control.Result, error) {
	req, err := commandRequest(c)
	if err != nil {
		return control.Result{}, err
	}
	resp, err := ask(ctx, req, &f.leaders, f.send)
	if err != nil {
		f.metrics.proposal("failed")
		return control.Result{}, err
	}
	waitIndex(ctx, f, resp.GetIndex())
	r, err := result(c, resp)
	f.metrics.proposal(outcome(err))
	return r, err
}

// leader is who leads by what the voter said that this replica follows.
func (f *Follower) leader() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.beat.GetLeader()
}

// send asks the leader; without knowing one, any voter, who may know. It gives up when
// there is word of another: see [Voter.forward].
func (f *Follower) send(ctx context.Context, b []byte) ([]byte, error) {
	f.mu.Lock()
	to, leader, voters := f.hint, f.beat.GetLeader(), f.beat.GetVoters()
	if to == "" {
		to = leader
	}
	f.mu.Unlock()
	if to == "" {
		to = f.voter("", voters)
	}
	if to == "" {
		return nil, errors.New("store: no voter is known")
	}
	out, err := f.leaders.while(ctx, func() bool { return f.leader() == leader }, func(ctx context.Context) ([]byte, error) {
		return f.cfg.Forward(ctx, to, b)
	})
	if errors.Is(err, ErrForbidden) {
		return nil, err
	}
	var resp controlpb.Response
	if err != nil || proto.Unmarshal(out, &resp) != nil || resp.GetNotLeader() {
		f.note(resp.GetLeader(), to, voters, err == nil)
	}
	return out, err
}

// note remembers whom to ask next: the leader that the one just asked knows of, the one
// that the voter knows of that this replica follows, or somebody else.
func (f *Follower) note(leader, asked string, voters []string, answered bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.mute, func(_ string, since time.Time) bool { return time.Since(since) > muteFor })
	if !answered {
		f.mute[asked] = time.Now()
	}
	if leader == asked {
		leader = ""
	}
	if known := f.beat.GetLeader(); leader == "" && (known == "" || known == asked) {
		leader = f.pick(asked, voters)
	}
	f.hint = leader
}

// voter returns any voter but one, which may know the leader; "" if there is none.
func (f *Follower) voter(but string, voters []string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pick(but, voters)
}

// pick is voter with f.mu held. It takes those last that did not answer lately: the ones
// that died are asked in vain for seconds.
func (f *Follower) pick(but string, voters []string) (last string) {
	for _, i := range mrand.Perm(len(voters)) {
		switch v := voters[i]; {
		case v == but:
		case f.mute[v].IsZero():
			return v
		default:
			last = v
		}
	}
	return last
}
