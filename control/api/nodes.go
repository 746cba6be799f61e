package api

import (
	"context"
	"encoding/hex"
	"errors"

	"stentor/control"
	"stentor/control/client"
	"stentor/control/controlpb"
)

func (a *API) nodes() {
	add(a, "rotate-gossip-key", a.rotateGossipKey)
	add(a, "remove-node", a.removeNode)
	add(a, "drain-node", func(ctx context.Context, in *removeNodeInput) (*emptyAnswer, error) {
		return a.drainNode(ctx, in, true)
	})
	add(a, "undrain-node", func(ctx context.Context, in *removeNodeInput) (*emptyAnswer, error) {
		return a.drainNode(ctx, in, false)
	})
}

type rotateInput struct{ Keyed }

type rotateAnswer struct{ Body client.GossipKey }

// rotateGossipKey begins a rotation; the leader goes on with it by itself.
func (a *API) rotateGossipKey(ctx context.Context, in *rotateInput) (*rotateAnswer, error) {
	r, err := a.newRequest(principal(ctx), "rotate-gossip-key", in.IdempotencyKey, nil)
	if err != nil {
		return nil, err
	}
	draw := a.Mesh.DrawKey()
	if draw == nil {
		return nil, refuse(codeOutcomeUnknown, "")
	}
	_, s, err := a.propose(ctx, r, 0, &controlpb.Command{Kind: &controlpb.Command_BeginKeyRotation{BeginKeyRotation: draw}})
	if err != nil {
		return nil, err
	}
	return &rotateAnswer{*GossipKey(s)}, nil
}

// GossipKey says how far the rotation of the gossip key is; nil before feature level 3.
func GossipKey(s *control.State) *client.GossipKey {
	k := s.GossipKeys()
	if k == nil {
		return nil
	}
	return &client.GossipKey{Generation: k.GetGeneration(), Phase: k.GetPhase(), Since: control.KeySince(k),
		Current: hex.EncodeToString(k.GetCurrent()), Next: hex.EncodeToString(k.GetNext())}
}

type removeNodeInput struct {
	Keyed
	Node string `path:"node" maxLength:"64" pattern:"^[A-Za-z0-9_.:-]+$" doc:"Name of the node."`
}

// removeNode puts a node out of the mesh for good: its certificate opens nothing any
// more, and what it held is free.
func (a *API) removeNode(ctx context.Context, in *removeNodeInput) (*emptyAnswer, error) {
	r, err := a.newRequest(principal(ctx), "remove-node", in.IdempotencyKey, in.Node)
	if err != nil {
		return nil, err
	}
	if a.Store.State().Node(in.Node) == nil && !a.member(ctx, in.Node) {
		return nil, refuse(codeNodeNotFound, "")
	}
	_, _, err = a.propose(ctx, r, 0, &controlpb.Command{Kind: &controlpb.Command_RemoveNode{RemoveNode: &controlpb.RemoveNode{Node: in.Node}}})
	return &emptyAnswer{}, err
}

// member reports whether the mesh knows a node of that name, which may never have
// registered.
func (a *API) member(ctx context.Context, node string) bool {
	s, err := a.Mesh.Status(ctx)
	if err != nil {
		return false
	}
	for _, n := range s.Nodes {
		if n.Node == node {
			return true
		}
	}
	for t := range a.Store.State().JoinTokens() {
		if t.Node == node {
			return true
		}
	}
	return false
}

// drainNode has a node hand over what it carries, or ends that. Nothing of it is in the
// replicated state: a node that starts again does not drain.
func (a *API) drainNode(ctx context.Context, in *removeNodeInput, on bool) (*emptyAnswer, error) {
	err := a.Mesh.Drain(ctx, in.Node, on)
	switch {
	case errors.Is(err, ErrNoNode):
		return nil, refuse(codeNodeNotFound, "")
	case err != nil:
		a.Logger.Warn("a node could not be told to drain", "node", in.Node, "drain", on, "err", err)
		return nil, refuse(codeNodeSilent, "")
	}
	return &emptyAnswer{}, nil
}
