package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"stentor/control/client"
)

// Process is one node of a Mesh: `stentor node` on a loopback address of its own, which
// is what the packet filter tells it apart by.
type Process struct {
	Name string
	Role string // voter or edge
	IP   string
	Data string
	URL  string

	binary string // that it is started from
	cmd    *exec.Cmd
	done   chan struct{}
}

// Mesh is nodes as processes of their own that can be killed, stopped, cut off and
// started again. It is for faults; [Demo] is for what people see.
type Mesh struct {
	Nodes []*Process
	Token string // the first API token

	flags  []string // for every node
	faults sync.Mutex
	cut    []string // rules of the packet filter
}

// StartMesh starts voters and edges in dir, the n-th on 127.0.1.n, and waits until all
// are ready. flags are added to every node's command line.
func StartMesh(ctx context.Context, binary, dir string, voters, edges int, flags ...string) (*Mesh, error) {
	m := &Mesh{flags: flags}
	for i := range voters + edges {
		p := &Process{Name: fmt.Sprintf("n%d", i+1), Role: "voter", IP: fmt.Sprintf("127.0.1.%d", i+1), binary: binary}
		if i >= voters {
			p.Role = "edge"
		}
		p.Data, p.URL = filepath.Join(dir, p.Name), "http://"+p.IP+":8080"
		m.Nodes = append(m.Nodes, p)
	}
	if err := m.bootstrap(ctx); err != nil {
		m.Stop()
		return nil, err
	}
	return m, nil
}

