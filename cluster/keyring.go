package cluster

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
)

const (
	// keySize is AES-256's.
	keySize = 32
	// maxKeys is the key in use, the one before, the one to come, and one more for
	// a rotation that begins while another is not over.
	maxKeys = 4
	// sealVersion is memberlist's: AES-GCM without padding.
	sealVersion = 1
	sealHead    = 1 + 12 // version, nonce
	sealTail    = 16
)

// A KeyID names a gossip key without telling anything about it, so that nodes can
// say in the open which keys they hold.
type KeyID [4]byte

// NewKeyID is the id of a key.
func NewKeyID(key []byte) KeyID {
	h := sha256.Sum256(append([]byte("stentor gossip key id\x00"), key...))
	return KeyID(h[:4])
}

func (k KeyID) String() string { return hex.EncodeToString(k[:]) }

// keyring seals with its first key and opens with any. memberlist has one too, whose
// RemoveKey moves keys in a slice that other goroutines read, and which expands the
// AES key anew for each packet: here the keys are one immutable list, swapped at once.
//
// What it makes is memberlist's format: 1 | nonce 12 | sealed, tag 16.
type keyring struct{ list atomic.Pointer[[]ringKey] }

type ringKey struct {
	id   KeyID
	seal cipher.AEAD
}

var errSealed = errors.New("cluster: none of this node's gossip keys opens it")

// set replaces all keys; the first one seals from now on.
func (k *keyring) set(keys [][]byte) error {
	if len(keys) == 0 || len(keys) > maxKeys {
		return fmt.Errorf("cluster: between one and %d gossip keys are possible, not %d", maxKeys, len(keys))
	}
	var list []ringKey
	for _, key := range keys {
		if len(key) != keySize {
			return errors.New("cluster: the gossip key must have 32 bytes: a node gets it when it joins; without it anyone could speak for the mesh")
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return fmt.Errorf("cluster: %w", err)
		}
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			return fmt.Errorf("cluster: %w", err)
		}
		list = append(list, ringKey{NewKeyID(key), gcm})
	}
	if len(unique(list)) != len(list) {
		return errors.New("cluster: one gossip key is there twice")
	}
	k.list.Store(&list)
	return nil
}

func unique(list []ringKey) []KeyID {
	var ids []KeyID
	for _, k := range list {
		if !slices.Contains(ids, k.id) {
			ids = append(ids, k.id)
		}
	}
	return ids
}

// ids are those of the keys, the one that seals first.
func (k *keyring) ids() []KeyID { return unique(*k.list.Load()) }

// seal appends a sealed message to b; data is authenticated with it.
func (k *keyring) seal(b, plain, data []byte) []byte {
	var nonce [12]byte
	rand.Read(nonce[:]) // never fails
	b = append(b, sealVersion)
	b = append(b, nonce[:]...)
	return (*k.list.Load())[0].seal.Seal(b, nonce[:], plain, data)
}

// open gives the message inside, in memory of its own, and whether the key that
// seals was the one that opened it.
func (k *keyring) open(b, data []byte) (plain []byte, first bool, err error) {
	if len(b) < sealHead+sealTail || b[0] != sealVersion {
		return nil, false, errSealed
	}
	for i, key := range *k.list.Load() {
		if plain, err := key.seal.Open(nil, b[1:sealHead], b[sealHead:], data); err == nil {
			return plain, i == 0, nil
		}
	}
	return nil, false, errSealed
}

// Rotate replaces this node's gossip keys: it seals with the first and opens with
// all of them, from the next packet on. One to four keys, 32 bytes each.
//
// A cluster goes from one key to the next in three steps, each of which every node
// has taken before the next begins: [old, new], [new, old], [new]. Which keys another
// node holds is in its [Member.Keys]. Whoever drives the steps decides what happens
// to a node that is away: DESIGN.md proposes how.
func (g *Gossip) Rotate(keys [][]byte) error {
	if err := g.keys.set(keys); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.log.Info("gossip keys", "seals", g.keys.ids()[0], "keys", len(keys))
	g.tell()
	return nil
}

// OpenedByOthers counts what this node opened with another key than the one that it
// seals with: when it stands still, nobody seals with the old one any more.
func (g *Gossip) OpenedByOthers() uint64 { return g.metrics.others.Load() }

// Keys are the ids of this node's gossip keys, the one that seals first.
func (g *Gossip) Keys() []KeyID { return g.keys.ids() }
