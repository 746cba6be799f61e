package cli

import (
	"context"
	"errors"
)

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