func (m *Mesh) bootstrap(ctx context.Context) error {
	first := m.Nodes[0]
	if out, err := exec.CommandContext(ctx, first.binary, "init", "--data", first.Data, "--name", first.Name).CombinedOutput(); err != nil {
		return fmt.Errorf("rig: init: %w\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(first.Data, "admin.token"))
	if err != nil {
		return fmt.Errorf("rig: %w", err)
	}
	m.Token = string(bytes.TrimSpace(b))
	if err := m.start(first, ""); err != nil {
		return err
	}
	if err := m.Ready(ctx, 0); err != nil {
		return err
	}
	for i, p := range m.Nodes[1:] {
		token, err := m.joinToken(ctx, p.Role)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(p.Data, 0o700); err != nil {
			return fmt.Errorf("rig: %w", err)
		}
		if err := os.WriteFile(filepath.Join(p.Data, "join.token"), []byte(token), 0o600); err != nil {
			return fmt.Errorf("rig: %w", err)
		}
		if err := m.start(p, first.IP+":7443"); err != nil {
			return err
		}
		// One after the other: a voter changes the quorum, and a voter lets in one at a time.
		if err := m.Ready(ctx, i+1); err != nil {
			return err
		}
	}
	return nil
}

// joinToken asks node 1, until it knows its own first token.
func (m *Mesh) joinToken(ctx context.Context, role string) (string, error) {
	c, err := m.Client(0)
	if err != nil {
		return "", err
	}
	var token string
	err = Poll(ctx, 100*time.Millisecond, func() (bool, error) {
		t, err := c.JoinToken(ctx, role, 0)
		if problem := (*client.Problem)(nil); errors.As(err, &problem) && problem.Status == http.StatusUnauthorized {
			return false, nil
		}
		token = t.Token
		return err == nil, err
	})
	return token, err
}

// start starts the process of a node.
func (m *Mesh) start(p *Process, join string) error {
	args := []string{
		"node", "--data", p.Data, "--name", p.Name, "--mesh", p.IP + ":7443", "--watch", p.IP + ":7443",
		"--http", p.IP + ":8080", "--rtc", p.IP + ":8443", "--metrics", p.IP + ":9100",
	}
	if join != "" {
		args = append(args, "--join", join, "--token-file", filepath.Join(p.Data, "join.token"))
	}
	log, err := os.OpenFile(p.Data+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("rig: %w", err)
	}
	defer log.Close()
	p.cmd = exec.Command(p.binary, append(args, m.flags...)...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("rig: %w", err)
	}
	p.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) {
		cmd.Wait()
		close(done)
	}(p.cmd, p.done)
	return nil
}

// Ready waits until a node says that it is.
func (m *Mesh) Ready(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	p := m.Nodes[i]
	err := Poll(ctx, 50*time.Millisecond, func() (bool, error) {
		select {
		case <-p.done:
			return false, fmt.Errorf("rig: %s ended:\n%s", p.Name, m.tail(p))
		default:
		}
		try, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		res, err := get(try, p.URL+"/readyz")
		if err != nil {
			return false, nil
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK, nil
	})
	if err != nil {
		return fmt.Errorf("rig: %s is not ready: %w\n%s", p.Name, err, m.tail(p))
	}
	return nil
}

// tail is the end of a node's log.
func (m *Mesh) tail(p *Process) string {
	b, _ := os.ReadFile(p.Data + ".log")
	return string(b[max(0, len(b)-4096):])
}

// Log is what a node has logged since it was made.
func (m *Mesh) Log(i int) string {
	b, _ := os.ReadFile(m.Nodes[i].Data + ".log")
	return string(b)
}

// Client returns a client of the control API at a node, with the first API token.
func (m *Mesh) Client(i int, options ...client.Option) (*client.Client, error) {
	return client.New(m.Nodes[i].URL, m.Token, options...)
}

// Kill kills a node as a power cut does (SIGKILL), and waits for its end.
func (m *Mesh) Kill(i int) {
	p := m.Nodes[i]
	p.cmd.Process.Kill()
	<-p.done
}

// Restart starts a node that was killed.
func (m *Mesh) Restart(i int) error { return m.start(m.Nodes[i], "") }

// Replace ends a node as an operator does who upgrades it (SIGTERM), and starts another
// program on the same data; it waits until the node is ready.
func (m *Mesh) Replace(ctx context.Context, i int, binary string) error {
	p := m.Nodes[i]
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(endWithin):
		return fmt.Errorf("rig: %s does not end:\n%s", p.Name, m.tail(p))
	}
	p.binary = binary
	if err := m.start(p, ""); err != nil {
		return err
	}
	return m.Ready(ctx, i)
}

// Pause stops a node in its tracks (SIGSTOP) until Resume.
func (m *Mesh) Pause(i int) { m.Nodes[i].cmd.Process.Signal(syscall.SIGSTOP) }

// Resume lets a paused node go on.
func (m *Mesh) Resume(i int) { m.Nodes[i].cmd.Process.Signal(syscall.SIGCONT) }

// Alive reports whether the process of a node runs.
func (m *Mesh) Alive(i int) bool {
	select {
	case <-m.Nodes[i].done:
		return false
	default:
		return true
	}
}

// PID is the process of a node.
func (m *Mesh) PID(i int) int { return m.Nodes[i].cmd.Process.Pid }

// Cut drops what node a sends to node b, on the mesh's UDP port, and what it sends back
// too unless oneWay is set. It needs root and a network namespace of the caller's own
// (see [InNamespace]), since it changes the packet filter.
func (m *Mesh) Cut(a, b int, oneWay bool) error {
	m.faults.Lock()
	defer m.faults.Unlock()
	rule := func(from, to int) string {
		return fmt.Sprintf("ip saddr %s ip daddr %s udp dport 7443 drop", m.Nodes[from].IP, m.Nodes[to].IP)
	}
	m.cut = append(m.cut, rule(a, b))
	if !oneWay {
		m.cut = append(m.cut, rule(b, a))
	}
	return m.filter()
}

// CutWatch drops what comes to a voter's watch port: its followers have to find another.
func (m *Mesh) CutWatch(i int) error {
	m.faults.Lock()
	defer m.faults.Unlock()
	m.cut = append(m.cut, fmt.Sprintf("ip daddr %s tcp dport 7443 drop", m.Nodes[i].IP))
	return m.filter()
}

// Heal ends every cut.
func (m *Mesh) Heal() error {
	m.faults.Lock()
	defer m.faults.Unlock()
	m.cut = nil
	return m.filter()
}

func (m *Mesh) filter() error {
	script := "table inet stentor\ndelete table inet stentor\ntable inet stentor {\nchain input {\ntype filter hook input priority 0;\n" +
		strings.Join(m.cut, "\n") + "\n}\n}\n"
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("rig: nft: %w\n%s", err, out)
	}
	return nil
}

// endWithin bounds the end of a node that was asked to.
const endWithin = 10 * time.Second

// Stop ends every node, also those that are paused, and waits for it.
func (m *Mesh) Stop() {
	var wg sync.WaitGroup
	for _, p := range m.Nodes {
		if p.done == nil {
			continue
		}
		wg.Go(func() {
			p.cmd.Process.Signal(syscall.SIGCONT)
			p.cmd.Process.Signal(os.Interrupt)
			select {
			case <-p.done:
			case <-time.After(endWithin):
				p.cmd.Process.Kill()
				<-p.done
			}
		})
	}
	wg.Wait()
}
