package cluster

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"stentor/cluster/mesh"
)

// Between memberlist's LAN profile (a crash is known after 8 to 12 s) and its WAN
// profile (60 to 81 s): a mesh spans continents, but its routing should not offer
// dead parents for a minute. Media does not wait for any of this.
const (
	// probeTimeout is twice the round trip between antipodes (about 350 ms).
	probeTimeout = 750 * time.Millisecond
	// probeInterval leaves as much again for the detour over other nodes.
	probeInterval = 1500 * time.Millisecond
	// suspicionMult: a suspect has at least 4 x 1.5 s = 6 s to object; time for
	// three losses in a row. A tenfold mesh doubles it.
	suspicionMult = 4
	// suspicionMaxMult bounds the time when nobody confirms: 18 s. In a large
	// mesh confirmations come at once.
	suspicionMaxMult = 3
	// gossipInterval and gossipNodes: a change is with everyone in a mesh of 100
	// after 4 or 5 rounds: a second.
	gossipInterval = 200 * time.Millisecond
	gossipNodes    = 4
	retransmitMult = 4
	// announceMult: with memberlist's 4 sendings to random nodes one announcement
	// in a hundred missed a node of five until the next push/pull (300 at once: 1
	// to 5 % missing after 10 s; with 12: none), and a missed origin is a viewer
	// without a picture. It costs 60 bytes each time.
	announceMult = 12
	// announceScale keeps it at 12 in any mesh, where memberlist would make 24 of it
	// from 10 nodes on and 36 from 100: what is sent to 12 random nodes by everyone who
	// hears it misses one node in 160,000 (e^-12), however many there are.
	announceScale = 9
	// pushPullInterval makes good what packets lost.
	pushPullInterval = 30 * time.Second
	// gossipToTheDead lets a node that came back object for as long as rejoining
	// takes to find it.
	gossipToTheDead = 60 * time.Second
	streamTimeout   = 10 * time.Second
	// reclaim: the name is the certificate's, so that a node that comes back
	// elsewhere may have it as soon as it was seen dead.
	reclaim = time.Second

	// rejoinInterval is how often nodes that should be there are called again
	// (partitions that outlast gossipToTheDead heal by this alone), and
	// retryFirst to retryMost how often at start, until someone answers.
	rejoinInterval = 30 * time.Second
	retryFirst     = 500 * time.Millisecond
	retryMost      = 10 * time.Second
	// joinJitter spreads a mesh that starts at once; one node hardly notices it.
	joinJitter = 200 * time.Millisecond
	// repeatAfter is when a node of a small mesh is told of once more: the four sendings of
	// the first time go to random nodes and are over in less than two seconds. By them
	// alone one start of five nodes in 2,000 left two that did not know each other until
	// a push/pull, up to 40 s later.
	repeatAfter = 2 * time.Second
	// doubtAfter is when a member that died without a goodbye is called once more:
	// packets say that it is dead, and anyone with the key can write them. If it lives, it
	// has objected by then or does so when it is called.
	doubtAfter = 500 * time.Millisecond
	// callsMost bounds one round of calls: with half of a mesh away, each node calls
	// a few of that half, and together they call all of it.
	callsMost = 5

	// leaveTime bounds each half of the goodbye: a few gossip intervals. When a whole
	// mesh stops at once, the last ones have nobody to say it to. updateGap is how
	// often metadata changes are sent, remember how long a dead member is listed.
	leaveTime = time.Second
	longWay   = 150 * time.Millisecond // to the other side of the world
	updateGap = 500 * time.Millisecond
	remember  = 10 * time.Minute
)

