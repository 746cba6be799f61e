package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"stentor/cluster"
	"stentor/cluster/mesh"
	"stentor/cluster/pki"
	"stentor/control"
	"stentor/control/controlpb"
)

const (
	// signedLevel is the feature level from which on all nodes sign what they gossip.
	signedLevel = 3
	// keysFirst bounds how long a node that starts asks for the keys before it gossips: a
	// handshake and a call around the world. Nobody answers when a whole cluster starts.
	keysFirst = 2 * time.Second
	// lonely is how long gossip may show too few voters before the node asks whether the
	// keys have changed without it, and how long it waits until it asks again.
	lonely = 30 * time.Second
	// keysRetry is how soon a node asks again for keys that it lacks, and looks how many
	// voters there are.
	keysRetry = time.Second
)

// gossipKeys is what this node seals its gossip with.
type gossipKeys struct {
	mu         sync.Mutex // guards the following
	keys       [][]byte   // in use, the one that seals first
	generation uint64     // of the rotation that they belong to
	known      []string   // mesh addresses where voters were, the newest last
	others     uint64     // messages that came under another key
	quiet      time.Time  // since when that is so
	looked     time.Time  // when somebody asked last
}

func (k *gossipKeys) inUse() ([][]byte, uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.keys), k.generation
}

// belong notes to which generation the keys in use belong.
func (k *gossipKeys) belong(generation uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.generation = max(k.generation, generation)
}

// signs reports whether all nodes sign what they say in gossip.
func (n *Node) signs() bool {
	return n.store != nil && n.store.State().Cluster().FeatureLevel >= signedLevel
}

// runGossip asks for the keys first: what a node that was away seals with its old key
// nobody opens.
func (n *Node) runGossip(ctx context.Context) error {
	first, cancel := context.WithTimeout(ctx, keysFirst)
	if err := n.fetchKeys(first, nil); err != nil {
		n.log.Debug("gossip keys are those of the last time", "err", err)
	}
	cancel()
	if ctx.Err() != nil {
		return nil
	}
	return n.gossip.Run(ctx)
}

