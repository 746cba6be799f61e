package control

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
)

// removeNode puts a node out of the cluster for good: its streams end, and the seats
// that it had are free. A node that never registered can be removed too, so that its
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
	n.Removed, n.RemovedAt = true, nanos(d.at)
	return n.GetNode(), first(
		d.put(&controlpb.Record{Kind: &controlpb.Record_Node{Node: n}}),
		d.clearNode(n.GetNode()),
		d.audit("node.removed", "", n.GetNode(), nil),
	)
}

// clearNode ends what a node that is gone has in every webinar.
func (d *draft) clearNode(node string) error {
	s := d.next
	for w := range s.Webinars() {
		for _, t := range slices.Collect(w.Streams()) {
			if t.Origin != node {
				continue
			}
			if err := d.remove(Key{KindStream, w.ID, t.Name}); err != nil {
				return err
			}
		}
		if _, ok := w.Lease(node); !ok {
			continue
		}
		if err := d.remove(Key{KindLease, w.ID, node}); err != nil {
			return err
		}
		for t := range w.Seats() {
			if t.Node != node {
				continue
			}
			if err := d.remove(Key{KindSeat, w.ID, t.Participant}); err != nil {
				return err
			}
		}
	}
	return nil
}
