package control

import (
	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
)

// removeNode puts a node out of the cluster for good: its streams and stays end, and the
// seats that it had are free. A node that never registered can be removed too, so that its
// certificate opens nothing.
func (d *draft) removeNode(c *controlpb.RemoveNode) (string, error) {
	if err := checkID("node", c.GetNode()); err != nil {
		return "", err
	}
	n := d.next.Node(c.GetNode())
	switch {
	case n.GetRemoved():
		return "", ErrNodeRemoved
	case n == nil && d.next.plain[KindNode-KindAttendance].Len() >= maxNodes:
		return "", tooMany("nodes", maxNodes)
	case n == nil:
		n = &controlpb.NodeRecord{Node: c.GetNode()}
	}
	n = proto.CloneOf(n)
	n.Removed, n.RemovedAt, n.Fenced, n.Silent = true, nanos(d.at), nil, 0
	return n.GetNode(), first(d.putNode(n), d.vacateAll(n.GetNode()), d.closeStays(n.GetNode(), d.at), d.audit("node.removed", "", n.GetNode(), nil))
}
