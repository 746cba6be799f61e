package cluster

import (
	"crypto/ed25519"
	"errors"
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"

	"stentor/cluster/pki"
)

// pinned is how long after its death a member's signed word still stands against
// unsigned or older ones: longer than it takes to object to a forged death. A node that
// said goodbye may come back at once as whatever version it is.
const pinned = time.Minute

// heard is what a certified node said last, so that one signature is checked once,
// and nothing older takes its place.
type heard struct {
	seq    uint64
	public ed25519.PublicKey
	until  time.Time
	meta   string
	at     netip.AddrPort
}

var (
	errRemoved  = errors.New("it was removed from the cluster")
	errUnsigned = errors.New("not signed by the node that it speaks of")
	errOlder    = errors.New("older than what the node said last")
)

// judge decides whether memberlist may believe what is said about a node.
func (g *Gossip) judge(n *memberlist.Node, now time.Time) (reason string, err error) {
	s, err := parseSaid(n.Name, n.Meta)
	if err != nil {
		return "metadata", err
	}
	at := nodeAddr(n)
	switch {
	case n.Name == g.config.Meta.Node:
		g.aboutSelf(s, now)
		return "", nil // memberlist objects by itself where it is wrong
	case g.config.Removed != nil && g.config.Removed(n.Name):
		return "removed", errRemoved
	case !s.signed:
		return g.judgeUnsigned(n.Name, now)
	case g.knows(n, at, now):
		return "", nil
	}
	if err := s.verify(g.config.Port.Credentials(), at, now); err != nil {
		return "signature", err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if h := g.heard[n.Name]; h != nil && s.seq < h.seq && g.recent(n.Name, now) {
		return "", errOlder // gossip comes in any order
	}
	g.heard[n.Name] = &heard{s.seq, append(ed25519.PublicKey(nil), s.proof.Public...), s.proof.Until, string(n.Meta), at}
	if m := g.members[n.Name]; m != nil && s.leaving && !m.Alive && s.Epoch == m.Epoch {
		g.left(m) // the goodbye came after the death that it announced
	}
	return "", nil
}

// judgeUnsigned is for nodes of v0.2, and for those whose certificate a voter of
// v0.2 signed. A name that has signed does not stop to while it lives.
func (g *Gossip) judgeUnsigned(node string, now time.Time) (reason string, err error) {
	if g.config.Signed != nil && g.config.Signed() {
		return "unsigned", errUnsigned
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.heard[node] != nil && g.recent(node, now) {
		return "unsigned", errUnsigned
	}
	delete(g.heard, node)
	return "", nil
}

// knows reports whether exactly this was verified before.
func (g *Gossip) knows(n *memberlist.Node, at netip.AddrPort, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.heard[n.Name]
	return h != nil && h.meta == string(n.Meta) && h.at == at && !now.After(h.until)
}

// recent reports whether a member is alive, or may be in a moment; g.mu is held.
func (g *Gossip) recent(node string, now time.Time) bool {
	m := g.members[node]
	return m != nil && (m.Alive || !m.Left && now.Sub(m.Since) < pinned)
}

// aboutSelf hears what others hold of this node. If it is from before a restart
// over which the clock went back, this node counts on from there.
func (g *Gossip) aboutSelf(s said, now time.Time) {
	c := g.config.Port.Credentials()
	if !s.signed || s.proof.Verify(c.Identity, c.CA, now) != nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.seq > g.seq {
		g.seq = s.seq
		g.tell()
	}
}

// tell has the others hear about this node again; g.mu is held.
func (g *Gossip) tell() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// resign says everything again when the node's credentials have changed in a way
// that others have to know: every new certificate has a new proof, and a new key, or the
// first proof, makes every word a new one.
func (g *Gossip) resign(now time.Time) {
	c := g.config.Port.Credentials()
	g.mu.Lock()
	defer g.mu.Unlock()
	if c == g.signedBy {
		return
	}
	before := g.signedBy
	g.signedBy = c
	g.tell()
	_, had := before.Proof()
	if _, has := c.Proof(); has == had && c.Key.Equal(before.Key) {
		return
	}
	for _, w := range g.tracks.again(now) {
		g.broadcast(w)
	}
}

// signWord puts this node's signature on its own word, if others can check it.
func (g *Gossip) signWord(w *record) {
	w.proven = true
	c := g.config.Port.Credentials()
	if _, ok := c.Proof(); ok {
		w.sign(c.Key)
	}
}

func nodeAddr(n *memberlist.Node) netip.AddrPort {
	a, _ := netip.AddrFromSlice(n.Addr)
	return netip.AddrPortFrom(a.Unmap(), n.Port)
}

// A claim is a word that may be news, and the key that must have signed it (nil:
// there is nothing to check).
type claim struct {
	record
	key ed25519.PublicKey
}

// claims are the words worth checking; g.mu is held. from is the node whose own
// signed state they came in, or none: what it says about itself needs no more.
func (g *Gossip) claims(list []record, from string, own *pki.Credentials) (out []claim) {
	for _, w := range list {
		if !g.tracks.news(w, g.epoch) {
			continue
		}
		h, m := g.heard[w.Node], g.members[w.Node]
		signed := w.signature != nil
		switch {
		case w.Node == g.config.Meta.Node:
			if signed {
				out = append(out, claim{w, own.Key.Public().(ed25519.PublicKey)})
			} else if g.older > 0 { // it would be believed there
				w.proven = true
				out = append(out, claim{w, nil})
			}
		case m == nil: // checked when it becomes a member
			out = append(out, claim{w, nil})
		case m.Signed && h != nil && signed:
			out = append(out, claim{w, h.public})
		case !m.Signed && !signed, m.Signed && w.Node == from && !signed:
			w.proven = true
			out = append(out, claim{w, nil})
		}
	}
	return out
}

// believe checks the signatures, which takes 60 us each: g.mu is not held.
func (g *Gossip) believe(claims []claim) (out []record) {
	for _, c := range claims {
		if c.key != nil {
			if c.proven = c.by(c.key); !c.proven {
				g.metrics.refused.WithLabelValues("announcement").Inc()
				continue
			}
		}
		out = append(out, c.record)
	}
	return out
}

// chunk is how many words are taken between two releases of the lock.
const chunk = 64

// hear takes words, passes on what was news and returns how much that was.
func (g *Gossip) hear(list []record, from string) (news int) {
	own := g.config.Port.Credentials()
	for len(list) > 0 {
		n := min(len(list), chunk)
		g.mu.Lock()
		claims := g.claims(list[:n], from, own)
		g.mu.Unlock()
		list = list[n:]
		if len(claims) > 0 {
			news += g.take(g.believe(claims))
		}
	}
	return news
}

func (g *Gossip) take(list []record) (news int) {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, w := range list {
		changed, answers := g.tracks.hear(w, g.epoch, now)
		if changed {
			news++
			g.pass(w)
		}
		for _, a := range answers {
			g.broadcast(a)
		}
	}
	if news > 0 {
		g.notify()
	}
	return news
}

// pass sends on what others can check for themselves; g.mu is held.
func (g *Gossip) pass(w record) {
	m := g.members[w.Node]
	if w.proven && m != nil && (w.signature != nil || !m.Signed) {
		g.broadcast(w)
	}
}
