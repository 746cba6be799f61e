package cli

import (
	"context"
	"errors"
)

// DrainCommand has a node hand over what it carries.
type DrainCommand struct {
	Remote
	Node string `arg:"" help:"Name of the node."`
	Undo bool   `help:"Have the node carry again."`
}

// Run tells the node.
func (c *DrainCommand) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	if c.Undo {
		return c.done(e, api.Undrain(ctx, c.Node), "The node %s carries again.", c.Node)
	}
	return c.done(e, api.Drain(ctx, c.Node), "The node %s hands over what it carries; `stentor status` shows when nothing is left.", c.Node)
}

// NodeRotateKey has the nodes seal their gossip with another key. It stands in the grammar
// beside NodeRemove.
type NodeRotateKey struct {
	Remote
}

// Run begins it.
func (c *NodeRotateKey) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	k, err := api.RotateGossipKey(ctx)
	switch {
	case err != nil:
		return err
	case c.JSON:
		return printJSON(e.Stdout, k)
	case c.Quiet:
		return nothing(e.Stdout, plain(k.Next))
	}
	return nothing(e.Stdout, "The nodes change to the gossip key "+plain(k.Next)+"; `stentor status` shows how far they are.")
}

// NodeRemove puts a node out of the mesh. It stands in the grammar beside the
// command that runs a node.
type NodeRemove struct {
	Remote
	Node string `arg:"" help:"Name of the node."`
	Yes  bool   `help:"Do it: the node can never come back under this name without a new join token."`
}

// Run removes the node.
func (c *NodeRemove) Run(ctx context.Context, e *Env) error {
	if !c.Yes {
		return Hint(Usage(errors.New("a node that is removed loses its streams, its seats and, if it votes, its vote")), "say --yes if that is meant")
	}
	api, err := c.open(e)
	if err != nil {
		return err
	}
	return c.done(e, api.RemoveNode(ctx, c.Node), "The node %s is removed.", c.Node)
}
