package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
)

// beatEvery is how often a voter asks the leader for a signed heartbeat: an edge that
// gets one each second is behind by at most that and this.
const beatEvery = heartbeatEvery / 2

// beatHash is what a leader signs of a heartbeat. Its prefix keeps it apart from the
// audit log's hashes, which begin with another hash.
func beatHash(signed []byte) []byte {
	h := sha256.Sum256(append([]byte("stentor heartbeat 1\n"), signed...))
	return h[:]
}

// signBeat signs that the state's end is here, if this voter leads. Everything that was
// acknowledged before is in its state.
func (v *Voter) signBeat(r *raft.Raft) (*controlpb.Heartbeat, error) {
	if v.cfg.Sign == nil {
		return nil, errors.New("store: this leader does not sign")
	}
	if !v.leads(r) || v.staleness() > 0 {
		return nil, raft.ErrNotLeader
	}
	s := v.State()
	signed, err := proto.Marshal(&controlpb.Heartbeat{Cluster: s.Cluster().ID, Leader: v.cfg.Node,
		Term: r.CurrentTerm(), Index: s.Index(), LeaderTime: v.cfg.Now().UnixNano()})
	if err != nil {
		return nil, fmt.Errorf("store: encode heartbeat: %w", err)
	}
	signature, certificate := v.cfg.Sign(beatHash(signed))
	if len(signature) == 0 {
		return nil, errors.New("store: this leader cannot sign now")
	}
	return &controlpb.Heartbeat{Signed: signed, Signature: signature, Certificate: certificate}, nil
}

// openBeat checks a signed heartbeat and returns what the leader said. A leader never
// says that it is another's cluster.
func openBeat(b *controlpb.Heartbeat, cluster string, verify func(certificate, hash, signature []byte) error) (*controlpb.Heartbeat, error) {
	if err := verify(b.GetCertificate(), beatHash(b.GetSigned()), b.GetSignature()); err != nil {
		return nil, fmt.Errorf("a heartbeat that the leader has not signed: %w", err)
	}
	var said controlpb.Heartbeat
	if err := proto.Unmarshal(b.GetSigned(), &said); err != nil {
		return nil, fmt.Errorf("a signed heartbeat that cannot be read: %w", err)
	}
	if cluster != "" && said.GetCluster() != cluster {
		return nil, fmt.Errorf("a heartbeat of cluster %q", said.GetCluster())
	}
	return &said, nil
}

// beatRequest asks the leader for a signed heartbeat.
func beatRequest() *controlpb.Request {
	return &controlpb.Request{Kind: &controlpb.Request_Beat{Beat: &controlpb.Beat{}}}
}

// Newest returns the index of the leader's state: whoever is there has everything that was
// acknowledged anywhere before Newest was called. It costs the leader a signature, and no
// entry of the log.
func (v *Voter) Newest(ctx context.Context) (uint64, error) {
	if r := v.raft.Load(); r != nil && v.leads(r) && v.staleness() == 0 {
		return v.State().Index(), nil
	}
	return newest(ctx, &v.leaders, v.send)
}

// Newest is [Voter.Newest], asked of the leader by an edge.
func (f *Follower) Newest(ctx context.Context) (uint64, error) {
	return newest(ctx, &f.leaders, f.send)
}

func newest(ctx context.Context, leaders *news, send func(context.Context, []byte) ([]byte, error)) (uint64, error) {
	resp, err := ask(ctx, beatRequest(), leaders, send)
	if err != nil {
		return 0, err
	}
	var said controlpb.Heartbeat
	if err := proto.Unmarshal(resp.GetBeat().GetSigned(), &said); err != nil {
		return 0, fmt.Errorf("store: decode heartbeat: %w", err)
	}
	return said.GetIndex(), nil
}

// signedBeat is the newest signed heartbeat that this voter got, and when it asked for it.
type signedBeat struct {
	mu    sync.Mutex // guards the following
	pb    *controlpb.Heartbeat
	asked instant
}

// askBeats asks the leader for a signed heartbeat again and again, until ctx is done.
func (v *Voter) askBeats(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	ask, err := proto.Marshal(beatRequest())
	if err != nil {
		v.log.Error("no signed heartbeats", "err", err)
		return
	}
	for {
		v.askBeat(ctx, ask)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (v *Voter) askBeat(ctx context.Context, ask []byte) {
	asked := v.clock.instant()
	resp, err := try(ctx, ask, v.send)
	if err != nil || len(resp.GetBeat().GetSigned()) == 0 {
		if err != nil && ctx.Err() == nil {
			v.log.Debug("no signed heartbeat", "err", err)
		}
		return
	}
	v.signed.mu.Lock()
	defer v.signed.mu.Unlock()
	v.signed.pb, v.signed.asked = resp.GetBeat(), asked
}

// addSigned adds the leader's own word to a heartbeat.
func (v *Voter) addSigned(pb *controlpb.Heartbeat) {
	v.signed.mu.Lock()
	defer v.signed.mu.Unlock()
	if b := v.signed.pb; b != nil {
		pb.Signed, pb.Signature, pb.Certificate = b.GetSigned(), b.GetSignature(), b.GetCertificate()
		pb.SignedAge = int64(v.clock.since(v.signed.asked))
	}
}
