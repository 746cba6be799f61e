// The tests of this file run in a synctest bubble (inWorld): they sleep in virtual time.

package cluster

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/quic-go/quic-go/testutils/simnet"

	"stentor/cluster/mesh"
	"stentor/cluster/pki"
)

func TestFiveNodesFormACluster(t *testing.T) {
	inWorld(t, func(w *world) {
		all := w.five()
		m, ok := all[0].Member("n5")
		if want := (Meta{Node: "n5", Role: pki.Edge, Region: "r", Version: "1", Mesh: addr(5), HTTP: "https://n5", Epoch: 1}); !ok || m.Meta != want || m.Since.IsZero() {
			t.Errorf("n1 sees %+v", m)
		}
		if a, ok := all[0].Resolve("n5"); !ok || a != addr(5) {
			t.Error(a, ok)
		}
		all[4].UpdateMeta(func(m *Meta) { m.Draining, m.Load, m.Node = true, 0.5, "forged" })
		w.await(3*time.Second, all, func(m *member) bool { o, _ := m.Member("n5"); return o.Draining && o.Load == 0.5 })
	})
}

func TestANewcomerIsSeenByWhoMissedItsFirstWords(t *testing.T) {
	inWorld(t, func(w *world) {
		all := []*member{w.start(1, 20*time.Millisecond, 1), w.start(2, 20*time.Millisecond, 1), w.start(3, 20*time.Millisecond, 1)}
		w.await(10*time.Second, all, func(m *member) bool { return m.sees() == "n1 n2 n3" })
		time.Sleep(5 * time.Second) // virtual
		all[2].conn.deaf.Store(true)
		all = append(all, w.start(4, 20*time.Millisecond, 1))
		time.Sleep(1500 * time.Millisecond)
		all[2].conn.deaf.Store(false)
		w.await(2*time.Second, all, func(m *member) bool { return m.sees() == "n1 n2 n3 n4" })
	})
}

func TestADeadNodeIsSeenDeadWithin20Seconds(t *testing.T) {
	inWorld(t, func(w *world) {
		all := w.five()
		all[2].Announce(Announcement{Track: "t", Path: []string{"n3"}})
		w.await(3*time.Second, all, func(m *member) bool { return m.carriers("t") == "n3" })
		died := time.Now()
		all[2].conn.setCut(func(string) bool { return true })
		rest := []*member{all[0], all[1], all[3], all[4]}
		w.await(20*time.Second, rest, func(m *member) bool { return m.sees() == "n1 n2 n4 n5" })
		w.Logf("seen dead after %v", time.Since(died))
		for _, m := range rest {
			if o, ok := m.Member("n3"); !ok || o.Alive || o.Left {
				t.Errorf("%s sees %+v", m.name, o)
			}
			if c := m.carriers("t"); c != "" {
				t.Errorf("%s still pulls from %s", m.name, c)
			}
		}
	})
}

func TestANodeThatLeavesIsGoneAtOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		all := w.five()
		all[2].Announce(Announcement{Track: "t", Path: []string{"n3"}})
		time.Sleep(2 * time.Second) // virtual
		start := time.Now()
		all[2].leave()
		rest := []*member{all[0], all[1], all[3], all[4]}
		w.await(3*time.Second, rest, func(m *member) bool { return m.sees() == "n1 n2 n4 n5" && m.carriers("t") == "" })
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("took %v", took)
		}
		if o, _ := all[0].Member("n3"); !o.Left {
			t.Errorf("seen as dead: %+v", o)
		}
	})
}

func TestARestartedNodeReplacesWhatItSaidBefore(t *testing.T) {
	inWorld(t, func(w *world) {
		all := w.five()
		all[2].Announce(Announcement{Track: "old", Path: []string{"n3"}})
		w.await(3*time.Second, all, func(m *member) bool { return m.carriers("old") == "n3" })
		all[2].crash()
		n3 := w.start(3, 20*time.Millisecond, 2)
		all[2] = n3
		n3.Announce(Announcement{Track: "new", Path: []string{"n3"}})
		took := w.await(10*time.Second, all, func(m *member) bool {
			o, _ := m.Member("n3")
			return o.Epoch == 2 && m.carriers("old") == "" && m.carriers("new") == "n3"
		})
		t.Logf("took %v", took)
	})
}