func (g *Gossip) memberlistConfig(t *transport) *memberlist.Config {
	c := memberlist.DefaultLANConfig()
	d := delegate{g}
	c.Name = g.config.Meta.Node
	c.Transport = t
	c.AdvertiseAddr, c.AdvertisePort = t.ip.String(), t.udp
	c.SecretKey = nil // the transport seals and opens
	c.ProbeInterval, c.ProbeTimeout = probeInterval, probeTimeout
	c.SuspicionMult, c.SuspicionMaxTimeoutMult = suspicionMult, suspicionMaxMult
	c.GossipInterval, c.GossipNodes, c.RetransmitMult = gossipInterval, gossipNodes, retransmitMult
	c.PushPullInterval, c.GossipToTheDeadTime = pushPullInterval, gossipToTheDead
	c.TCPTimeout, c.DeadNodeReclaimTime = streamTimeout, reclaim
	c.UDPBufferSize = maxPacket - sealHead - sealTail
	c.EnableCompression = false // small packets; LZW would cost more than it saves
	c.Label = ""                // a label begins with 244, which is QUIC's
	c.Delegate, c.Events, c.Alive, c.Conflict, c.Ping = d, d, d, d, d
	c.DelegateProtocolVersion, c.DelegateProtocolMin, c.DelegateProtocolMax = 1, 1, 1
	c.Logger = logger(g.log)
	return c
}

