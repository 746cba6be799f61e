// The tests of this file run in a synctest bubble (inWorld): they sleep in virtual time.

package cluster

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	oldKey = slices.Repeat([]byte{7}, 32) // the world's
	newKey = slices.Repeat([]byte{8}, 32)
)

// steady fails the test whenever one of all stops seeing want, until the func
// that it returns is called.
func (w *world) steady(all []*member, want string) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	for _, m := range all {
		wg.Go(func() {
			for {
				changed := m.Changed()
				if got := m.sees(); !strings.HasPrefix(got, want) {
					w.Errorf("%s sees %q", m.name, got)
					return
				}
				select {
				case <-changed:
				case <-done:
					return
				}
			}
		})
	}
	return func() { close(done); wg.Wait() }
}

// step has each node take a step of the rotation at a time of its own within ten
// seconds, as a replicated state reaches them.
func (w *world) step(all []*member, keys ...[]byte) {
	w.Helper()
	var wg sync.WaitGroup
	for _, m := range all {
		wg.Go(func() {
			time.Sleep(rand.N(10 * time.Second)) // virtual
			if err := m.Rotate(keys); err != nil {
				w.Error(err)
			}
		})
	}
	wg.Wait()
}

// everyoneHolds waits until all see from gossip that all of them hold the key.
func (w *world) everyoneHolds(all []*member, key []byte) {
	w.Helper()
	w.await(5*time.Second, all, func(m *member) bool {
		for _, o := range all {
			if o == m {
				continue
			}
			seen, _ := m.Member(o.name)
			if !slices.Contains(seen.Keys, NewKeyID(key)) {
				return false
			}
		}
		return true
	})
}

func TestAClusterGoesFromOneKeyToTheNext(t *testing.T) {
	inWorld(t, func(w *world) {
		all := w.five()
		here, away := all[:4], all[4]
		away.conn.setCut(func(string) bool { return true })
		w.await(20*time.Second, here, func(m *member) bool { return m.sees() == "n1 n2 n3 n4" })

		stop := w.steady(here, "n1 n2 n3 n4")
		w.step(here, oldKey, newKey)
		w.everyoneHolds(here, newKey)
		w.step(here, newKey, oldKey)
		here[0].Announce(Announcement{Track: "t", Path: []string{"n1"}})
		w.await(3*time.Second, here, func(m *member) bool { return m.carriers("t") == "n1" })
		time.Sleep(time.Minute) // virtual: a push/pull at least
		before := metric(t, here[0].reg, "stentor_cluster_gossip_opened_total", "other")
		time.Sleep(10 * time.Minute) // virtual: nobody seals with the old key any more
		if after := metric(t, here[0].reg, "stentor_cluster_gossip_opened_total", "other"); after != before {
			t.Errorf("%v messages came under the old key", after-before)
		}
		if n := here[0].OpenedByOthers(); n == 0 || float64(n) != before {
			t.Errorf("it counts %d, the metric says %v", n, before)
		}
		w.step(here, newKey)
		time.Sleep(10 * time.Minute) // virtual
		stop()
		if n := metric(t, here[0].reg, "stentor_cluster_members", "alive"); n != 4 {
			t.Errorf("%v members", n)
		}

		// The node that was away holds a key that opens nothing, until a voter tells
		// it the new one.
		away.conn.setCut(nil)
		time.Sleep(5 * time.Minute) // virtual
		for _, m := range here {
			if got := m.sees(); got != "n1 n2 n3 n4" {
				t.Errorf("with the old key n5 is a member to %s: %q", m.name, got)
			}
		}
		if away.sees() != "n5" {
			t.Errorf("with the old key it sees %q", away.sees())
		}
		if err := away.Rotate([][]byte{newKey}); err != nil {
			t.Fatal(err)
		}
		took := w.await(50*time.Second, all, func(m *member) bool { return m.sees() == "n1 n2 n3 n4 n5" && m.carriers("t") == "n1" })
		t.Logf("back %v after it got the key", took)
	})
}

// A node that missed a step, but not two, is a member all the time.
func TestOneStepApartNodesUnderstandEachOther(t *testing.T) {
	inWorld(t, func(w *world) {
		all := w.five()
		stop := w.steady(all, "n1 n2 n3 n4 n5")
		steps := [][][]byte{{oldKey}, {oldKey, newKey}, {newKey, oldKey}, {newKey}}
		for i, keys := range steps[1:] {
			w.step(all[1:], keys...) // n1 stays behind, at steps[i]
			if ids := all[0].Keys(); ids[0] != NewKeyID(steps[i][0]) {
				t.Fatal(ids)
			}
			time.Sleep(3 * time.Minute) // virtual
			w.step(all[:1], keys...)
		}
		stop()
	})
}

func TestRotateRefuses(t *testing.T) {
	inWorld(t, func(w *world) {
		n1 := w.start(1, time.Millisecond, 1)
		for name, keys := range map[string][][]byte{
			"no key":        nil,
			"a short key":   {newKey, oldKey[:16]},
			"one key twice": {newKey, oldKey, newKey},
			"five keys":     {{1: 1, 31: 0}, {2: 1, 31: 0}, {3: 1, 31: 0}, {4: 1, 31: 0}, {5: 1, 31: 0}},
		} {
			if err := n1.Rotate(keys); err == nil {
				t.Errorf("%s was taken", name)
			}
		}
		if ids := n1.Keys(); len(ids) != 1 || ids[0] != NewKeyID(oldKey) {
			t.Errorf("after all that it holds %v", ids)
		}
	})
}

// Keys are swapped while packets are opened: go test -race has to be content.
func TestKeysAreSwappedUnderTraffic(t *testing.T) {
	var k keyring
	if err := k.set([][]byte{oldKey}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				b := k.seal(nil, []byte("hello"), []byte("data"))
				if plain, _, err := k.open(b, []byte("data")); err != nil || string(plain) != "hello" {
					t.Error(plain, err)
				}
			}
		})
	}
	for i := range 100 {
		keys := [][]byte{oldKey, newKey}
		if i%2 == 0 {
			keys = [][]byte{newKey, oldKey}
		}
		if err := k.set(keys); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
}

func BenchmarkOpen(b *testing.B) {
	var k keyring
	k.set([][]byte{newKey, oldKey})
	packet := k.seal(nil, make([]byte, 1100), nil)
	b.SetBytes(int64(len(packet)))
	for b.Loop() {
		k.open(packet, nil)
	}
}
