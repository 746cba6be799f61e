package pki

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Dir is a folder with a node's credentials (node.crt, node.key, ca.crt) and, on
// voters, the authority's key (ca.key). Keys are refused when others than the
// owner may read them.
type Dir string

// Credentials reads the node's credentials. A part that is not there is an error
// that is fs.ErrNotExist and says what to do.
func (d Dir) Credentials() (*Credentials, error) {
	cert, err := d.read("node.crt", false)
	if err != nil {
		return nil, err
	}
	key, err := d.read("node.key", true)
	if err != nil {
		return nil, err
	}
	ca, err := d.read("ca.crt", false)
	if err != nil {
		return nil, err
	}
	return LoadCredentials(cert, key, ca)
}

// SaveCredentials writes them. A renewal that keeps the key replaces one file,
// the certificate, at once or not at all.
func (d Dir) SaveCredentials(c *Credentials) error {
	cert, key, ca, err := c.PEM()
	if err != nil {
		return err
	}
	return d.write(file{"ca.crt", ca}, file{"node.key", key}, file{"node.crt", cert})
}

// Authority reads the cluster's authority.
func (d Dir) Authority() (*Authority, error) {
	cert, err := d.read("ca.crt", false)
	if err != nil {
		return nil, err
	}
	key, err := d.read("ca.key", true)
	if err != nil {
		return nil, err
	}
	return LoadAuthority(cert, key)
}

// SaveAuthority writes the cluster's authority.
func (d Dir) SaveAuthority(a *Authority) error {
	cert, key, err := a.PEM()
	if err != nil {
		return err
	}
	return d.write(file{"ca.crt", cert}, file{"ca.key", key})
}

// Secret reads another secret file of the node, which only its owner may be able to
// read.
func (d Dir) Secret(name string) ([]byte, error) { return d.read(name, true) }

// SaveSecret writes one, for its owner alone, at once or not at all.
func (d Dir) SaveSecret(name string, b []byte) error { return d.write(file{name, b}) }

func (d Dir) read(name string, secret bool) ([]byte, error) {
	path := filepath.Join(string(d), name)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("pki: %w; %s", err, howToJoin)
	}
	if err != nil {
		return nil, fmt.Errorf("pki: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("pki: %w", err)
	}
	if secret && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("pki: %s may be read by others (%#o): if nobody did, `chmod 600 %s`", path, info.Mode().Perm(), path)
	}
	if info.Size() > 1<<16 {
		return nil, fmt.Errorf("pki: %s is too large to be a key or certificate", path)
	}
	b := make([]byte, info.Size())
	if _, err := f.ReadAt(b, 0); err != nil && len(b) > 0 {
		return nil, fmt.Errorf("pki: read %s: %w", path, err)
	}
	return b, nil
}

type file struct {
	name    string
	content []byte
}

// write puts files into the folder, each by a rename, so that a crash leaves the
// old or the new one.
func (d Dir) write(files ...file) error {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return fmt.Errorf("pki: %w", err)
	}
	for _, f := range files {
		if err := d.replace(f.name, f.content); err != nil {
			return fmt.Errorf("pki: %w", err)
		}
	}
	return nil
}

func (d Dir) replace(name string, b []byte) error {
	path := filepath.Join(string(d), name)
	tmp, err := os.CreateTemp(string(d), name+".*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(b)
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(string(d))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
