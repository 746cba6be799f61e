// The tests of this file run in a synctest bubble (inWorld): they sleep in virtual time.

package cluster

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"stentor/cluster/pki"
)

// A message of memberlist is a type and a map in MessagePack.
type field struct {
	name  string
	value any // string, []byte or uint32
}

func message(kind byte, fields ...field) []byte {
	b := []byte{kind, 0x80 | byte(len(fields))}
	raw := func(s string) {
		b = binary.BigEndian.AppendUint16(append(b, 0xda), uint16(len(s)))
		b = append(b, s...)
	}
	for _, f := range fields {
		raw(f.name)
		switch v := f.value.(type) {
		case string:
			raw(v)
		case []byte:
			raw(string(v))
		case uint32:
			b = binary.BigEndian.AppendUint32(append(b, 0xce), v)
		}
	}
	return b
}

func aliveMessage(incarnation uint32, node string, at netip.AddrPort, meta []byte) []byte {
	ip := at.Addr().As4()
	return message(4, field{"Incarnation", incarnation}, field{"Node", node}, field{"Addr", ip[:]}, field{"Port", uint32(at.Port())}, field{"Meta", meta}, field{"Vsn", []byte{1, 5, 2, 1, 1, 1}})
}

func deadMessage(incarnation uint32, node, from string) []byte {
	return message(5, field{"Incarnation", incarnation}, field{"Node", node}, field{"From", from})
}

func userMessage(w record) []byte { return w.append([]byte{8}) }

// tells sends a forged message to all others: m holds the key, as every node does.
func (m *member) tells(all []*member, b []byte) {
	for _, o := range all {
		if o != m {
			m.port.WritePacket(m.keys.seal(nil, b, nil), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(o.config.Meta.Mesh)))
		}
	}
	time.Sleep(time.Second) // virtual
}

// saidOf is the metadata of a node as it tells them.
func (m *member) metadata() []byte { return delegate{m.Gossip}.NodeMeta(memberlist.MetaMaxSize) }

// What a node with the gossip key, but another certificate, can make others believe
// of a node: nothing.
func TestANodeCannotSpeakForAnother(t *testing.T) {
	inWorld(t, func(w *world) {
		all := w.five()
		n1, n2, liar := all[0], all[1], all[4]
		time.Sleep(5 * time.Second) // virtual
		at1, at5 := netip.MustParseAddrPort(addr(1)), netip.MustParseAddrPort(addr(5))
		before, _ := n2.Member("n1")
		cred := liar.port.Credentials()
		meta := before.Meta
		meta.Mesh, meta.Draining = addr(5), true
		plain, _ := meta.append(nil)
		own, _ := said{Meta: meta, seq: 1 << 62}.seal(cred, at1)
		older := n1.metadata()
		n1.UpdateMeta(func(m *Meta) { m.Full = true })
		w.await(3*time.Second, all, func(m *member) bool { o, _ := m.Member("n1"); return o.Full })
		before.Full = true
		genuine := n1.metadata()

		word := carries("n1", "forged", 1, 1000)
		signed := word
		signed.sign(cred.Key)
		for _, test := range []struct {
			name    string
			message []byte
			refused string // the metric that counts it, where it is a lie and not only old
		}{
			{"metadata without a signature", aliveMessage(1000, "n1", at1, plain), "unsigned"},
			{"metadata under its own certificate", aliveMessage(1001, "n1", at1, own), "signature"},
			{"the node's own metadata at another address", aliveMessage(1002, "n1", at5, genuine), "signature"},
			{"what the node said before", aliveMessage(1003, "n1", at1, older), ""},
			{"an announcement without a signature", userMessage(word), ""},
			{"an announcement under its own key", userMessage(signed), "announcement"},
		} {
			count := metric(t, n2.reg, "stentor_cluster_refused_total", test.refused)
			liar.tells(all, test.message)
			for _, m := range all[:4] {
				if got := m.carriers("forged"); got != "" {
					t.Errorf("%s: %s believes %q", test.name, m.name, got)
				}
				got, _ := m.Member("n1")
				if m != n1 && (got.Meta != before.Meta || !got.Alive || !got.Signed) {
					t.Errorf("%s: %s sees %+v", test.name, m.name, got)
				}
				if m.addrs["n1"] != at1 {
					t.Errorf("%s: %s would talk to %v", test.name, m.name, m.addrs["n1"])
				}
			}
			if test.refused != "" && metric(t, n2.reg, "stentor_cluster_refused_total", test.refused) <= max(count, 0) {
				t.Errorf("%s: not counted as %s", test.name, test.refused)
			}
		}
		if own, _ := n1.tracks.counts(); own != 0 || len(n1.tracks.own().tracks) != 0 {
			t.Errorf("n1 was made to speak of %d tracks", len(n1.tracks.own().tracks))
		}
	})
}