// followKeys does what the replicated state says about the gossip keys, and asks for
// them when they may have changed without this node.
func (n *Node) followKeys(ctx context.Context) error {
	tick := time.NewTicker(keysRetry)
	defer tick.Stop()
	together, failed := n.now(), ""
	for ctx.Err() == nil {
		changed := n.store.Changed()
		if err := n.stepKeys(ctx, n.store.State()); err == nil {
			failed = ""
		} else if changed = nil; err.Error() != failed && ctx.Err() == nil { // again in a second
			failed = err.Error()
			n.log.Warn("gossip keys are not those of the cluster yet", "err", err)
		}
		if n.seesVoters() {
			together = n.now()
		} else if n.now().Sub(together) >= lonely {
			together = n.now()
			asking, cancel := context.WithTimeout(ctx, callWithin)
			err := n.fetchKeys(asking, nil)
			cancel()
			n.log.Info("too few voters in gossip: asked for its keys", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-tick.C:
		}
	}
	return nil
}

// seesVoters reports whether gossip shows enough voters that its key can be the right one:
// to an edge any of them, to a voter a majority with itself.
func (n *Node) seesVoters() bool {
	alive := 0
	for _, m := range n.gossip.Members() {
		if m.Role == pki.Voter && m.Alive {
			alive++
			n.gossipKeys.remember(m.Mesh)
		}
	}
	if n.voter == nil {
		return alive > 0
	}
	return alive > max(len(n.store.Status().Voters), 2)/2 || len(n.store.Status().Voters) == 1
}

// knownMost bounds the addresses that are remembered.
const knownMost = 32

func (k *gossipKeys) remember(addr string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if slices.Contains(k.known, addr) {
		return
	}
	if k.known = append(k.known, addr); len(k.known) > knownMost {
		k.known = k.known[1:]
	}
}

// stepKeys takes the keys that s names into use.
func (n *Node) stepKeys(ctx context.Context, s *control.State) error {
	ids := s.KeyIDs()
	held, generation := n.gossipKeys.inUse()
	switch {
	case len(ids) == 0 || s.GossipKeys().GetGeneration() < generation:
		return nil
	case named(held, ids):
		n.gossipKeys.belong(s.GossipKeys().GetGeneration())
		return nil
	}
	if keys := n.pick(s, held, ids); keys != nil {
		return n.useKeys(keys, s.GossipKeys().GetGeneration())
	}
	if n.voter != nil {
		return errors.New("node: the state has no key that this node can open")
	}
	return n.fetchNamed(ctx, ids)
}

// keysSpread is over how long the edges of a mesh ask for a key that was drawn: a thousand
// of them ask three voters 170 times a second each.
const keysSpread = 2 * time.Second

// fetchNamed asks one voter after the other for the keys with those ids.
func (n *Node) fetchNamed(ctx context.Context, ids [][]byte) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(mathrand.N(keysSpread)):
	}
	voters := n.voters()
	mathrand.Shuffle(len(voters), func(i, j int) { voters[i], voters[j] = voters[j], voters[i] })
	for _, voter := range voters {
		r, err := n.readKeys(ctx, n.electors, voter)
		if err == nil && named(r.Keys, ids) {
			return n.useKeys(r.Keys, r.Generation)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	return n.fetchKeys(ctx, ids)
}

// named reports whether keys are those with the ids, in that order.
func named(keys, ids [][]byte) bool {
	return slices.EqualFunc(keys, ids, func(key, id []byte) bool { return isKey(key, id) })
}

func isKey(key, id []byte) bool {
	have := cluster.NewKeyID(key)
	return bytes.Equal(have[:], id)
}

// pick finds the keys with those ids among the ones held, and, on a voter, in the state;
// nil when one is missing.
func (n *Node) pick(s *control.State, held, ids [][]byte) [][]byte {
	known := slices.Clone(held)
	if n.personal != nil {
		for _, sealed := range [][]byte{s.SealedKeys().GetCurrent(), s.SealedKeys().GetNext()} {
			var k sealedKey
			if len(sealed) > 0 && n.personal.Open("", sealedKeyID, sealed, &k) == nil && len(k.Key) == gossipKeySize {
				known = append(known, k.Key)
			}
		}
	}
	var out [][]byte
	for _, id := range ids {
		i := slices.IndexFunc(known, func(key []byte) bool { return isKey(key, id) })
		if i < 0 {
			return nil
		}
		out = append(out, known[i])
	}
	return out
}

// useKeys writes keys down and seals with the first of them from now on.
func (n *Node) useKeys(keys [][]byte, generation uint64) error {
	k := n.gossipKeys
	k.mu.Lock()
	defer k.mu.Unlock()
	if generation < k.generation {
		return nil // another call was faster
	}
	if err := pki.Dir(n.cfg.Data).SaveSecret(fileGossipKey, bytes.Join(keys, nil)); err != nil {
		return err
	}
	if err := n.gossip.Rotate(keys); err != nil {
		return err
	}
	k.keys, k.generation = keys, generation
	return nil
}

// serveKeys tells a node the keys, by its certificate alone.
func (n *Node) serveKeys(w http.ResponseWriter, r *http.Request) {
	peer, ok := mesh.PeerOf(r.Context())
	switch {
	case !ok || n.voter == nil:
		http.Error(w, "ask a voter", http.StatusMisdirectedRequest)
		return
	case n.removed(peer.Node): // the connection may be older than the removal
		http.Error(w, errRemoved.Detail, http.StatusForbidden)
		return
	}
	keys, generation := n.gossipKeys.inUse()
	answer(w, mesh.KeysReply{Generation: generation, Keys: keys})
}

var errNoKeys = errors.New("node: no voter told the gossip keys")

// fetchKeys asks the voters, wherever they were, all at once, and takes the first answer
// that is no older than what this node has; with ids, one with those keys.
func (n *Node) fetchKeys(ctx context.Context, ids [][]byte) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n.gossipKeys.mu.Lock()
	addrs := slices.Clone(n.gossipKeys.known)
	n.gossipKeys.mu.Unlock()
	addrs = slices.DeleteFunc(addrs, func(a string) bool { return a == n.cfg.public(n.cfg.Mesh) })
	replies := make(chan *mesh.KeysReply, len(addrs))
	for _, addr := range addrs {
		go func() {
			reply, err := n.askKeys(ctx, addr)
			if err != nil {
				n.log.Debug("gossip keys", "of", addr, "err", err)
			}
			replies <- reply
		}()
	}
	for range addrs {
		r := <-replies
		if r == nil {
			continue
		}
		held, generation := n.gossipKeys.inUse()
		switch {
		case r.Generation < generation:
		case slices.EqualFunc(r.Keys, held, bytes.Equal) && ids == nil:
			return n.useKeys(held, r.Generation)
		case ids == nil || named(r.Keys, ids):
			return n.useKeys(r.Keys, r.Generation)
		}
	}
	return errNoKeys
}