func TestAnnouncementsReachAll(t *testing.T) {
	inWorld(t, func(w *world) {
		all := w.five()
		want := Announcement{Node: "n4", Track: "w_x/main/video", Epoch: 7, Path: []string{"n1", "n4"}, Delay: 42 * time.Millisecond}
		said := want
		said.Node = "n1" // whatever it says, it speaks for itself
		all[3].Announce(said)
		took := w.await(3*time.Second, all, func(m *member) bool {
			c := m.Carriers("w_x/main/video")
			return len(c) == 1 && c[0].equal(want)
		})
		t.Logf("announced after %v", took)
		all[0].Announce(Announcement{Track: "w_x/main/video", Epoch: 7, Path: []string{"n1"}})
		w.await(3*time.Second, all, func(m *member) bool { return m.carriers("w_x/main/video") == "n1 n4" })
		all[3].Withdraw("w_x/main/video")
		w.await(3*time.Second, all, func(m *member) bool { return m.carriers("w_x/main/video") == "n1" })

		// A newcomer hears the rest on its first push/pull.
		n6 := w.start(6, 20*time.Millisecond, 1)
		w.await(3*time.Second, []*member{n6}, func(m *member) bool { return m.carriers("w_x/main/video") == "n1" })
	})
}

func TestManyAnnouncementsAtOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		all := w.five()
		for i := range 300 {
			all[i%5].Announce(Announcement{Track: fmt.Sprintf("w_%d/main/video", i), Path: []string{all[i%5].name}})
		}
		took := w.await(45*time.Second, all, func(m *member) bool {
			m.mu.Lock()
			defer m.mu.Unlock()
			_, n := m.tracks.counts()
			return n == 300
		})
		t.Logf("300 tracks everywhere after %v", took)
	})
}

func TestCoordinatesEstimateTheRoundTrip(t *testing.T) {
	inWorld(t, func(w *world) {
		far := 60 * time.Millisecond // simnet delays on the receiving link
		a := w.start(1, 5*time.Millisecond, 1)
		b := w.start(2, 5*time.Millisecond, 1)
		c := w.start(3, far, 1)
		w.await(10*time.Second, []*member{a, b, c}, func(m *member) bool { return m.sees() == "n1 n2 n3" })
		time.Sleep(10 * time.Minute) // virtual
		near, _ := a.Member("n2")
		away, _ := a.Member("n3")
		if d := (near.RTT - 10*time.Millisecond).Abs(); d > 10*time.Millisecond {
			t.Errorf("a neighbour at 10 ms is estimated at %v", near.RTT)
		}
		if d := (away.RTT - 65*time.Millisecond).Abs(); d > 20*time.Millisecond {
			t.Errorf("a node at 65 ms is estimated at %v", away.RTT)
		}
		if self, _ := a.Member("n1"); self.RTT != 0 {
			t.Errorf("itself at %v", self.RTT)
		}
	})
}

func TestAPartitionHealsHoweverLongItLasted(t *testing.T) {
	inWorld(t, func(w *world) {
		all := w.five()
		left := map[string]bool{addr(1): true, addr(2): true}
		for _, m := range all {
			own := left[m.config.Meta.Mesh]
			m.conn.setCut(func(other string) bool { return left[other] != own })
		}
		w.await(time.Minute, all[:2], func(m *member) bool { return m.sees() == "n1 n2" })
		w.await(time.Minute, all[2:], func(m *member) bool { return m.sees() == "n3 n4 n5" })
		all[0].Announce(Announcement{Track: "t", Path: []string{"n1"}})
		time.Sleep(15 * time.Minute) // virtual: longer than anything is remembered
		for _, m := range all {
			m.conn.setCut(nil)
		}
		took := w.await(2*time.Minute, all, func(m *member) bool { return m.sees() == "n1 n2 n3 n4 n5" && m.carriers("t") == "n1" })
		t.Logf("healed after %v", took)
	})
}

func TestJoinIsTriedUntilSomeoneAnswers(t *testing.T) {
	inWorld(t, func(w *world) {
		n3 := w.start(3, 20*time.Millisecond, 1)
		time.Sleep(5 * time.Minute) // virtual: nobody is there
		if s := n3.sees(); s != "n3" {
			t.Errorf("alone it sees %q", s)
		}
		n1 := w.start(1, 20*time.Millisecond, 1)
		w.await(45*time.Second, []*member{n1, n3}, func(m *member) bool { return m.sees() == "n1 n3" })
	})
}

func TestAnotherKeyIsAnotherMesh(t *testing.T) {
	inWorld(t, func(w *world) {
		n1 := w.start(1, 20*time.Millisecond, 1)
		n2 := w.start(2, 20*time.Millisecond, 1, func(c *Config) { c.Key = slices.Repeat([]byte{8}, 32) })
		time.Sleep(time.Minute) // virtual
		if n1.sees() != "n1" || n2.sees() != "n2" {
			t.Errorf("%q and %q", n1.sees(), n2.sees())
		}
	})
}

