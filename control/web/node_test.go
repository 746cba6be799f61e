package web_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"stentor/control/client"
	"stentor/node"
)

// realNode is a whole node in this process: one voter with its door, its media and its
// pages, on loopback.
type realNode struct {
	t     *testing.T
	url   string
	mesh  string // address
	token string
	api   *client.Client
}

func startNode(t *testing.T) *realNode {
	t.Helper()
	dir := t.TempDir()
	if err := node.Init(dir, "n1"); err != nil {
		t.Fatal(err)
	}
	token, err := os.ReadFile(filepath.Join(dir, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	r := runNode(t, "n1", dir)
	r.token = string(bytes.TrimSpace(token))
	if r.api, err = client.New(r.url, r.token); err != nil {
		t.Fatal(err)
	}
	return r
}

// edge is a node more in the mesh of r, which is its voter.
func (r *realNode) edge(name string) *realNode {
	r.t.Helper()
	dir := r.t.TempDir()
	token, err := r.api.JoinToken(r.t.Context(), "edge", time.Hour)
	if err != nil {
		r.t.Fatal(err)
	}
	c := node.Defaults()
	c.Name, c.Data, c.Join, c.TokenFile = name, dir, r.mesh, filepath.Join(dir, "join.token")
	if err := os.WriteFile(c.TokenFile, []byte(token.Token), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := node.Join(r.t.Context(), c, nil); err != nil {
		r.t.Fatal(err)
	}
	return runNode(r.t, name, dir)
}

// runNode runs a node whose keys are in dir, on loopback.
func runNode(t *testing.T, name, dir string) *realNode {
	t.Helper()
	keys, err := node.LoadKeyring(dir)
	if err != nil {
		t.Fatal(err)
	}
	var s node.Sockets
	udp := func() net.PacketConn { return must(net.ListenPacket("udp4", "127.0.0.1:0")) }
	tcp := func() net.Listener { return must(net.Listen("tcp4", "127.0.0.1:0")) }
	s.Mesh, s.RTC, s.HTTP = udp(), udp(), tcp()
	s.RTCTCP, _ = net.Listen("tcp4", s.RTC.LocalAddr().String()) // as a node does: something else may have that port
	c := node.Defaults()
	c.Name, c.Data, c.Region = name, dir, "eu-west"
	c.Mesh, c.RTC, c.HTTP = s.Mesh.LocalAddr().String(), s.RTC.LocalAddr().String(), s.HTTP.Addr().String()
	if keys.Authority != nil { // only voters are followed
		s.Watch = tcp()
		c.Watch = s.Watch.Addr().String()
	}
	n, err := node.New(node.Parts{Config: c, Build: node.Build{Version: "v1.2.3", Commit: "test"}, Keys: keys, Sockets: s, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.Close()
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the node ended with %v", err)
		}
	})
	r := &realNode{t: t, url: "http://" + s.HTTP.Addr().String(), mesh: c.Mesh}
	r.ready(ended)
	return r
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // loopback has a port left
	}
	return v
}

// ready asks until the node says that it is.
func (r *realNode) ready(ended chan error) {
	r.t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		answer, err := http.Get(r.url + "/readyz")
		if err == nil {
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case err := <-ended:
			ended <- err
			r.t.Fatalf("the node ended with %v", err)
		case <-time.After(20 * time.Millisecond): // a voter needs an election
		}
	}
	r.t.Fatal("the node is not ready")
}
