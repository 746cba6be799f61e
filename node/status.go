package node

import (
	"cmp"
	"context"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"stentor/cluster"
	"stentor/control/api"
	"stentor/control/client"
	"stentor/control/webinar"
	"stentor/node/session"
	"stentor/relay"
)

// report is what a node says of itself to the others.
type report struct {
	Node      string              `json:"node"`
	Index     uint64              `json:"index"`
	Staleness time.Duration       `json:"staleness"`
	Sessions  int                 `json:"sessions"`
	Hash      []byte              `json:"hash"`
	Tracks    []relay.TrackStatus `json:"tracks"`
	Links     []relay.LinkStatus  `json:"links"`
	Mesh      *client.Certificate `json:"mesh,omitempty"`
	Public    *client.Certificate `json:"public,omitempty"`
}

func (n *Node) report() report {
	s, state := n.store.Status(), n.store.State()
	hash := state.Hash()
	return report{
		Node: n.cfg.Name, Index: state.Index(), Staleness: s.Staleness, Hash: hash[:],
		Sessions: len(n.door.Sessions("")), Tracks: n.relay.Status(), Links: n.relay.Links(),
		Mesh: certificate(n.credentials().Cert, n.now()), Public: certificate(n.sockets.Public, n.now()),
	}
}

// Status is the mesh as this node sees it: what gossip says of every node, and
// what each node that answers says of itself.
func (n *Node) Status(ctx context.Context) (api.Status, error) {
	s := n.store.Status()
	out := api.Status{
		Node: n.cfg.Name, Version: n.build.Version, Commit: n.build.Commit,
		Cluster: n.store.State().Cluster().ID, Leader: s.Leader, Term: s.Term, Index: s.Applied,
		GossipKey: api.GossipKey(n.store.State()), Authority: certificate(n.credentials().CA, n.now()),
		Nodes: []api.NodeStatus{}, Tracks: []api.Track{}, Unreachable: []string{},
	}
	reports, unreachable := ask(ctx, n, "/status", n.report())
	out.Unreachable = append(out.Unreachable, unreachable...)
	members := n.gossip.Members()
	newest := newestVersion(members)
	for _, m := range members {
		r := reports[m.Node]
		out.Nodes = append(out.Nodes, api.NodeStatus{
			Node: m.Node, Role: string(m.Role), Region: m.Region, Version: m.Version, URL: m.HTTP,
			Alive: m.Alive, Draining: m.Draining, Load: float64(m.Load), RTT: milliseconds(m.RTT),
			Index: r.Index, Staleness: milliseconds(r.Staleness), Outdated: m.Version != newest, Sessions: r.Sessions,
			Hash: hex.EncodeToString(r.Hash), Mesh: r.Mesh, Public: r.Public,
		})
	}
	out.Tracks = tracks(reports)
	return out, nil
}

// tracks puts together what each node says about the tracks that it carries: one
// track with its hops, the origin first.
func tracks(reports map[string]report) []api.Track {
	type key struct {
		id    string
		epoch uint64
	}
	byID := make(map[key]*api.Track)
	for node, r := range reports {
		for _, t := range r.Tracks {
			k := key{t.ID.String(), t.Epoch}
			if byID[k] == nil {
				byID[k] = &api.Track{Webinar: t.ID.Webinar, Stream: t.ID.Stream, Track: t.ID.Name, Epoch: t.Epoch}
			}
			byID[k].Hops = append(byID[k].Hops, hop(node, t, r.Links))
		}
	}
	out := make([]api.Track, 0, len(byID))
	for _, t := range byID {
		slices.SortFunc(t.Hops, func(a, b api.Hop) int {
			return cmp.Or(cmp.Compare(len(a.Path), len(b.Path)), cmp.Compare(a.Node, b.Node))
		})
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b api.Track) int {
		return cmp.Or(cmp.Compare(a.Webinar, b.Webinar), cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Track, b.Track), cmp.Compare(a.Epoch, b.Epoch))
	})
	return out
}

