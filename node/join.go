package node

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"stentor/cluster/mesh"
	"stentor/cluster/pki"
	"stentor/control"
	"stentor/control/cli"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// Join makes this machine a node: it shows the join token to the cluster and keeps
// what comes back in the data folder. socket is what it asks by; nil makes one.
func Join(ctx context.Context, c Config, socket net.PacketConn) error {
	b, err := os.ReadFile(c.TokenFile)
	if err != nil {
		return usage(fmt.Errorf("read the join token: %w", err), "an operator makes one with `stentor join-token create`; put it into a file and name that with --token-file")
	}
	if info, err := os.Stat(c.TokenFile); err == nil && info.Mode().Perm()&0o077 != 0 {
		return cli.Hint(fmt.Errorf("%s can be read by others (%#o)", c.TokenFile, info.Mode().Perm()), "make another token, and keep it with mode 600")
	}
	token, err := pki.ParseJoinToken(string(trimmed(b)))
	if err != nil {
		return usage(err, "the file must hold the token and nothing else")
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	reply, err := askToJoin(ctx, c, socket, token, key)
	if refused := (*mesh.JoinError)(nil); errors.As(err, &refused) {
		return cli.Hint(fmt.Errorf("the cluster refused: %s", refused.Detail), "a join token is good for one node and one hour; `stentor join-token create` makes another")
	} else if err != nil {
		return cli.Hint(err, "is that the mesh address (UDP) of a running voter?")
	}
	return keepJoin(c.Data, reply, key)
}

func askToJoin(ctx context.Context, c Config, socket net.PacketConn, token pki.JoinToken, key ed25519.PrivateKey) (mesh.JoinReply, error) {
	if socket == nil {
		return mesh.Join(ctx, c.Join, token, c.Name, key)
	}
	conn, release, err := mesh.DialJoinOn(ctx, socket, c.Join, token.CA, nil)
	if err != nil {
		return mesh.JoinReply{}, err
	}
	defer release()
	return mesh.JoinOver(ctx, conn, token, c.Name, key, nil)
}

// keepJoin writes what a join brought.
func keepJoin(dir string, reply mesh.JoinReply, key ed25519.PrivateKey) error {
	cred, err := reply.Credentials(key, time.Now())
	if err != nil {
		return err
	}
	k := &Keyring{Credentials: cred, GossipKeys: reply.GossipKeys}
	if len(k.GossipKeys) == 0 { // from v0.2
		k.GossipKeys = [][]byte{reply.GossipKey}
	}
	if cred.Identity.Role == pki.Voter {
		k.PINKey = reply.PINKey
		_, _, ca, err := cred.PEM()
		if err != nil {
			return err
		}
		if k.Authority, err = pki.LoadAuthority(ca, reply.CAKey); err != nil {
			return err
		}
	}
	if err := k.Save(dir); err != nil {
		return err
	}
	var peers []string
	for _, m := range reply.Members {
		peers = append(peers, m.Address)
	}
	return savePeers(dir, peers)
}

// admitNode redeems a join token by the log and signs the newcomer's certificate:
// the other side of [Join]. Only a voter can.
func (n *Node) admitNode(ctx context.Context, r mesh.JoinRequest) (mesh.JoinReply, error) {
	if n.keys.Authority == nil {
		return mesh.JoinReply{}, &mesh.JoinError{Code: "not_a_voter", Detail: "This node cannot let others in. Ask one of the voters: " + n.voterAddresses() + "."}
	}
	if slices.Contains(n.store.Status().Voters, r.Node) {
		return mesh.JoinReply{}, &mesh.JoinError{Code: "name_taken", Detail: fmt.Sprintf("A voter is called %s, running or not. Choose another name.", r.Node)}
	}
	if m, ok := n.gossip.Member(r.Node); ok && m.Alive {
		return mesh.JoinReply{}, &mesh.JoinError{Code: "name_taken", Detail: fmt.Sprintf("A node called %s is running already. Choose another name.", r.Node)}
	}
	if n.removed(r.Node) {
		return mesh.JoinReply{}, &mesh.JoinError{Code: "name_removed", Detail: fmt.Sprintf("A node called %s was removed from this cluster, and the name with it. Choose another one.", r.Node)}
	}
	role, err := n.redeem(ctx, pki.HashSecret(r.Secret), r.Node)
	if err != nil {
		return mesh.JoinReply{}, err
	}
	der, err := n.keys.Authority.Sign(r.Public, pki.Identity{Node: r.Node, Role: role}, n.now())
	if err != nil {
		return mesh.JoinReply{}, err
	}
	reply := mesh.JoinReply{Certificate: der, CA: n.keys.Authority.Cert.Raw}
	reply.GossipKeys, _ = n.gossipKeys.inUse()
	reply.GossipKey = reply.GossipKeys[0]
	for _, m := range n.gossip.Members() {
		reply.Members = append(reply.Members, mesh.JoinMember{Node: m.Node, Role: m.Role, Address: m.Mesh})
	}
	if role == pki.Voter {
		reply.PINKey = n.keys.PINKey
		if _, reply.CAKey, err = n.keys.Authority.PEM(); err != nil {
			return mesh.JoinReply{}, err
		}
	}
	n.log.Info("node let in", "node", r.Node, "role", role, "from", r.Remote)
	return reply, nil
}

// redeem uses up a join token for a node and returns the role that it gives.
func (n *Node) redeem(ctx context.Context, hash [32]byte, node string) (pki.Role, error) {
	res, err := n.store.Propose(ctx, &controlpb.Command{
		Principal: node,
		Kind:      &controlpb.Command_RedeemJoinToken{RedeemJoinToken: &controlpb.RedeemJoinToken{Hash: hash[:], Node: node}},
	})
	if denial := (*webinar.Denial)(nil); errors.As(err, &denial) {
		return "", &mesh.JoinError{Code: denial.Code, Detail: denial.Detail}
	} else if err != nil {
		return "", err
	}
	s, err := n.stateAt(ctx, res.Index)
	if err != nil {
		return "", err
	}
	token, ok := s.JoinToken(hash)
	if role := pki.Role(token.Role); ok && role.Valid() {
		return role, nil
	}
	return "", fmt.Errorf("node: the join token of %s is not in the state", node)
}

// stateAt waits until this node has applied index.
func (n *Node) stateAt(ctx context.Context, index uint64) (*control.State, error) {
	for {
		changed := n.store.Changed()
		if s := n.store.State(); s.Index() >= index {
			return s, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func trimmed(b []byte) []byte { return bytes.TrimSpace(b) }