// What is left: a forged death. It is doubted, objected to, and is no goodbye.
func TestAForgedDeathIsObjectedTo(t *testing.T) {
	inWorld(t, func(w *world) {
		all := w.five()
		n1, liar := all[0], all[4]
		n1.Announce(Announcement{Track: "t", Path: []string{"n1"}})
		w.await(3*time.Second, all, func(m *member) bool { return m.carriers("t") == "n1" })
		for i, from := range []string{"n5", "n1"} { // from itself it is a goodbye to memberlist
			for _, o := range all[1:4] {
				liar.port.WritePacket(liar.keys.seal(nil, deadMessage(uint32(100*i+100), "n1", from), nil), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(o.config.Meta.Mesh)))
			}
			w.await(time.Second, all[1:4], func(m *member) bool { o, _ := m.Member("n1"); return !o.Alive && !o.Left })
			took := w.await(3*time.Second, all[1:4], func(m *member) bool { o, _ := m.Member("n1"); return o.Alive && m.carriers("t") == "n1" })
			t.Logf("called dead by %s: alive again after %v", from, took)
			time.Sleep(5 * time.Second) // virtual
		}
	})
}

// A whole node that runs under another's name, with the key but without its
// certificate, becomes nobody's member.
func TestANodeUnderAnothersNameIsNobody(t *testing.T) {
	inWorld(t, func(w *world) {
		all := []*member{w.start(1, 20*time.Millisecond, 1), w.start(2, 20*time.Millisecond, 1)}
		w.await(5*time.Second, all, func(m *member) bool { return m.sees() == "n1 n2" })
		w.disguise = "n9"
		impostor := w.start(3, 20*time.Millisecond, 1)
		time.Sleep(3 * time.Minute) // virtual
		for _, m := range all {
			if m.sees() != "n1 n2" {
				t.Errorf("%s sees %q", m.name, m.sees())
			}
		}
		if n := metric(t, all[0].reg, "stentor_cluster_refused_total", "signature"); n < 1 {
			t.Errorf("counted %v", n)
		}
		_ = impostor
	})
}

// oldCredentials are those that a voter of v0.2 signed: without a proof.
func (w *world) oldCredentials(id pki.Identity) *pki.Credentials {
	w.Helper()
	pub, key, _ := ed25519.GenerateKey(rand.Reader)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: id.Node}, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(pki.Lifetime),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		URIs: []*url.URL{{Scheme: "stentor", Host: string(id.Role), Path: "/" + id.Node}},
	}, w.ca.Cert, pub, w.ca.Key)
	if err != nil {
		w.Fatal(err)
	}
	c, err := pki.NewCredentials(der, key, w.ca.Cert, time.Now())
	if err != nil {
		w.Fatal(err)
	}
	return c
}

func TestANodeThatCannotSignYetIsBelievedUntilAllCan(t *testing.T) {
	inWorld(t, func(w *world) {
		var strict atomic.Bool
		signed := func(c *Config) { c.Signed = strict.Load }
		n1, n2 := w.start(1, 20*time.Millisecond, 1, signed), w.start(2, 20*time.Millisecond, 1, signed)
		w.issue = w.oldCredentials
		n3 := w.start(3, 20*time.Millisecond, 1)
		w.issue = w.credentials
		all := []*member{n1, n2, n3}
		n3.Announce(Announcement{Track: "t", Path: []string{"n3"}})
		w.await(5*time.Second, all, func(m *member) bool { return m.sees() == "n1 n2 n3" && m.carriers("t") == "n3" })
		if o, _ := n1.Member("n3"); o.Signed {
			t.Error("it signed without a proof")
		}
		strict.Store(true) // the cluster has raised its level: what it says next is not believed
		n3.UpdateMeta(func(m *Meta) { m.Draining = true })
		time.Sleep(10 * time.Second) // virtual
		if o, _ := n1.Member("n3"); o.Draining {
			t.Error("unsigned metadata were believed")
		}
		// A voter of this version renews its certificate.
		n3.cred.Store(w.credentials(pki.Identity{Node: "n3", Role: pki.Edge}))
		took := w.await(time.Minute, all, func(m *member) bool {
			o, _ := m.Member("n3")
			return (m == n3 || o.Signed && o.Draining) && m.carriers("t") == "n3"
		})
		t.Logf("it signs %v after its renewal", took)
		n4 := w.start(4, 20*time.Millisecond, 1, signed)
		w.await(5*time.Second, []*member{n4}, func(m *member) bool { return m.carriers("t") == "n3" })
	})
}

