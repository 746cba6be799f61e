package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"time"

	"github.com/hashicorp/raft"
	"google.golang.org/protobuf/proto"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// tryFor is how long one voter may take to answer before another is asked. A request
// that is asked twice is done once.
const tryFor = 3 * time.Second

// commandRequest returns the request that proposes c, with a request ID of its own if
// it has none: then it can be asked again.
func commandRequest(c *controlpb.Command) (*controlpb.Request, error) {
	c = proto.CloneOf(c)
	if c.GetRequestId() == "" {
		c.RequestId = rand.Text()
	}
	b, err := proto.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("store: encode command: %w", err)
	}
	if len(b) > maxCommand {
		return nil, ErrTooLarge
	}
	return &controlpb.Request{Kind: &controlpb.Request_Command{Command: b}}, nil
}

// ask sends a request until it is answered by a leader, or ctx is done. send picks whom
// to ask; it returns an error when there is nobody. It is tried again after a pause, and
// at once when there is word of another leader.
func ask(ctx context.Context, req *controlpb.Request, leaders *news, send func(context.Context, []byte) ([]byte, error)) (*controlpb.Response, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, answerIn)
		defer cancel()
	}
	b, err := proto.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("store: encode request: %w", err)
	}
	pause := 10 * time.Millisecond
	for {
		another := leaders.wait()
		resp, err := try(ctx, b, send)
		if err == nil || errors.Is(err, ErrStopped) || errors.Is(err, ErrForbidden) {
			return resp, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		case <-another:
		case <-time.After(pause/2 + mrand.N(pause)):
		}
		pause = min(2*pause, 250*time.Millisecond)
	}
}

var errNotLeader = errors.New("not the leader")

func try(ctx context.Context, b []byte, send func(context.Context, []byte) ([]byte, error)) (*controlpb.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	b, err := send(ctx, b)
	if err != nil {
		return nil, err
	}
	var resp controlpb.Response
	switch err := proto.Unmarshal(b, &resp); {
	case err != nil:
		return nil, err
	case resp.GetNotLeader():
		return nil, errNotLeader
	case resp.GetFailure() != "":
		return nil, errors.New(resp.GetFailure())
	}
	return &resp, nil
}

// result returns the answer to a proposal, its refusal also as the error. Where a leader does
// not know a command that this node knows, the leader is of an older version.
func result(c *controlpb.Command, resp *controlpb.Response) (control.Result, error) {
	if resp.GetCode() == control.ErrUnknownCommand.Code && !errors.Is(control.NewState().Acceptable(c), control.ErrUnknownCommand) {
		return control.Result{Index: resp.GetIndex(), Err: control.ErrFeatureLevel}, control.ErrFeatureLevel
	}
	r := control.Result{Index: resp.GetIndex(), Subject: resp.GetSubject(), Replayed: resp.GetReplayed()}
	if resp.GetCode() != "" {
		r.Err = &webinar.Denial{Code: resp.GetCode(), Detail: resp.GetDetail()}
	}
	return r, r.Err
}

// Propose has c committed and applied, by whichever voter leads, and waits until this
// voter has applied it too. A refusal is the error, a [*webinar.Denial], and in the
// result. The leader stamps the command's time.
func (v *Voter) Propose(ctx context.Context, c *controlpb.Command) (control.Result, error) {
	req, err := commandRequest(c)
	if err != nil {
		return control.Result{}, err
	}
	resp, err := ask(ctx, req, &v.leaders, v.send)
	if err != nil {
		v.metrics.proposal("failed")
		return control.Result{}, err
	}
	waitIndex(ctx, v, resp.GetIndex())
	r, err := result(c, resp)
	v.metrics.proposal(outcome(err))
	return r, err
}

func outcome(err error) string {
	if err != nil {
		return "refused"
	}
	return "done"
}

// send asks the leader: itself, or another.
func (v *Voter) send(ctx context.Context, b []byte) ([]byte, error) {
	if v.stopped() {
		return nil, ErrStopped
	}
	switch leader := v.Leader(); leader {
	case "":
		return nil, errors.New("store: there is no leader")
	case v.cfg.Node:
		return v.HandlePropose(ctx, b)
	default:
		return v.forward(ctx, leader, b)
	}
}

// forward asks the leader, and gives up when this voter no longer takes it for one: a
// machine that died does not say so, and whoever waited for it out would wait seconds
// after the next leader is there.
func (v *Voter) forward(ctx context.Context, leader string, b []byte) ([]byte, error) {
	return v.leaders.while(ctx, func() bool { return v.Leader() == leader }, func(ctx context.Context) ([]byte, error) {
		return v.cfg.Forward(ctx, leader, b)
	})
}

