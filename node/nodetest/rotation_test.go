package nodetest

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"stentor/cluster/mesh"
	"stentor/cluster/pki"
	"stentor/control/client"
	"stentor/node"
	"stentor/relay"
)

// keys is what a node has on its disk: the gossip keys, the one that seals first.
func (m *Mesh) keys(name string) string {
	b, err := os.ReadFile(filepath.Join(m.dir, name, "gossip.key"))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(b)
}

// rotation says at a node how far the rotation is.
func (m *Mesh) rotation(at string) string {
	k := m.Node(at).State().GossipKeys()
	return fmt.Sprint(k.GetGeneration(), " ", k.GetPhase())
}

// sees counts the nodes that are alive to a voter.
func (m *Mesh) sees(voter string) int {
	var s client.Status
	m.Call(voter, "GET", "/api/v1/status", nil, &s)
	alive := 0
	for _, n := range s.Nodes {
		if n.Alive {
			alive++
		}
	}
	return alive
}

// rotated waits until the mesh has come to a generation.
func (m *Mesh) rotated(at string, generation int) {
	m.t.Helper()
	want := fmt.Sprint(generation, " remove")
	begin := time.Now()
	for m.rotation(at) != want {
		if time.Since(begin) > 15*time.Minute {
			m.t.Fatalf("it is in %s, never in %s", m.rotation(at), want)
		}
		time.Sleep(100 * time.Millisecond)
	}
	m.t.Logf("generation %d after %v", generation, time.Since(begin))
}

// TestTheGossipKeyRotates: three voters and two edges change their key while one edge is
// away and another carries a stream. The one that was away comes back by asking a voter;
// one that is put out never reads the key after that.
func TestTheGossipKeyRotates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(t)
		defer m.Stop()
		w := m.startWithWebinar()
		m.Start("n5", "edge")
		first := m.keys("n1")
		if len(first) != 32 || m.keys("n5") != first {
			t.Fatalf("it begins with %d bytes", len(first))
		}
		r, quiet := m.onAir(t, w.ID)
		defer quiet()
		m.Eventually("all see all", func() bool { return m.sees("n2") == 5 })

		m.Cut("n5", true)
		m.Eventually("n5 is seen dead", func() bool { return m.sees("n2") == 4 })
		var k client.GossipKey
		m.Call("n2", "POST", "/api/v1/gossip-key/rotate", nil, &k)
		if k.Phase != "install" || k.Generation != 0 {
			t.Errorf("it begins with %+v", k)
		}
		heard := make(chan struct{})
		go func() { // from the first phase to the last
			defer close(heard)
			for i := 0; m.rotation("n4") != "1 remove"; i++ {
				if _, err := r.Next(bg); err != nil {
					t.Errorf("the sound ended: %v", err)
					return
				}
				if n := 4; i%25 == 0 && m.sees("n2") != n {
					t.Errorf("not %d nodes see each other in %s", n, m.rotation("n2"))
					return
				}
			}
		}()
		m.rotated("n2", 1)
		<-heard
		m.Eventually("those who were there have one key, another one", func() bool {
			for _, n := range []string{"n1", "n2", "n3", "n4"} {
				if b := m.keys(n); len(b) != 32 || b == first || b != m.keys("n1") {
					return false
				}
			}
			return true
		})
		if m.keys("n5") != first {
			t.Error("n5 heard of it while it was cut off: the cut does not cut")
		}
		m.Cut("n5", false)
		took := m.Eventually("n5 is back", func() bool { return m.keys("n5") == m.keys("n1") && m.sees("n2") == 5 })
		t.Logf("n5 was back %v after the heal", took)
		m.Eventually("n5 knows who carries the sound", func() bool { return m.hears("n5", w.ID) })

		second := m.keys("n1")
		m.Call("n2", "DELETE", "/api/v1/nodes/n5", nil, nil)
		m.nodes["n5"].down.Store(true) // it ends by itself
		m.rotated("n2", 2)
		m.Eventually("the others have a third key", func() bool { return m.keys("n4") != second && len(m.keys("n4")) == 32 })
		if got := m.keys("n5"); got != second {
			t.Error("the removed node has the next key")
		}
		for _, voter := range []string{"10.0.0.1:7443", "10.0.0.2:7443", "10.0.0.3:7443"} {
			if got, err := m.askKeys("n5", voter); err == nil {
				t.Errorf("the removed node asked %s and got %q", voter, got)
			}
			if got, err := m.askKeys("n4", voter); err != nil || !strings.Contains(got, base64.StdEncoding.EncodeToString([]byte(m.keys("n4")))) {
				t.Errorf("n4 asked %s and got %q, %v", voter, got, err)
			}
		}
		if n := m.sees("n2"); n != 4 {
			t.Errorf("%d nodes are alive", n)
		}
		m.listens(t, r, 50)
	})
}

