package store

import (
	"context"
	"errors"
	"net"
	"testing"

	"google.golang.org/protobuf/proto"

	"stentor/control"
	"stentor/control/controlpb"
)

// asking is an edge that knows a leader, which answers like that.
func asking(t *testing.T, forward func(context.Context, string, []byte) ([]byte, error)) *Follower {
	t.Helper()
	f, err := NewFollower(FollowerConfig{
		Node: "e1", Dir: t.TempDir(), Key: clusterKey, Forward: forward,
		Dial: func(context.Context) (net.Conn, string, error) { return nil, "", errCut },
	})
	if err != nil {
		t.Fatal(err)
	}
	f.hint = "n1"
	return f
}

func TestWhatANodeMayNotAskForIsNotAskedForAgain(t *testing.T) {
	asked := 0
	f := asking(t, func(context.Context, string, []byte) ([]byte, error) {
		asked++
		return nil, errors.Join(ErrForbidden, errors.New("403"))
	})
	if _, err := f.Propose(t.Context(), create("w_1")); !errors.Is(err, ErrForbidden) || asked != 1 {
		t.Errorf("asked %d times: %v", asked, err)
	}
	if f.hint != "n1" || len(f.mute) != 0 {
		t.Errorf("a voter that answers is passed over: asks %q next, mute are %v", f.hint, f.mute)
	}
}

// While a mesh is replaced node by node the leader may be older than who asks. That is not
// a conflict with what somebody else did.
func TestACommandThatTheLeaderIsTooOldForIsRefusedForThat(t *testing.T) {
	f := asking(t, func(context.Context, string, []byte) ([]byte, error) {
		return proto.Marshal(&controlpb.Response{Code: "unknown_command", Detail: "This version does not know that command."})
	})
	r, err := f.Propose(t.Context(), &controlpb.Command{Kind: &controlpb.Command_BeginKeyRotation{BeginKeyRotation: &controlpb.BeginKeyRotation{}}})
	if !errors.Is(err, control.ErrFeatureLevel) || !errors.Is(r.Err, control.ErrFeatureLevel) {
		t.Errorf("refused with %v", err)
	}
}