// HandlePropose answers another node's request. Only the leader can; others say who
// that is. An error means that the request is nothing that a node sends.
func (v *Voter) HandlePropose(ctx context.Context, request []byte) ([]byte, error) {
	var req controlpb.Request
	if err := proto.Unmarshal(request, &req); err != nil {
		return nil, fmt.Errorf("store: decode request: %w", err)
	}
	resp, err := v.handle(ctx, &req)
	if err != nil {
		return nil, err
	}
	b, err := proto.Marshal(resp)
	if err != nil {
		return nil, fmt.Errorf("store: encode answer: %w", err)
	}
	return b, nil
}

func (v *Voter) handle(ctx context.Context, req *controlpb.Request) (*controlpb.Response, error) {
	r := v.raft.Load()
	if r == nil || r.State() != raft.Leader {
		return &controlpb.Response{NotLeader: true, Leader: v.Leader()}, nil
	}
	switch k := req.GetKind().(type) {
	case *controlpb.Request_Command:
		return v.handleCommand(r, k.Command)
	case *controlpb.Request_AddVoter:
		return v.addServer(k.AddVoter, r.AddVoter)
	case *controlpb.Request_AddLearner:
		return v.addServer(k.AddLearner, r.AddNonvoter)
	case *controlpb.Request_RemoveServer:
		return v.response(r.RemoveServer(raft.ServerID(k.RemoveServer), 0, tryFor).Error(), nil), nil
	case *controlpb.Request_Barrier:
		index, err := v.reads.barrier(ctx, v, r)
		return v.response(err, &control.Result{Index: index}), nil
	case *controlpb.Request_Beat:
		b, err := v.signBeat(r)
		resp := v.response(err, nil)
		resp.Beat = b
		return resp, nil
	}
	return nil, errors.New("store: request of an unknown kind")
}

func checkNode(id string) error {
	if id == "" || len(id) > 64 {
		return errors.New("store: a node ID has 1 to 64 bytes")
	}
	return nil
}

// addServer has add add a node that was not removed.
func (v *Voter) addServer(node string, add func(raft.ServerID, raft.ServerAddress, uint64, time.Duration) raft.IndexFuture) (*controlpb.Response, error) {
	if err := checkNode(node); err != nil {
		return nil, err
	}
	if v.State().Node(node).GetRemoved() {
		return v.response(fmt.Errorf("store: node %s was removed", node), nil), nil
	}
	return v.response(add(raft.ServerID(node), raft.ServerAddress(node), 0, tryFor).Error(), nil), nil
}

func (v *Voter) handleCommand(r *raft.Raft, b []byte) (*controlpb.Response, error) {
	var c controlpb.Command
	if len(b) > maxCommand {
		return nil, ErrTooLarge
	}
	if err := proto.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("store: decode command: %w", err)
	}
	if err := v.State().Acceptable(&c); err != nil {
		return v.response(nil, &control.Result{Err: err}), nil
	}
	c.ProposedAt = v.stamp().UnixNano()
	b, err := proto.Marshal(&c)
	if err != nil {
		return nil, fmt.Errorf("store: encode command: %w", err)
	}
	var f raft.ApplyFuture
	if err := v.gate.wait(func() raft.Future { f = r.Apply(b, tryFor); return f }); err != nil {
		return v.response(err, nil), nil
	}
	res, ok := f.Response().(control.Result)
	if !ok {
		return nil, errors.New("store: no result")
	}
	if res.Halt != nil {
		return v.response(res.Halt, nil), nil
	}
	return v.response(nil, &res), nil
}

// stamp is the time of a command that is proposed now. It does not go back, also when
// this leader's clock is behind the last one's.
func (v *Voter) stamp() time.Time {
	now := v.cfg.Now().UTC()
	if last := v.State().Time(); last.After(now) {
		return last
	}
	return now
}

// response tells what Raft said. After the disk has failed nothing is acknowledged any
// more, whatever Raft says.
func (v *Voter) response(err error, r *control.Result) *controlpb.Response {
	if e := v.latch.err(); e != nil {
		err = e
	}
	switch {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipLost), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return &controlpb.Response{NotLeader: true, Leader: v.Leader()}
	case err != nil:
		return &controlpb.Response{Failure: err.Error()}
	case r == nil:
		return &controlpb.Response{}
	}
	resp := &controlpb.Response{Index: r.Index, Subject: r.Subject, Replayed: r.Replayed}
	var denial *webinar.Denial
	if errors.As(r.Err, &denial) {
		resp.Code, resp.Detail = denial.Code, denial.Detail
	}
	return resp
}

// replica is what both kinds of stores have.
type replica interface {
	State() *control.State
	Changed() <-chan struct{}
}

// waitIndex waits until r has applied index, so that who was answered finds what they
// did. It waits a second at most: the command is committed, whatever this node knows.
func waitIndex(ctx context.Context, r replica, index uint64) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for {
		changed := r.Changed()
		if r.State().Index() >= index {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}
