package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// Export are the flags of commands that write a table for another program.
type Export struct {
	Remote
	Out string `short:"o" help:"Write to this file, which only its owner may read; else to standard output." placeholder:"FILE"`
}

// sink is where a table goes.
type sink struct {
	to    io.Writer
	plain bool // a terminal: what would steer it is replaced
	rest  []byte
}

// Write writes b. Where it is a terminal, a letter that is cut in two waits for
// its end.
func (s *sink) Write(b []byte) (int, error) {
	if !s.plain {
		return s.to.Write(b)
	}
	text := append(s.rest, b...)
	var clean strings.Builder
	for len(text) > 0 && (utf8.FullRune(text)) {
		r, n := utf8.DecodeRune(text)
		switch text = text[n:]; {
		case r == '\n' || r == '\t':
			clean.WriteRune(r)
		case r == '\r': // before each line end
		default:
			clean.WriteString(plain(string(r)))
		}
	}
	s.rest = append([]byte(nil), text...)
	_, err := io.WriteString(s.to, clean.String())
	return len(b), err
}

// write has a table written to the file that --out names, whole or not at all, or
// to standard output.
func (x Export) write(e *Env, table func(*sink) error) error {
	if x.JSON {
		return Hint(Usage(errors.New("a table is CSV, not JSON")), "the list command prints the same with --json")
	}
	if x.Out == "" || x.Out == "-" {
		return table(&sink{to: e.Stdout, plain: e.Terminal})
	}
	f, err := os.CreateTemp(filepath.Dir(x.Out), ".stentor-*") // made with mode 0600
	if err != nil {
		return Usage(fmt.Errorf("--out: %w", err))
	}
	defer os.Remove(f.Name()) // nothing is there any more once it was renamed
	err = table(&sink{to: f})
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), x.Out); err != nil {
		return Usage(fmt.Errorf("--out: %w", err))
	}
	return x.done(e, nil, "Written to %s.", x.Out)
}
