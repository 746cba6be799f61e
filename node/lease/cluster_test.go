package lease

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"stentor/control"
	"stentor/control/controlpb"
)

// commit is how long a proposal takes to be committed and seen.
const commit = 10 * time.Millisecond

var errLost = errors.New("no answer")

// cluster is a log of the real state, in the memory of the test.
type cluster struct {
	t testing.TB

	mu       sync.Mutex
	state    *control.State
	changed  chan struct{}
	commands map[string]int // by kind
	refuses  func(*controlpb.Command) error
}

func newCluster(t testing.TB, limit uint32, partition string) *cluster {
	c := &cluster{t: t, state: control.NewState(), changed: make(chan struct{}), commands: make(map[string]int)}
	c.must(&controlpb.Command{Kind: &controlpb.Command_SetFeatureLevel{SetFeatureLevel: &controlpb.SetFeatureLevel{Level: 2}}})
	c.must(&controlpb.Command{Principal: "ada", Kind: &controlpb.Command_CreateWebinar{CreateWebinar: &controlpb.CreateWebinar{
		Id: "w_1", Link: "hall", Title: "Hall", Owner: "ada",
		Settings: &controlpb.Settings{Title: "Hall", GuestLimit: limit, Partition: partition}}}})
	return c
}

func (c *cluster) apply(cmd *controlpb.Command) control.Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	cmd = proto.CloneOf(cmd)
	cmd.ProposedAt = time.Now().UnixNano()
	c.commands[fmt.Sprintf("%T", cmd.GetKind())]++
	if c.refuses != nil {
		if err := c.refuses(cmd); err != nil {
			return control.Result{Err: err}
		}
	}
	next, r := c.state.Apply(c.state.Index()+1, cmd)
	if r.Halt != nil {
		c.t.Errorf("halt: %v", r.Halt)
		return r
	}
	c.state = next
	close(c.changed)
	c.changed = make(chan struct{})
	return r
}

func (c *cluster) must(cmd *controlpb.Command) {
	c.t.Helper()
	if r := c.apply(cmd); r.Err != nil {
		c.t.Fatalf("refused: %v", r.Err)
	}
}

func (c *cluster) limit(n uint32) {
	c.t.Helper()
	c.must(&controlpb.Command{Kind: &controlpb.Command_EditWebinar{EditWebinar: &controlpb.EditWebinar{
		Webinar: "w_1", Settings: &controlpb.Settings{GuestLimit: n}, Mask: []string{"guest_limit"}}}})
}

func (c *cluster) now() (*control.State, chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state, c.changed
}

// tick is the leader's duty.
func (c *cluster) tick() {
	if s, _ := c.now(); s.Due(time.Now()) {
		c.apply(&controlpb.Command{Kind: &controlpb.Command_Tick{Tick: &controlpb.Tick{}}})
	}
}

// node is an edge with a keeper, which can be cut off from the cluster.
type node struct {
	*Keeper
	c *cluster

	mu         sync.Mutex // guards the following
	frozen     *control.State
	since      time.Time
	loses      bool // the answers to its proposals
	superseded []string
	fenced     []time.Time
	stop       func()
}

// join starts an incarnation of a node. It ends with the test, or with stop.
func (c *cluster) join(name string, epoch uint64) *node {
	n := &node{c: c}
	var err error
	n.Keeper, err = New(Config{Node: name, Epoch: epoch, State: n.state, Changed: n.changed, Propose: n.propose, Fresh: n.fresh,
		Superseded: func(_, p string) { n.mu.Lock(); defer n.mu.Unlock(); n.superseded = append(n.superseded, p) },
		Fenced:     func(string) { n.mu.Lock(); defer n.mu.Unlock(); n.fenced = append(n.fenced, time.Now()) },
	})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(c.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.Run(ctx)
	}()
	n.stop = func() { cancel(); <-done }
	c.t.Cleanup(n.stop)
	time.Sleep(5 * commit) // it registers
	synctest.Wait()
	return n
}

func (n *node) state() *control.State {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.frozen != nil {
		return n.frozen
	}
	s, _ := n.c.now()
	return s
}

func (n *node) changed() <-chan struct{} {
	_, changed := n.c.now()
	return changed
}

func (n *node) fresh() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.frozen == nil {
		return 0
	}
	return time.Since(n.since)
}

func (n *node) propose(ctx context.Context, c *controlpb.Command) (control.Result, error) {
	n.mu.Lock()
	cut, loses := n.frozen != nil, n.loses
	n.mu.Unlock()
	if cut {
		<-ctx.Done()
		return control.Result{}, ctx.Err()
	}
	time.Sleep(commit)
	r := n.c.apply(c)
	if loses {
		return control.Result{}, errLost
	}
	return r, r.Err
}

func (n *node) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.frozen, _ = n.c.now()
	n.since = time.Now()
}

func (n *node) heal() {
	n.mu.Lock()
	n.frozen = nil
	n.mu.Unlock()
	n.poke()
}

// enter has a number of guests come at once, and returns how many got in, and how the
// others were refused.
func (n *node) enter(prefix string, count int) (in int, refused map[error]int) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	refused = make(map[error]int)
	for i := range count {
		wg.Go(func() {
			err := n.Take(context.Background(), "w_1", fmt.Sprintf("%s%d", prefix, i))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				in++
			} else {
				refused[err]++
			}
		})
	}
	wg.Wait()
	return in, refused
}

// heard is who was superseded, ended when webinars were fenced, and kept how many
// machines there are.
func (n *node) heard() []string    { n.mu.Lock(); defer n.mu.Unlock(); return n.superseded }
func (n *node) ended() []time.Time { n.mu.Lock(); defer n.mu.Unlock(); return n.fenced }
func (n *node) kept() int          { n.Keeper.mu.Lock(); defer n.Keeper.mu.Unlock(); return len(n.tenants) }

// lose has the answers to all proposals be lost.
func (n *node) lose() { n.mu.Lock(); defer n.mu.Unlock(); n.loses = true }

// refuse has the voters refuse what f has an error for.
func (c *cluster) refuse(f func(*controlpb.Command) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuses = f
}

// count is how many commands of a kind there were.
func (c *cluster) count(kind string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.commands[kind]
}

// total is how many commands there were.
func (c *cluster) total() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := 0
	for _, n := range c.commands {
		sum += n
	}
	return sum
}

const never = time.Duration(math.MaxInt64)
