package route

import "fmt"

func (w *world) debug(n *simNode) {
	if w.blamed++; w.blamed > 1 {
		return
	}
	for n.fedBy() {
		n = n.from.parent
	}
	fmt.Printf("--- root %s group %d epoch %d/%d told %v delay %v looking %v backoff %v draining %v\n", n.name, n.group, n.epoch, w.epoch, n.told, n.delay, n.looking, n.backoff, n.draining)
	for _, c := range n.candidates(true) {
		p := w.node(c.Node)
		fmt.Printf("  %s announced %v %v full %v drain %v poss %v | true: up %v path %v delay %v full %v (%d/%d) crowded %v fed %v shunned %v\n", c.Node, c.Path, c.Delay, c.Full, c.Draining, n.self().possible(&c), p.up(), p.path, p.delay, p.fullNow(), p.children(), p.most, p.crowded, p.fedBy(), n.shunned[p]-w.now)
	}
	for s := range n.feeds {
		fmt.Printf("  feeds %s paused %v real %v\n", s.child.name, s.paused, s.real())
	}
}
