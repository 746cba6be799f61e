package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"os/exec"
	"slices"
	"time"

	"stentor/cluster/pki"
)

// A cast is the seats of one run: processes of this very program, with certificates of one authority.
type cast struct {
	ctx       context.Context
	authority *pki.Authority
	members   []*member
}

// A member is one seat's process, seen from the scenario.
type member struct {
	name string
	addr string
	cmd  *exec.Cmd
	rpc  *rpc.Client
	done chan struct{}
}

// newCast makes an empty cast, whose processes do not outlive ctx.
func newCast(ctx context.Context) (*cast, error) {
	a, err := pki.NewAuthority("bench", time.Now())
	return &cast{ctx: ctx, authority: a}, err
}

// start starts a seat and opens it.
func (c *cast) start(name string, w way, parents ...string) (*member, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	m := &member{name: name, cmd: exec.CommandContext(c.ctx, self, "--binary", self, "seat"), done: make(chan struct{})}
	m.cmd.Stderr = os.Stderr
	in, err := m.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := m.cmd.Start(); err != nil {
		return nil, err
	}
	c.members = append(c.members, m)
	go func() {
		_ = m.cmd.Wait()
		close(m.done)
	}()
	m.rpc = jsonrpc.NewClient(pipes{out, in})
	config, err := c.config(name, w, parents)
	if err == nil {
		err = m.call("Open", config, &m.addr)
	}
	return m, err
}

// config gives a seat its certificate.
func (c *cast) config(name string, w way, parents []string) (s SeatConfig, err error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return s, err
	}
	der, err := c.authority.Sign(pub, pki.Identity{Node: name, Role: pki.Edge}, time.Now())
	if err != nil {
		return s, err
	}
	cred, err := pki.NewCredentials(der, key, c.authority.Cert, time.Now())
	if err != nil {
		return s, err
	}
	s = SeatConfig{Name: name, Way: w, Parents: parents, Debug: os.Getenv("STENTOR_BENCH_DEBUG") != ""}
	s.Cert, s.Key, s.CA, err = cred.PEM()
	return s, err
}

// stop ends all processes by ending their input, the last one first, so that none sees another go; by SIGKILL after a
// while.
func (c *cast) stop() {
	for _, m := range slices.Backward(c.members) {
		_ = m.rpc.Close()
		select {
		case <-m.done:
		case <-time.After(3 * time.Second):
			_ = m.cmd.Process.Kill()
			<-m.done
		}
	}
}

// call calls a method of the seat; reply may be nil.
func (m *member) call(method string, args, reply any) error {
	if reply == nil {
		reply = &Nothing{}
	}
	if err := m.rpc.Call("Seat."+method, args, reply); err != nil {
		return fmt.Errorf("%s: %s: %w", m.name, method, err)
	}
	return nil
}

// knows tells the seat where others are.
func (m *member) knows(addrs map[string]string) error { return m.call("Peers", addrs, nil) }

// use asks what the seat has used until now.
func (m *member) use() (u Usage, err error) {
	err = m.call("Use", Nothing{}, &u)
	return u, err
}

// takes asks what became of the frames of a film, from a number on.
func (m *member) takes(film string, from uint32) (t []Take, err error) {
	err = m.call("Takes", Question{film, from}, &t)
	return t, err
}

// kill kills the process as a power cut does.
func (m *member) kill() {
	_ = m.cmd.Process.Kill()
	<-m.done
	_ = m.rpc.Close()
}

// pipes are a child's input and output as one connection.
type pipes struct {
	out interface {
		Read(b []byte) (int, error)
		Close() error
	}
	in interface {
		Write(b []byte) (int, error)
		Close() error
	}
}

func (p pipes) Read(b []byte) (int, error)  { return p.out.Read(b) }
func (p pipes) Write(b []byte) (int, error) { return p.in.Write(b) }
func (p pipes) Close() error                { return p.in.Close() } // its end closes out

// pause waits, and reports the error of ctx when it is done before.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
