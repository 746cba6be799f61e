package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"stentor/control/client"
)

const (
	// readyWithin is how long a node may take until it is ready, on a slow and busy
	// machine.
	readyWithin = 60 * time.Second
	readyEvery  = 100 * time.Millisecond
	// signedInWithin is how long a new cluster may take to know its first token.
	signedInWithin = 10 * time.Second
	// stillWaiting is how often a person is told that it goes on.
	stillWaiting = 5 * time.Second
)

// mesh is the running nodes.
type mesh struct {
	self  string
	out   io.Writer
	nodes []Node
	procs *children
	admin *client.Client // node 1, with the first API token
	last  *client.Client // the last node, without one
}

// token is the first API token, as `stentor init` wrote it.
func (m *mesh) token() (string, error) {
	b, err := os.ReadFile(filepath.Join(m.nodes[0].Data, "admin.token"))
	if err != nil {
		return "", fmt.Errorf("demo: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// start makes the cluster and brings up its nodes: the first alone, then all others,
// which join by its address with a token of their own.
func (m *mesh) start(ctx context.Context) error {
	first := &m.nodes[0]
	if err := m.initialise(ctx, first); err != nil {
		return err
	}
	if err := m.launch(first, ""); err != nil {
		return err
	}
	if err := m.connect(); err != nil {
		return err
	}
	if err := m.ready(ctx, m.nodes[:1]); err != nil {
		return err
	}
	if err := m.signedIn(ctx); err != nil {
		return err
	}
	for i := range m.nodes[1:] {
		n := &m.nodes[1+i]
		token, err := m.admin.JoinToken(ctx, n.Role, 0)
		if err != nil {
			return fmt.Errorf("demo: a join token for %s: %w", n.Name, err)
		}
		if err := os.MkdirAll(n.Data, 0o700); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		if err := os.WriteFile(n.tokenFile(), []byte(token.Token+"\n"), 0o600); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		if err := m.launch(n, first.Mesh); err != nil {
			return err
		}
	}
	if err := m.ready(ctx, m.nodes[1:]); err != nil {
		return err
	}
	for _, n := range m.nodes[1:] {
		_ = os.Remove(n.tokenFile()) // used up
	}
	return nil
}

// restart brings up nodes that were here before. None is ready without a quorum, so
// all start at once.
func (m *mesh) restart(ctx context.Context) error {
	for i := range m.nodes {
		if err := m.launch(&m.nodes[i], ""); err != nil {
			return err
		}
	}
	if err := m.connect(); err != nil {
		return err
	}
	return m.ready(ctx, m.nodes)
}

func (m *mesh) initialise(ctx context.Context, n *Node) error {
	cmd := command(append([]string{m.self}, n.initArgs()...))
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("demo: stentor %s: %w\n%s", strings.Join(n.initArgs(), " "), err, out)
	}
	return nil
}

// launch starts the process of a node.
func (m *mesh) launch(n *Node, join string) error {
	p, err := m.procs.run(n.Name, n.Log, append([]string{m.self}, n.nodeArgs(join)...))
	if err != nil {
		return err
	}
	n.PID = p.cmd.Process.Pid
	return nil
}

// connect makes the client of node 1.
func (m *mesh) connect() error {
	token, err := m.token()
	if err != nil {
		return err
	}
	m.admin, err = client.New(m.nodes[0].URL, token, client.HTTP(&http.Client{Timeout: 20 * time.Second}))
	return err
}

// signedIn waits until node 1 knows the first API token: a new cluster writes it into
// its log after it has become one.
func (m *mesh) signedIn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, signedInWithin)
	defer cancel()
	for {
		_, err := m.admin.Webinars(ctx, client.Page{Limit: 1})
		var refused *client.Problem
		if !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized {
			return err
		}
		select {
		case p := <-m.procs.ended:
			return m.childEnded(p)
		case <-ctx.Done():
			return fmt.Errorf("demo: %s does not take its own first token: %w", m.nodes[0].Name, err)
		case <-time.After(readyEvery):
		}
	}
}

// ready waits until all of nodes are, and says so one by one.
func (m *mesh) ready(ctx context.Context, nodes []Node) error {
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, readyWithin, errSlow)
	defer cancel()
	tick := time.NewTicker(readyEvery)
	defer tick.Stop()
	waiting := make(map[string]string) // node -> what it waits for
	for _, n := range nodes {
		waiting[n.Name] = "starting"
	}
	for said := time.Duration(0); len(waiting) > 0; {
		for _, n := range nodes {
			if waiting[n.Name] == "" {
				continue
			}
			if why := probe(ctx, n); why != "" {
				waiting[n.Name] = why
				continue
			}
			delete(waiting, n.Name)
			fmt.Fprintf(m.out, "  %-4s %-5s ready after %.1f s   %s\n", n.Name, n.Role, time.Since(began).Seconds(), n.URL)
		}
		if len(waiting) == 0 {
			return nil
		}
		if waited := time.Since(began); waited-said > stillWaiting {
			said = waited
			for name, why := range waiting {
				fmt.Fprintf(m.out, "  %-4s still %s, for %.0f s now\n", name, why, waited.Seconds())
			}
		}
		select {
		case p := <-m.procs.ended:
			return m.childEnded(p)
		case <-ctx.Done():
			return m.notReady(ctx, waiting)
		case <-tick.C:
		}
	}
	return nil
}

var errSlow = errors.New("too slow")

func (m *mesh) notReady(ctx context.Context, waiting map[string]string) error {
	if !errors.Is(context.Cause(ctx), errSlow) {
		return ctx.Err()
	}
	for _, p := range m.procs.all {
		if why, ok := waiting[p.name]; ok {
			m.showLog(p)
			return fmt.Errorf("demo: %s was not ready after %v: %s", p.name, readyWithin, why)
		}
	}
	return errSlow
}

// errPortTaken is a node that found another program on its port.
var errPortTaken = errors.New("demo: a port that was free was taken by another program")

// childEnded shows the end of a node that ended by itself, and says why.
func (m *mesh) childEnded(p *child) error {
	err := p.failure()
	if strings.Contains(tail(p.log, 5), "address already in use") {
		err = fmt.Errorf("%w: %w", errPortTaken, err)
	}
	m.showLog(p)
	return err
}

func (m *mesh) showLog(p *child) {
	fmt.Fprintf(m.out, "\nThe last lines that %s wrote:\n%s\n\n", p.name, tail(p.log, 12))
}

// probe asks a node whether it is ready, and returns what it still waits for.
func probe(ctx context.Context, n Node) string {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL+"/readyz", nil)
	if err != nil {
		return err.Error()
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "starting"
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(res.Body, 200))
	if res.StatusCode == http.StatusOK {
		return ""
	}
	return strings.TrimSpace(string(b))
}
