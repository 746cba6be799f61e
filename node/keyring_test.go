package node

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestAClusterThatWasOffForDaysStartsAgain(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	old, err := newCluster("n1", now.Add(-48*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Save(dir); err != nil {
		t.Fatal(err)
	}
	keys, err := LoadKeyring(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.Credentials.Check(now); err == nil {
		t.Fatal("the certificate is still good after two days: the test proves nothing")
	}
	if err := keys.refresh(dir, now); err != nil {
		t.Fatal(err)
	}
	again, err := LoadKeyring(dir)
	if err != nil {
		t.Fatal(err)
	}
	for what, k := range map[string]*Keyring{"in memory": keys, "on disk": again} {
		if err := k.Credentials.Check(now); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestInitNeverOverwritesWhatIsLeftOfANode(t *testing.T) {
	for _, lost := range []string{"node.crt", "gossip.key", "admin.token"} {
		dir := t.TempDir()
		if err := Init(dir, "n1"); err != nil {
			t.Fatal(err)
		}
		before, err := os.ReadFile(filepath.Join(dir, "ca.key"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, lost)); err != nil {
			t.Fatal(err)
		}
		if err := Init(dir, "n1"); err == nil {
			t.Errorf("without %s, init made another cluster", lost)
		}
		if after, err := os.ReadFile(filepath.Join(dir, "ca.key")); err != nil || string(after) != string(before) {
			t.Errorf("without %s, init changed the authority's key (%v)", lost, err)
		}
	}
	if _, err := LoadKeyring(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
}
