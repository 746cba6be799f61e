package node

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"stentor/cluster"
	"stentor/cluster/mesh"
	"stentor/cluster/pki"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, gossipKeySize) }

func TestGossipKeysOnDisk(t *testing.T) {
	for _, c := range []struct {
		name string
		file []byte
		keys int // 0: refused
	}{
		{"one key, as up to v0.2", key(1), 1},
		{"two while they rotate", append(key(1), key(2)...), 2},
		{"four", bytes.Join([][]byte{key(1), key(2), key(3), key(4)}, nil), 4},
		{"five", bytes.Join([][]byte{key(1), key(2), key(3), key(4), key(5)}, nil), 0},
		{"a key and a half", append(key(1), key(2)[:16]...), 0},
		{"nothing", nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, fileGossipKey), c.file, 0o600); err != nil {
				t.Fatal(err)
			}
			keys, err := readGossipKeys(dir)
			if len(keys) != c.keys || (err == nil) != (c.keys > 0) || !bytes.Equal(bytes.Join(keys, nil), c.file) && c.keys > 0 {
				t.Errorf("%d keys, %v", len(keys), err)
			}
		})
	}
}

func TestAJoinBringsAllKeys(t *testing.T) {
	for name, c := range map[string]struct {
		reply mesh.JoinReply
		want  []byte
	}{
		"from v0.2":         {mesh.JoinReply{GossipKey: key(1)}, key(1)},
		"while they rotate": {mesh.JoinReply{GossipKey: key(1), GossipKeys: [][]byte{key(1), key(2)}}, append(key(1), key(2)...)},
	} {
		t.Run(name, func(t *testing.T) {
			ca, err := pki.NewAuthority("test", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			pub, private, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			if c.reply.Certificate, err = ca.Sign(pub, pki.Identity{Node: "n4", Role: pki.Edge}, time.Now()); err != nil {
				t.Fatal(err)
			}
			c.reply.CA = ca.Cert.Raw
			dir := t.TempDir()
			if err := keepJoin(dir, c.reply, private); err != nil {
				t.Fatal(err)
			}
			k, err := LoadKeyring(dir)
			if err != nil || !bytes.Equal(bytes.Join(k.GossipKeys, nil), c.want) {
				t.Errorf("%x, %v", k.GossipKeys, err)
			}
		})
	}
}

func TestKeysAreNamedInOrder(t *testing.T) {
	id := func(b byte) []byte { i := cluster.NewKeyID(key(b)); return i[:] }
	for name, c := range map[string]struct {
		keys, ids [][]byte
		want      bool
	}{
		"the same":           {[][]byte{key(1), key(2)}, [][]byte{id(1), id(2)}, true},
		"the other way":      {[][]byte{key(2), key(1)}, [][]byte{id(1), id(2)}, false},
		"one too few":        {[][]byte{key(1)}, [][]byte{id(1), id(2)}, false},
		"one too many":       {[][]byte{key(1), key(2)}, [][]byte{id(1)}, false},
		"another key":        {[][]byte{key(3)}, [][]byte{id(1)}, false},
		"an id that is none": {[][]byte{key(1)}, [][]byte{{}}, false},
	} {
		if named(c.keys, c.ids) != c.want {
			t.Error(name)
		}
	}
}

// unproven is a voter's keys as v0.2 made them: the certificate has no proof.
func unproven(t *testing.T, now time.Time) *Keyring {
	t.Helper()
	k, err := newCluster("n1", now)
	if err != nil {
		t.Fatal(err)
	}
	old := *k.Credentials.Cert
	old.ExtraExtensions = nil
	der, err := x509.CreateCertificate(rand.Reader, &old, k.Authority.Cert, k.Credentials.Key.Public(), k.Authority.Key)
	if err != nil {
		t.Fatal(err)
	}
	if k.Credentials, err = pki.NewCredentials(der, k.Credentials.Key, k.Authority.Cert, now); err != nil {
		t.Fatal(err)
	}
	if _, proven := k.Credentials.Proof(); proven {
		t.Fatal("it has a proof: the test proves nothing")
	}
	return k
}

func TestAVoterWithoutAProofSignsItselfAnotherCertificate(t *testing.T) {
	now := time.Now()
	k := unproven(t, now)
	if err := k.refresh(t.TempDir(), now); err != nil {
		t.Fatal(err)
	}
	proven := k.Credentials
	if _, ok := proven.Proof(); !ok {
		t.Error("it has no proof yet")
	}
	if err := k.refresh(t.TempDir(), now); err != nil || k.Credentials != proven {
		t.Errorf("it signs again, %v", err)
	}
}

func TestACertificateWithoutAProofIsRenewedEarly(t *testing.T) {
	now := time.Now()
	proven, err := newCluster("n1", now)
	if err != nil {
		t.Fatal(err)
	}
	without, due := unproven(t, now).Credentials, proven.Credentials.RenewAt()
	for name, c := range map[string]struct {
		cred  *pki.Credentials
		asked time.Time
		want  time.Time
	}{
		"with a proof":             {proven.Credentials, time.Time{}, due},
		"without, never asked":     {without, time.Time{}, time.Time{}.Add(proofPause)},
		"without, asked before":    {without, now, now.Add(proofPause)},
		"without, due for its age": {without, without.RenewAt(), without.RenewAt()},
	} {
		if got := renewAt(c.cred, c.asked); !got.Equal(c.want) {
			t.Errorf("%s: at %v, want %v", name, got, c.want)
		}
	}
}