func TestGarbageDoesNotReachGossip(t *testing.T) {
	inWorld(t, func(w *world) {
		n1 := w.start(1, 20*time.Millisecond, 1)
		n2 := w.start(2, 20*time.Millisecond, 1)
		w.await(10*time.Second, []*member{n1, n2}, func(m *member) bool { return m.sees() == "n1 n2" })
		to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr(1)))
		for i := range 100 {
			b := make([]byte, 12+i)
			b[0] = byte(i % 3)
			n2.port.WritePacket(b, to)
			time.Sleep(time.Millisecond) // virtual: quic-go queues 32
		}
		time.Sleep(time.Second) // virtual
		problems, err := testutil.GatherAndLint(n1.reg)
		if err != nil || len(problems) > 0 {
			t.Error(problems, err)
		}
		if n := metric(t, n1.reg, "stentor_mesh_garbage_total", "not_gossip"); n != 100 {
			t.Errorf("%v packets of garbage counted", n)
		}
		if n := metric(t, n1.reg, "stentor_cluster_members", "alive"); n != 2 {
			t.Errorf("%v members alive", n)
		}
		if n := metric(t, n1.reg, "stentor_cluster_gossip_packets_total", "in"); n == 0 {
			t.Error("no packets counted")
		}
	})
}

func metric(t *testing.T, reg *prometheus.Registry, name, label string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			if f.GetName() == name && len(m.Label) == 1 && m.Label[0].GetValue() == label {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return -1
}

func TestNewRefuses(t *testing.T) {
	inWorld(t, func(w *world) {
		tests := []struct {
			name string
			with func(c *Config)
			want string
		}{
			{"no key", func(c *Config) { c.Key = nil }, "32 bytes"},
			{"a short key", func(c *Config) { c.Key = c.Key[:16] }, "32 bytes"},
			{"another node's certificate", func(c *Config) { c.Meta.Node = "n2" }, "certificate is for n1"},
			{"another role than certified", func(c *Config) { c.Meta.Role = pki.Voter }, "certificate is for n1"},
			{"no mesh address", func(c *Config) { c.Meta.Mesh = "" }, "mesh port"},
			{"metadata that leaves no room for its signature", func(c *Config) { c.Meta.Region = strings.Repeat("x", 300) }, "312 are possible"},
		}
		cred := w.credentials(pki.Identity{Node: "n1", Role: pki.Edge})
		conn := simnet.NewBlockingSimConn(&net.UDPAddr{IP: net.IPv4(1, 0, 0, 1), Port: 4000}, w.net.Router)
		defer conn.Close()
		port, err := mesh.New(mesh.Config{Conn: conn, Credentials: func() *pki.Credentials { return cred }})
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range tests {
			c := Config{Meta: Meta{Node: "n1", Role: pki.Edge, Mesh: addr(1)}, Key: w.key, Port: port}
			test.with(&c)
			if _, err := New(c); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %v", test.name, err)
			}
		}
	})
}

// Who calls from the address of a member has to be that member.
func TestAStreamFromAnotherNodesAddressIsRefused(t *testing.T) {
	inWorld(t, func(w *world) {
		n1 := w.start(1, 20*time.Millisecond, 1)
		n2 := w.start(2, 20*time.Millisecond, 1)
		w.await(10*time.Second, []*member{n1, n2}, func(m *member) bool { return m.sees() == "n1 n2" })
		n2.crash()

		udp := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr(2)))
		link := &simnet.SimulatedLink{Latency: time.Millisecond, UploadPacket: w.net.Router}
		conn := simnet.NewBlockingSimConn(udp, link)
		defer conn.Close()
		link.Start()
		w.net.Router.AddNode(udp, link)
		w.links = append(w.links, link)
		cred := w.credentials(pki.Identity{Node: "n9", Role: pki.Edge})
		port, err := mesh.New(mesh.Config{Conn: conn, Credentials: func() *pki.Credentials { return cred }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(w.ctx)
		defer cancel()
		w.wg.Go(func() { port.Run(ctx) })
		c, err := port.DialNode(w.ctx, "n1", addr(1), mesh.ALPNGossip)
		if err != nil {
			t.Fatal(err)
		}
		<-c.Context().Done()
		if n := metric(t, n1.reg, "stentor_cluster_refused_total", "name"); n != 1 {
			t.Errorf("counted %v", n)
		}

		// And n1 does not talk to it when it means n2.
		tr := newTransport(n1.Gossip, netip.MustParseAddrPort(addr(1)))
		defer tr.Shutdown()
		port.Listen(mesh.ALPNGossip)
		if _, err := tr.DialAddressTimeout(memberlist.Address{Addr: addr(2), Name: "n2"}, time.Second); err == nil || !strings.Contains(err.Error(), mesh.ErrWrongNode.Error()) {
			t.Errorf("n9 passed for n2: %v", err)
		}
	})
}