// maxHead bounds the head of an answer.
const maxHead = 4 << 10

// askKeys asks who is at addr, if that is a voter.
func (n *Node) askKeys(ctx context.Context, addr string) (*mesh.KeysReply, error) {
	by := &http.Transport{
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxHead,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			c, err := n.rpc.OpenAddr(ctx, addr, mesh.KindHTTP)
			if err != nil {
				return nil, err
			}
			if peer, err := mesh.PeerOfConn(c); err != nil || peer.Role != pki.Voter {
				c.Close()
				return nil, fmt.Errorf("node: %s is no voter", addr)
			}
			return c, nil
		},
	}
	return n.readKeys(ctx, by, "voter")
}

func (n *Node) readKeys(ctx context.Context, by http.RoundTripper, voter string) (*mesh.KeysReply, error) {
	out, err := n.request(ctx, by, voter, http.MethodGet, "/keys", nil)
	if err != nil {
		return nil, err
	}
	var r mesh.KeysReply
	if err := json.Unmarshal(out, &r); err != nil {
		return nil, fmt.Errorf("node: keys of %s: %w", voter, err)
	}
	if len(r.Keys) == 0 || len(r.Keys) > maxGossipKeys || slices.ContainsFunc(r.Keys, func(k []byte) bool { return len(k) != gossipKeySize }) {
		return nil, fmt.Errorf("node: keys of %s: malformed", voter)
	}
	return &r, nil
}

// sealedKey is a gossip key as the voters' state has it, sealed under sealedKeyID.
type sealedKey struct {
	Key []byte `json:"key"`
}

const sealedKeyID = "gossip key"

// rotation is what the leader's duty sees of gossip.
type rotation struct{ n *Node }

// Draw begins a rotation with a key that nobody knows yet.
func (r rotation) Draw(s *control.State) *controlpb.BeginKeyRotation {
	n := r.n
	if n.personal == nil {
		return nil
	}
	key := make([]byte, gossipKeySize)
	rand.Read(key)
	sealed, err := n.personal.Seal("", sealedKeyID, sealedKey{key})
	if err != nil {
		n.log.Error("no gossip key could be made", "err", err)
		return nil
	}
	held, _ := n.gossipKeys.inUse()
	current, next := cluster.NewKeyID(held[0]), cluster.NewKeyID(key)
	return &controlpb.BeginKeyRotation{Generation: s.GossipKeys().GetGeneration(), CurrentId: current[:], NextId: next[:], Sealed: sealed}
}

// All reports whether everyone who is there holds a key, or seals with it.
func (r rotation) All(id []byte, first bool) bool {
	n := r.n
	want := cluster.KeyID(id)
	for _, m := range n.gossip.Members() {
		keys := m.Keys
		if m.Node == n.cfg.Name {
			keys = n.gossip.Keys()
		} else if !m.Alive || n.removed(m.Node) {
			continue
		}
		if i := slices.Index(keys, want); i < 0 || first && i > 0 {
			return false
		}
	}
	return true
}

// unlooked is after how long without a look Quiet begins anew.
const unlooked = 10 * time.Second

// Quiet is for how long nothing came under another key than the first.
func (r rotation) Quiet() time.Duration {
	k, others, now := r.n.gossipKeys, r.n.gossip.OpenedByOthers(), r.n.now()
	k.mu.Lock()
	defer k.mu.Unlock()
	if others != k.others || now.Sub(k.looked) > unlooked {
		k.others, k.quiet = others, now
	}
	k.looked = now
	return now.Sub(k.quiet)
}

// DrawKey is [rotation.Draw], for an administrator who asks for it.
func (n *Node) DrawKey() *controlpb.BeginKeyRotation { return rotation{n}.Draw(n.store.State()) }