// hop is what a node says about a track, with the link by which it comes.
func hop(node string, t relay.TrackStatus, links []relay.LinkStatus) api.Hop {
	h := api.Hop{
		Node: node, Role: string(t.Role), Parent: t.Parent, Path: append([]string{}, t.Path...), Readers: t.Readers,
		Children: append([]string{}, t.Children...), Bytes: t.Bytes, Packets: t.Packets, Bitrate: t.Bitrate, RTT: milliseconds(t.RTT),
		Standby: t.Standby, Delay: milliseconds(t.Delay), Frames: t.Whole, Late: t.Late, Buffer: milliseconds(t.Buffer), Shed: t.Shed,
	}
	if i := slices.IndexFunc(links, func(l relay.LinkStatus) bool { return l.Peer == t.Parent }); i >= 0 {
		h.Loss, h.Recovered = links[i].InLoss, links[i].Recovered
	}
	return h
}

// Participants is who is inside a webinar over the whole mesh, by the nodes that
// serve them.
func (n *Node) Participants(ctx context.Context, id string) (inside []api.Present, unreachable []string, err error) {
	lists, unreachable := ask(ctx, n, "/sessions?webinar="+id, n.door.Sessions(id))
	for node, sessions := range lists {
		inside = append(inside, present(node, sessions)...)
	}
	slices.SortFunc(inside, func(a, b api.Present) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID))
	})
	return inside, unreachable, nil
}

// present merges the sessions of each participant at one node.
func present(node string, sessions []session.Info) []api.Present {
	by := make(map[string]*api.Present)
	var order []string
	for _, s := range sessions {
		p := by[s.Participant]
		if p == nil {
			p = &api.Present{
				ID: s.Participant, Name: s.Name, Role: s.Role, Node: node, Since: s.Since, Guest: s.Guest, Waiting: s.Waiting,
				Registration: s.Registrant, Account: s.Account,
			}
			by[s.Participant] = p
			order = append(order, s.Participant)
		}
		if !slices.Contains(p.Uses, s.Use) {
			p.Uses = append(p.Uses, s.Use)
		}
		keys, _ := webinar.ParseKeys(s.Keys)
		p.Keys = append(p.Keys, keys...)
		for _, k := range keys {
			if k.Kind == webinar.KindInvite {
				p.Invite = k.Value
			}
		}
	}
	out := make([]api.Present, 0, len(order))
	for _, id := range order {
		out = append(out, *by[id])
	}
	return out
}

// sessions are those of a webinar here, and if asked for those that hosts have just ended.
func (n *Node) sessions(id string, putOut bool) []session.Info {
	out := n.door.Sessions(id)
	if putOut {
		out = append(out, n.door.PutOut(id)...)
	}
	return out
}

// Ask asks all nodes who is inside a webinar, or was put out of it a moment ago, and calls
// heard with each answer as it comes, this node's own first.
func (n *Node) Ask(ctx context.Context, id string, heard func([]api.Present)) {
	each(ctx, n, "/sessions?put-out&webinar="+id, n.sessions(id, true), func(node string, sessions []session.Info) { heard(present(node, sessions)) })
}

// ask asks every other node that gossip believes alive, all at once, and returns
// their answers with this node's own, and the nodes that did not answer.
func ask[T any](ctx context.Context, n *Node, path string, own T) (map[string]T, []string) {
	answers := map[string]T{}
	unreachable := each(ctx, n, path, own, func(node string, v T) { answers[node] = v })
	return answers, unreachable
}

// each is ask that calls heard, one call at a time, with each answer as it comes.
func each[T any](ctx context.Context, n *Node, path string, own T, heard func(node string, v T)) []string {
	heard(n.cfg.Name, own)
	var mu sync.Mutex // held for heard, and guards the following
	var unreachable []string
	var wg sync.WaitGroup
	for _, m := range n.gossip.Members() {
		if m.Node == n.cfg.Name {
			continue
		}
		wg.Go(func() {
			var v T
			err := errNotAlive
			if m.Alive {
				err = n.call(ctx, m.Node, path, &v)
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				unreachable = append(unreachable, m.Node)
				return
			}
			heard(m.Node, v)
		})
	}
	wg.Wait()
	slices.Sort(unreachable)
	return unreachable
}

func newestVersion(members []cluster.Member) string {
	newest := ""
	for _, m := range members {
		if compareVersions(m.Version, newest) > 0 {
			newest = m.Version
		}
	}
	return newest
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