// The proofs that others hold are renewed with the certificates, here with keys.
func TestProofsAreRenewedWithCertificates(t *testing.T) {
	inWorld(t, func(w *world) {
		short := func(id pki.Identity) *pki.Credentials { // good for six minutes more
			return w.signed(id, time.Now().Add(6*time.Minute-pki.Lifetime))
		}
		w.issue = short
		all := w.five()
		all[0].Announce(Announcement{Track: "t", Path: []string{"n1"}})
		for range 3 {
			time.Sleep(4 * time.Minute) // virtual
			for _, m := range all {
				m.cred.Store(short(m.port.Self()))
			}
		}
		time.Sleep(time.Minute) // virtual
		for _, m := range all {
			if m.sees() != "n1 n2 n3 n4 n5" || m.carriers("t") != "n1" {
				t.Errorf("%s sees %q, and %q carry", m.name, m.sees(), m.carriers("t"))
			}
			if h := m.heard["n1"]; m != all[0] && time.Until(h.until) < 4*time.Minute {
				t.Errorf("%s knows a proof that ends in %v", m.name, time.Until(h.until))
			}
		}
		n6 := w.start(6, 20*time.Millisecond, 1)
		w.await(5*time.Second, []*member{n6}, func(m *member) bool { return m.sees() == "n1 n2 n3 n4 n5 n6" && m.carriers("t") == "n1" })
	})
}

// The clock went back over a restart: the node hears of its earlier self and counts
// on from there.
func TestARestartWhoseClockWentBackIsHeard(t *testing.T) {
	inWorld(t, func(w *world) {
		all := w.five()
		all[2].crash()
		n3 := w.start(3, 20*time.Millisecond, 0, func(c *Config) { c.Meta.Region = "moved" })
		n3.Announce(Announcement{Track: "t", Path: []string{"n3"}})
		all[2] = n3
		took := w.await(10*time.Second, all, func(m *member) bool {
			o, _ := m.Member("n3")
			return o.Alive && o.Region == "moved" && m.carriers("t") == "n3"
		})
		t.Logf("heard after %v", took)
	})
}

func TestARemovedNodeIsNoMember(t *testing.T) {
	inWorld(t, func(w *world) {
		var out atomic.Bool
		removed := func(c *Config) { c.Removed = func(node string) bool { return out.Load() && node == "n3" } }
		n1, n2 := w.start(1, 20*time.Millisecond, 1, removed), w.start(2, 20*time.Millisecond, 1, removed)
		out.Store(true)
		n3 := w.start(3, 20*time.Millisecond, 1)
		n3.Announce(Announcement{Track: "t", Path: []string{"n3"}})
		time.Sleep(2 * time.Minute) // virtual
		for _, m := range []*member{n1, n2} {
			if m.sees() != "n1 n2" || m.carriers("t") != "" {
				t.Errorf("%s sees %q, and %q carry", m.name, m.sees(), m.carriers("t"))
			}
		}
		if n := metric(t, n1.reg, "stentor_cluster_refused_total", "removed") + metric(t, n2.reg, "stentor_cluster_refused_total", "removed"); n < 1 {
			t.Errorf("counted %v", n)
		}
	})
}

// Strangers' words wait until somebody can check them.
func TestWordsBeforeMembershipAreCheckedAfterwards(t *testing.T) {
	cred, other := newKeys(t), newKeys(t)
	k := newTracks("me", 1)
	good, forged, plain := carries("a", "good", 1, 1), carries("a", "forged", 1, 2), carries("a", "plain", 1, 3)
	good.sign(cred)
	forged.sign(other)
	for _, w := range []record{good, forged, plain} {
		w.proven = false
		k.hear(w, nobodyKnown, noon)
	}
	news := k.started("a", 1, func(w record) bool { return w.by(cred.Public().(ed25519.PublicKey)) })
	if len(news) != 1 || news[0].Track != "good" || !news[0].proven {
		t.Errorf("believed %+v", news)
	}
	if c := k.carriers("forged", everyone); len(c) != 0 {
		t.Errorf("a forged word stayed: %v", c)
	}
	if again := k.started("a", 1, func(record) bool { t.Error("checked twice"); return false }); again != nil {
		t.Error(again)
	}
}

// The same word with a signature takes the place of the one without: it can be
// passed on.
func TestASignedWordReplacesTheSameUnsigned(t *testing.T) {
	k := newTracks("me", 1)
	w := carries("a", "t", 1, 1)
	k.hear(w, anyEpoch, noon)
	signed := w
	signed.sign(newKeys(t))
	for i, want := range []bool{true, false} {
		if changed, _ := k.hear(signed, anyEpoch, noon); changed != want {
			t.Errorf("heard for the %d. time: %v", i+1, changed)
		}
	}
	if changed, _ := k.hear(w, anyEpoch, noon); changed {
		t.Error("the unsigned one came back")
	}
}

func TestWhatANodeIsMadeToDenyIsBounded(t *testing.T) {
	k := newTracks("me", 1)
	for i := range uint64(3 * maxOwn) {
		k.hear(carries("me", string(binary.AppendUvarint([]byte("t"), i)), 1, i+1), anyEpoch, noon)
	}
	if n := len(k.own().tracks); n > maxOwn {
		t.Errorf("%d words about itself", n)
	}
	if slices.ContainsFunc(k.all(everyone), func(w record) bool { return !w.gone }) {
		t.Error("it claims what it never carried")
	}
}

func newKeys(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
