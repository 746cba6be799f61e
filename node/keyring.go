package node

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stentor/cluster/pki"
)

// The files of a data folder beside the certificates of [pki.Dir], readable by
// their owner alone. What is on an edge opens nothing but that edge: pin.key, like
// the authority's key, is on voters only.
const (
	fileGossipKey  = "gossip.key"  // 32 bytes for each key of gossip, the one that seals first
	filePINKey     = "pin.key"     // 32 bytes: what PIN verifiers are made with
	filePeers      = "peers"       // mesh addresses of nodes seen last, one a line
	fileAdminToken = "admin.token" // on the first node of a cluster: the first API token
)

// Keyring is what a node proves itself with and keeps secret.
type Keyring struct {
	Credentials *pki.Credentials
	Authority   *pki.Authority // nil on an edge
	GossipKeys  [][]byte       // 32 bytes each, the one that seals first
	PINKey      []byte         // 32 bytes; nil on an edge
}

// LoadKeyring reads the keys in dir. A node that lacks one does not start; the
// error says how to get it, and is fs.ErrNotExist.
func LoadKeyring(dir string) (*Keyring, error) {
	cred, err := pki.Dir(dir).Credentials()
	if err != nil {
		return nil, err
	}
	k := &Keyring{Credentials: cred}
	if k.GossipKeys, err = readGossipKeys(dir); err != nil {
		return nil, err
	}
	if cred.Identity.Role != pki.Voter {
		return k, nil
	}
	if k.PINKey, err = readKey(dir, filePINKey); err != nil {
		return nil, err
	}
	k.Authority, err = pki.Dir(dir).Authority()
	return k, err
}

// expired reports whether the node's certificate has, and this node cannot sign
// itself a new one.
func (k *Keyring) expired(now time.Time) bool {
	return k.Authority == nil && !now.Before(k.Credentials.Cert.NotAfter)
}

// refresh has a voter sign its own certificate when that is due, before anything
// uses it: a cluster that was off for longer than certificates live starts again. One
// without a proof, which v0.2 signed, is due: gossip believes its node no more.
func (k *Keyring) refresh(dir string, now time.Time) error {
	if _, proven := k.Credentials.Proof(); k.Authority == nil || proven && now.Before(k.Credentials.RenewAt()) {
		return nil
	}
	der, err := k.Authority.Sign(k.Credentials.Key.Public().(ed25519.PublicKey), k.Credentials.Identity, now)
	if err != nil {
		return err
	}
	if k.Credentials, err = pki.NewCredentials(der, k.Credentials.Key, k.Authority.Cert, now); err != nil {
		return err
	}
	return pki.Dir(dir).SaveCredentials(k.Credentials)
}

// Save writes the keys into dir, which it makes if needed. The node's certificate
// comes last: with it the set is whole.
func (k *Keyring) Save(dir string) error {
	if err := pki.Dir(dir).SaveSecret(fileGossipKey, bytes.Join(k.GossipKeys, nil)); err != nil {
		return err
	}
	if k.Authority != nil {
		if err := pki.Dir(dir).SaveSecret(filePINKey, k.PINKey); err != nil {
			return err
		}
		if err := pki.Dir(dir).SaveAuthority(k.Authority); err != nil {
			return err
		}
	}
	return pki.Dir(dir).SaveCredentials(k.Credentials)
}

// newCluster makes the keys of a new cluster and of its first voter.
func newCluster(name string, now time.Time) (*Keyring, error) {
	ca, err := pki.NewAuthority("stentor", now)
	if err != nil {
		return nil, err
	}
	cred, err := issue(ca, pki.Identity{Node: name, Role: pki.Voter}, now)
	if err != nil {
		return nil, err
	}
	k := &Keyring{Credentials: cred, Authority: ca, GossipKeys: [][]byte{make([]byte, gossipKeySize)}, PINKey: make([]byte, 32)}
	rand.Read(k.GossipKeys[0])
	rand.Read(k.PINKey)
	return k, nil
}

// issue makes a key and has the authority sign it.
func issue(ca *pki.Authority, id pki.Identity, now time.Time) (*pki.Credentials, error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	der, err := ca.Sign(pub, id, now)
	if err != nil {
		return nil, err
	}
	return pki.NewCredentials(der, key, ca.Cert, now)
}

// readKey reads 32 secret bytes.
func readKey(dir, name string) ([]byte, error) {
	b, err := pki.Dir(dir).Secret(name)
	if err == nil && len(b) != 32 {
		err = fmt.Errorf("node: %s must be 32 bytes, not %d", filepath.Join(dir, name), len(b))
	}
	return b, err
}

const (
	gossipKeySize = 32
	maxGossipKeys = 4 // as many as package cluster takes
)

// readGossipKeys reads the keys of gossip. Up to v0.2 there was one, and v0.2 refuses a
// file with more: it cannot be in a cluster whose keys change anyway.
func readGossipKeys(dir string) ([][]byte, error) {
	b, err := pki.Dir(dir).Secret(fileGossipKey)
	if err != nil {
		return nil, err
	}
	if len(b) == 0 || len(b)%gossipKeySize != 0 || len(b) > maxGossipKeys*gossipKeySize {
		return nil, fmt.Errorf("node: %s must be one to %d keys of %d bytes, not %d bytes", filepath.Join(dir, fileGossipKey), maxGossipKeys, gossipKeySize, len(b))
	}
	return slices.Collect(slices.Chunk(b, gossipKeySize)), nil
}

// loadPeers returns the mesh addresses of nodes that were seen last.
func loadPeers(dir string) []string {
	b, err := os.ReadFile(filepath.Join(dir, filePeers))
	if err != nil {
		return nil // a node that has seen nobody yet
	}
	return strings.Fields(string(b))
}

func savePeers(dir string, addrs []string) error {
	return pki.Dir(dir).SaveSecret(filePeers, []byte(strings.Join(addrs, "\n")+"\n"))
}
