package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"maps"
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
	name   string
	addr   string
	config SeatConfig
	peers  map[string]string // where others are
	cmd    *exec.Cmd
	rpc    *rpc.Client
	done   chan struct{}
}

// newCast makes an empty cast, whose processes do not outlive ctx.
func newCast(ctx context.Context) (*cast, error) {
	a, err := pki.NewAuthority("bench", time.Now())
	return &cast{ctx: ctx, authority: a}, err
}

// start starts a seat and opens it.
func (c *cast) start(name string, w way, parents ...string) (*member, error) {
	config, err := c.config(name, w, parents)
	if err != nil {
		return nil, err
	}
	m := &member{name: name, config: config, peers: map[string]string{}}
	if err := c.launch(m); err != nil {
		return nil, err
	}
	c.members = append(c.members, m)
	return m, nil
}

// again starts a seat that was killed, with the same certificate, address and neighbours, and nothing else of before.
func (c *cast) again(m *member) error {
	m.config.Listen = m.addr
	if err := c.launch(m); err != nil {
		return err
	}
	return m.knows(m.peers)
}

func (c *cast) launch(m *member) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(c.ctx, self, "--binary", self, "seat")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	m.cmd, m.done, m.rpc = cmd, done, jsonrpc.NewClient(pipes{out, in})
	if err := m.call("Open", m.config, &m.addr); err != nil {
		m.kill()
		return err
	}
	return nil
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
	s = SeatConfig{Name: name, Way: w, Parents: parents, Debug: os.Getenv("STENTOR_BENCH_DEBUG") != "", Profile: os.Getenv("STENTOR_BENCH_PROFILE")}
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
func (m *member) knows(addrs map[string]string) error {
	maps.Copy(m.peers, addrs)
	return m.call("Peers", addrs, nil)
}

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