// TestANodeThatStartsAsksForTheKeysFirst: an edge stops, the key rotates, and it is a
// member within seconds of its start.
func TestANodeThatStartsAsksForTheKeysFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(t)
		defer m.Stop()
		m.startWithWebinar()
		n4 := m.nodes["n4"]
		m.Eventually("all see all", func() bool { return m.sees("n2") == 4 })
		n4.stop()
		if err := <-n4.done; err != nil {
			t.Fatal(err)
		}
		n4.done <- nil // for Stop
		m.Call("n2", "POST", "/api/v1/gossip-key/rotate", nil, nil)
		m.rotated("n2", 1)
		c := m.config("n4")
		c.Mesh, c.Watch, c.RTC = "10.0.0.4:7443", "10.0.0.4:7443", "10.0.0.4:8443"
		m.order = m.order[:3]
		m.net.RemoveNode(net.UDPAddrFromAddrPort(netip.MustParseAddrPort(c.Mesh)))
		m.run(c)
		took := m.Eventually("n4 is a member again", func() bool { return m.sees("n2") == 4 })
		if took > 5*time.Second || m.keys("n4") != m.keys("n1") {
			t.Errorf("after %v", took)
		}
	})
}

// onAir has n3 publish and n4 listen.
func (m *Mesh) onAir(t *testing.T, webinar string) (r *relay.Reader, end func()) {
	t.Helper()
	claim, err := m.Node("n3").Stage().Claim(bg, bid(webinar, "p_presenter"))
	if err != nil {
		t.Fatal(err)
	}
	track, err := claim.Track("audio", opus, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	ctx, hush := context.WithCancel(bg)
	done := make(chan struct{})
	go func() { defer close(done); talk(ctx, t, track) }()
	m.Eventually("n4 can listen", func() bool { return m.hears("n4", webinar) })
	sources, err := m.Node("n4").Stage().Sources(bg, webinar)
	if err != nil {
		t.Fatal(err)
	}
	sub, err := sources[0].Subscribe(bg)
	if err != nil {
		t.Fatal(err)
	}
	r = sub.Track().Reader(0)
	m.listens(t, r, 10)
	return r, func() { r.Close(); sub.Close(); hush(); <-done }
}

// hears reports whether a node knows of something to listen to: the state, and gossip, say so.
func (m *Mesh) hears(at, webinar string) bool {
	sources, err := m.Node(at).Stage().Sources(bg, webinar)
	return err == nil && len(sources) > 0
}

// askKeys asks a voter for the gossip keys, as whoever holds a node's certificate can.
func (m *Mesh) askKeys(as, voter string) (string, error) {
	keys, err := node.LoadKeyring(filepath.Join(m.dir, as))
	if err != nil {
		m.t.Fatal(err)
	}
	addr := net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.99:7443"))
	socket := simnet.NewSimConn(addr, m.net)
	m.net.AddNode(addr, socket)
	defer m.net.RemoveNode(addr)
	defer socket.Close()
	port, err := mesh.New(mesh.Config{
		Conn: socket, Credentials: func() *pki.Credentials { return keys.Credentials },
		Resolve: func(string) (string, bool) { return voter, true }, QUIC: mesh.QUICConfig(),
	})
	if err != nil {
		m.t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(bg, 20*time.Second)
	rpc, done := mesh.NewRPC(port), make(chan struct{})
	go func() { defer close(done); port.Run(ctx) }()
	defer func() { stop(); <-done }()
	conn, err := rpc.OpenAddr(ctx, voter, mesh.KindHTTP)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /keys HTTP/1.0\r\nHost: voter\r\n\r\n"); err != nil {
		return "", err
	}
	b, err := io.ReadAll(conn)
	if err == nil && !bytes.HasPrefix(b, []byte("HTTP/1.0 200")) {
		err = fmt.Errorf("%s", b)
	}
	return string(b), err
}
