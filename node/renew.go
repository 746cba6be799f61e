package node

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"stentor/cluster/mesh"
	"stentor/cluster/pki"
)

// renewRetry is how soon a renewal that failed is tried again: the certificate is
// good for many hours more by then.
const renewRetry = time.Minute

// proofPause is how long a node whose certificate has no proof waits before it asks for
// another one: a voter of v0.2 signs none.
const proofPause = 10 * time.Minute

// proofLook is how often a node without a proof looks whether a voter that gives one has come
// since it asked: the cluster's feature level waits for its proof.
const proofLook = 5 * time.Second

// renew keeps this node's certificate fresh until ctx is done. A voter signs its
// own; an edge asks the voters. The key stays, so that one file is replaced.
func (n *Node) renew(ctx context.Context) error {
	var asked time.Time
	for {
		if _, proven := n.credentials().Proof(); !proven && n.givesProofs() && n.now().Sub(asked) >= proofLook {
			asked = time.Time{}
		}
		wait := max(renewAt(n.credentials(), asked).Sub(n.now()), 0)
		if wait == 0 {
			asked = n.now()
			if err := n.renewOnce(ctx); err != nil {
				n.log.Warn("certificate was not renewed", "until", n.credentials().Cert.NotAfter, "err", err)
				wait = renewRetry
			}
		}
		if _, proven := n.credentials().Proof(); !proven {
			wait = min(wait, proofLook)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// renewAt is when a certificate is renewed: in time, or, without a proof, as soon as a
// voter may give one.
func renewAt(c *pki.Credentials, asked time.Time) time.Time {
	at := c.RenewAt()
	if _, proven := c.Proof(); proven {
		return at
	}
	if early := asked.Add(proofPause); early.Before(at) {
		return early
	}
	return at
}

// givesProofs reports whether all voters that are there sign certificates with proofs, as
// those do that have one themselves.
func (n *Node) givesProofs() bool {
	voters := 0
	for _, m := range n.gossip.Members() {
		if m.Role != pki.Voter || !m.Alive {
			continue
		}
		if voters++; !m.Signed {
			return false
		}
	}
	return voters > 0
}

func (n *Node) renewOnce(ctx context.Context) error {
	old := n.credentials()
	der, err := n.nextCertificate(ctx, old)
	if err != nil {
		return err
	}
	next, err := pki.NewCredentials(der, old.Key, old.CA, n.now())
	if err != nil {
		return err
	}
	if err := pki.Dir(n.cfg.Data).SaveCredentials(next); err != nil {
		return err
	}
	n.cred.Store(next)
	n.log.Info("certificate renewed", "until", next.Cert.NotAfter)
	return nil
}

func (n *Node) nextCertificate(ctx context.Context, old *pki.Credentials) ([]byte, error) {
	pub := old.Key.Public().(ed25519.PublicKey)
	if n.keys.Authority != nil {
		return n.keys.Authority.Sign(pub, old.Identity, n.now())
	}
	body, err := json.Marshal(mesh.RenewRequest{Public: pub})
	if err != nil {
		return nil, err
	}
	err = errors.New("no voter is known")
	for _, voter := range n.voters() {
		var out []byte
		if out, err = n.request(ctx, n.electors, voter, http.MethodPost, "/renew", body); err != nil {
			continue
		}
		var reply mesh.RenewReply
		if err = json.Unmarshal(out, &reply); err == nil {
			return reply.Certificate, nil
		}
	}
	return nil, fmt.Errorf("node: renew: %w", err)
}

// serveRenew signs the next certificate of the node that asks, with the role that
// it has.
func (n *Node) serveRenew(w http.ResponseWriter, r *http.Request) {
	peer, ok := mesh.PeerOf(r.Context())
	if !ok || n.keys.Authority == nil {
		http.Error(w, "ask a voter", http.StatusMisdirectedRequest)
		return
	}
	if n.removed(peer.Node) { // the connection may be older than the removal
		http.Error(w, errRemoved.Detail, http.StatusForbidden)
		return
	}
	var req mesh.RenewRequest
	if err := json.NewDecoder(io.LimitReader(r.Body, 4<<10)).Decode(&req); err != nil || len(req.Public) != ed25519.PublicKeySize {
		http.Error(w, "malformed", http.StatusBadRequest)
		return
	}
	der, err := n.keys.Authority.Sign(req.Public, peer, n.now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, mesh.RenewReply{Certificate: der})
}
