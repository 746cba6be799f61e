package node

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"stentor/cluster/pki"
	"stentor/control"
	"stentor/control/cli"
	"stentor/control/controlpb"
)

// Init makes the first node of a new cluster in an empty data folder: the
// cluster's authority and keys, the node's certificate, and the first API token.
// The node then starts with what is there.
func Init(dir, name string) error {
	for _, name := range []string{"node.crt", "node.key", "ca.crt", "ca.key", fileGossipKey, filePINKey, fileAdminToken, "raft"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return cli.Hint(fmt.Errorf("%s holds a node already, or what is left of one (%s)", dir, name), "choose an empty folder with --data, or start that node with `stentor node`")
		}
	}
	keys, err := newCluster(name, time.Now())
	if err != nil {
		return err
	}
	var secret [32]byte
	rand.Read(secret[:])
	token := "sta_" + base64.RawURLEncoding.EncodeToString(secret[:])
	if err := pki.Dir(dir).SaveSecret(fileAdminToken, []byte(token+"\n")); err != nil {
		return err
	}
	return keys.Save(dir)
}

// firstCommands is what a new cluster begins with, if this is its first node: its
// feature level, what it is called, whom it trusts, and the first API token. Proposing
// them again is answered like the first time; a cluster that is older raises its level
// by itself once all its nodes are new (see raiseLevel).
func firstCommands(dir string, keys *Keyring) ([]*controlpb.Command, error) {
	b, err := os.ReadFile(filepath.Join(dir, fileAdminToken))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	digest := keys.Authority.Digest()
	id := "c_" + base64.RawURLEncoding.EncodeToString(digest[:12])
	hash := sha256.Sum256(trimmed(b))
	var first []*controlpb.Command
	if _, err := os.Stat(filepath.Join(dir, "raft")); errors.Is(err, fs.ErrNotExist) {
		first = append(first, &controlpb.Command{Principal: "init", RequestId: "init-level", Kind: &controlpb.Command_SetFeatureLevel{
			SetFeatureLevel: &controlpb.SetFeatureLevel{Level: control.FeatureLevel},
		}})
	}
	return append(first, []*controlpb.Command{
		{Principal: "init", RequestId: "init-token", Kind: &controlpb.Command_CreateApiToken{CreateApiToken: &controlpb.CreateAPIToken{
			Id: "t_admin", Name: "admin", Hash: hash[:], Scopes: []string{"admin", "host"},
		}}},
		// Last: with it the cluster is one, and its nodes are ready.
		{Principal: "init", RequestId: "init-cluster", Kind: &controlpb.Command_SetClusterInfo{SetClusterInfo: &controlpb.SetClusterInfo{
			Id: id, Name: "stentor", CaCertificate: keys.Authority.Cert.Raw,
		}}},
	}...), nil
}
