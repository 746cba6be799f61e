package node

import (
	"context"
	"time"

	"stentor/control"
	"stentor/control/controlpb"
)

// levelEvery is how often the leader looks whether all nodes understand a newer feature
// level. Upgrades take minutes.
const levelEvery = 5 * time.Second

// raiseLevel raises the cluster's feature level, while this node leads, once every node
// runs this version or a newer one: from then on commands are made that older versions
// could not apply. A node that is away counts: it would halt when it comes back.
func (n *Node) raiseLevel(ctx context.Context) error {
	tick := time.NewTicker(levelEvery)
	defer tick.Stop()
	for {
		if level := n.store.State().Cluster().FeatureLevel; level < control.FeatureLevel && n.mayRaise() {
			_, err := n.store.Propose(ctx, &controlpb.Command{
				Principal: n.cfg.Name,
				Kind:      &controlpb.Command_SetFeatureLevel{SetFeatureLevel: &controlpb.SetFeatureLevel{Level: control.FeatureLevel}},
			})
			n.log.Info("feature level raised", "from", level, "to", control.FeatureLevel, "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// mayRaise reports whether this node leads and sees every voter, and nobody older than
// itself.
func (n *Node) mayRaise() bool {
	s := n.store.Status()
	if s.Leader != n.cfg.Name || n.store.State().Cluster().ID == "" {
		return false
	}
	alive := map[string]bool{n.cfg.Name: true}
	for _, m := range n.gossip.Members() {
		if compareVersions(m.Version, n.build.Version) < 0 && !n.removed(m.Node) {
			return false
		}
		if m.Alive && !m.Signed && m.Node != n.cfg.Name { // gossip would believe it no more: see cluster.Config.Signed
			return false
		}
		alive[m.Node] = m.Alive
	}
	for _, voter := range s.Voters {
		if !alive[voter] {
			return false
		}
	}
	return true
}