// Run takes part in the gossip until ctx is done; then it says goodbye, so that
// the others know at once. The mesh port has to outlive it. A probe of memberlist
// that is under way may outlive Run by its own timeout; it finds everything closed.
func (g *Gossip) Run(ctx context.Context) error {
	at, err := mesh.Lookup(ctx, g.config.Meta.Mesh)
	if err != nil {
		return fmt.Errorf("cluster: own mesh address: %w", err)
	}
	if at[0].Addr().IsUnspecified() || at[0].Port() == 0 {
		return fmt.Errorf("cluster: %s cannot be reached by others: set the mesh address that they are to use", at[0])
	}
	t := newTransport(g, unmap(at[0]))
	g.mu.Lock()
	g.at = unmap(at[0])
	g.mu.Unlock()
	t.start()
	ml, err := memberlist.Create(g.memberlistConfig(t))
	if err != nil {
		t.Shutdown()
		return fmt.Errorf("cluster: %w", err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { g.join(ctx, ml) })
	wg.Go(func() { g.update(ctx, ml) })
	wg.Go(func() { g.tidy(ctx) })
	wg.Go(func() { g.exchange(ctx, ml) })
	wg.Go(func() { g.repeat(ctx) })
	<-ctx.Done()
	// memberlist does not tell the others whether a node left or died, so that
	// the metadata say it before.
	g.mu.Lock()
	g.meta.leaving = true
	g.mu.Unlock()
	if err := g.publish(ml); err != nil {
		g.log.Debug("metadata not confirmed", "err", err)
	}
	sleep(context.WithoutCancel(ctx), goodbye(int(g.count.Load())))
	if err := ml.Leave(leaveTime); err != nil {
		g.log.Warn("left without goodbye", "err", err)
	}
	err = ml.Shutdown()
	wg.Wait()
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	return nil
}

// goodbye is how long the word that a node is leaving runs ahead of the one that it
// is gone, which stops the first where it meets it. Up to five nodes hear it at once,
// the others in as many rounds as fours make them, and one more.
func goodbye(nodes int) time.Duration {
	if nodes <= gossipNodes+1 {
		return 0
	}
	rounds := math.Ceil(math.Log(float64(nodes)) / math.Log(gossipNodes))
	return time.Duration(rounds+1) * (gossipInterval + longWay)
}

// join calls the nodes that should be members and are not, soon until the first
// one answers, at leisure from then on. All waits are jittered, the first one too, and
// so is whom it calls: fifty nodes that start at once and call the same one overflow
// its queue of handshakes, and those that it drops wait for three seconds.
func (g *Gossip) join(ctx context.Context, ml *memberlist.Memberlist) {
	if !sleep(ctx, rand.N(joinJitter)) {
		return
	}
	wait, joined := retryFirst, len(g.config.Join) == 0
	for {
		if g.call(ctx, ml) {
			joined = true
		}
		if joined = joined || g.count.Load() > 1; joined {
			wait = rejoinInterval
		}
		timer := time.NewTimer(wait/2 + rand.N(wait))
		select {
		case <-timer.C:
		case <-g.doubt:
			// One answer at a time, so that forged deaths do not make a node dial
			// without end.
			if !sleep(ctx, doubtAfter+rand.N(joinJitter)) {
				return
			}
		case <-ctx.Done():
			return
		}
		timer.Stop()
		if !joined {
			wait = min(2*wait, retryMost)
		}
	}
}

// repeat has the others told of this node twice, once it knows some. Where they are
// many their exchanges do that.
func (g *Gossip) repeat(ctx context.Context) {
	for changed := g.Changed(); g.count.Load() < 2; changed = g.Changed() {
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
	if !sleep(ctx, repeatAfter+rand.N(joinJitter)) || g.count.Load() > crowd {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tell()
}

// call calls missing nodes in a random order until one answers: it knows the rest.
func (g *Gossip) call(ctx context.Context, ml *memberlist.Memberlist) bool {
	targets := g.missing(ctx)
	rand.Shuffle(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
	for _, target := range targets[:min(len(targets), callsMost)] {
		n, err := ml.Join([]string{target})
		if n > 0 || ctx.Err() != nil {
			return n > 0
		}
		g.log.Debug("no answer to join", "target", target, "err", err)
	}
	return false
}

// missing are the addresses to call: of the Join list what is no living member,
// and members that died (as node/address, so that nobody else will do).
func (g *Gossip) missing(ctx context.Context) []string {
	var listed []netip.AddrPort
	for _, addr := range g.config.Join {
		found, err := mesh.Lookup(ctx, addr)
		if err != nil {
			g.log.Warn("cannot find a node to join", "addr", addr, "err", err)
		}
		for _, a := range found {
			listed = append(listed, unmap(a))
		}
	}
	var targets []string
	for _, a := range listed {
		if _, ok := g.nodeAt(a); !ok {
			targets = append(targets, a.String())
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for name, m := range g.members {
		if a := g.addrs[name]; !m.Alive && !m.Left && !slices.Contains(listed, a) {
			targets = append(targets, name+"/"+a.String())
		}
	}
	return targets
}

// nodeAt is the living member at an address; this node is one.
func (g *Gossip) nodeAt(addr netip.AddrPort) (string, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for name, m := range g.members {
		if m.Alive && g.addrs[name] == addr {
			return name, true
		}
	}
	return "", false
}

// publish tells the others what the metadata are now. memberlist's UpdateNode reads, without
// its lock, what another one is writing. (A mutex held for so long would stop virtual time.)
func (g *Gossip) publish(ml *memberlist.Memberlist) error {
	g.publishing <- struct{}{}
	defer func() { <-g.publishing }()
	return ml.UpdateNode(leaveTime)
}

// update tells the others about changed metadata, not more often than they need.
func (g *Gossip) update(ctx context.Context, ml *memberlist.Memberlist) {
	for {
		select {
		case <-g.wake:
		case <-ctx.Done():
			return
		}
		if err := g.publish(ml); err != nil {
			g.log.Debug("metadata not confirmed", "err", err)
		}
		if !sleep(ctx, updateGap) {
			return
		}
	}
}

// tidy forgets what is over.
func (g *Gossip) tidy(ctx context.Context) {
	for sleep(ctx, pushPullInterval) {
		now := time.Now()
		g.resign(now)
		g.mu.Lock()
		maps.DeleteFunc(g.heard, func(name string, h *heard) bool { return g.members[name] == nil && now.After(h.until) })
		for name, m := range g.members {
			if !m.Alive && now.Sub(m.Since) > remember {
				delete(g.members, name)
				delete(g.addrs, name)
				g.tracks.forget(name)
				g.notify()
			}
		}
		g.tracks.prune(g.epoch, now)
		g.mu.Unlock()
	}
}

// sleep waits; false when ctx ended it.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
