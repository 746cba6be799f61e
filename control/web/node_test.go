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
	token string
	api   *client.Client
}

func startNode(t *testing.T) *realNode {
	t.Helper()
	dir := t.TempDir()
	if err := node.Init(dir, "n1"); err != nil {
		t.Fatal(err)
	}
	keys, err := node.LoadKeyring(dir)
	if err != nil {
		t.Fatal(err)
	}
	token, err := os.ReadFile(filepath.Join(dir, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	var s node.Sockets
	udp := func() net.PacketConn { return must(net.ListenPacket("udp4", "127.0.0.1:0")) }
	tcp := func() net.Listener { return must(net.Listen("tcp4", "127.0.0.1:0")) }
	s.Mesh, s.RTC, s.Watch, s.HTTP = udp(), udp(), tcp(), tcp()
	c := node.Defaults()
	c.Name, c.Data, c.Region = "n1", dir, "eu-west"
	c.Mesh, c.RTC, c.Watch, c.HTTP = s.Mesh.LocalAddr().String(), s.RTC.LocalAddr().String(), s.Watch.Addr().String(), s.HTTP.Addr().String()
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
	r := &realNode{t: t, url: "http://" + s.HTTP.Addr().String(), token: string(bytes.TrimSpace(token))}
	r.ready(ended)
	r.api, err = client.New(r.url, r.token)
	if err != nil {
		t.Fatal(err)
	}
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
