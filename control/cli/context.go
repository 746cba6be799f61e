package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v4"
)

// Context is what the context file keeps between calls: which server the
// commands talk to, and the API token they sign in with.
type Context struct {
	Server string `yaml:"server"`
	Token  string `yaml:"token"`
}

// ContextPath returns where the context file is: STENTOR_CONTEXT, or
// stentor/context.yaml below XDG_CONFIG_HOME or ~/.config.
func ContextPath(getenv func(string) string) (string, error) {
	if p := getenv("STENTOR_CONTEXT"); p != "" {
		return p, nil
	}
	if d := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "stentor", "context.yaml"), nil
	}
	if h := getenv("HOME"); h != "" {
		return filepath.Join(h, ".config", "stentor", "context.yaml"), nil
	}
	return "", errors.New("cli: no home directory for the context file; STENTOR_CONTEXT says where it is")
}

// LoadContext reads a context file. A file that is not there is an empty
// Context; a key that is not known is refused with the one that was perhaps
// meant.
func LoadContext(path string) (Context, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Context{}, nil
	}
	if err != nil {
		return Context{}, fmt.Errorf("cli: context file: %w", err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return Context{}, fmt.Errorf("cli: %s: %w", path, err)
	}
	if err := onlyKnown(path, &doc, "server", "token"); err != nil {
		return Context{}, err
	}
	var c Context
	if err := doc.Decode(&c); err != nil && len(doc.Content) > 0 {
		return Context{}, fmt.Errorf("cli: %s: %w", path, err)
	}
	return c, nil
}

// onlyKnown refuses a mapping with other keys than known, naming the line.
func onlyKnown(path string, doc *yaml.Node, known ...string) error {
	if len(doc.Content) == 0 {
		return nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return fmt.Errorf("cli: %s:%d: keys and values are expected, such as server: URL", path, root.Line)
	}
	for i := 0; i < len(root.Content); i += 2 {
		key := root.Content[i]
		if !contains(known, key.Value) {
			return Hint(Usage(fmt.Errorf("%s:%d: unknown key %q", path, key.Line, key.Value)), DidYouMean(key.Value, known))
		}
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// Save writes c to the file at path, which only its owner may read, and makes
// the folder. The file is replaced whole or not at all.
func (c Context) Save(path string) error {
	var b bytes.Buffer
	b.WriteString("# Which node the stentor commands talk to. It holds a secret: keep it to yourself.\n")
	if err := yaml.NewEncoder(&b).Encode(c); err != nil {
		return fmt.Errorf("cli: context file: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("cli: context file: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".context-*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("cli: context file: %w", err)
	}
	defer os.Remove(f.Name()) // nothing is there any more once it was renamed
	_, err = f.Write(b.Bytes())
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("cli: context file: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("cli: context file: %w", err)
	}
	return nil
}

// readableByOthers reports whether the file at path may be read by more than
// its owner.
func readableByOthers(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o077 != 0
}
