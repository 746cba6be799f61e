package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestS58TablesAreExported(t *testing.T) {
	for _, c := range []struct{ name, args, want string }{
		{"S58 registrants are exported as CSV", "registration export w-1", "id,first_name\r\nr-1,'=1+1\x1b[2J\r\n"},
		{"the chat is exported as CSV", "chat export w-1", "at,kind,name,text\r\n2026-03-01T12:00:00Z,chat,Ada,'=1+1\x1b\r\n"},
		{"stays are exported as CSV", "attendance export w-1", "participant,name\r\np-1,Ada\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t, answers())
			if stdout, stderr, status := s.run(t, call{args: c.args}); stdout != c.want || stderr != "" || status != 0 {
				t.Errorf("into a pipe: exit status %d, %q, %s", status, stdout, stderr)
			}
			clean := strings.ReplaceAll(strings.ReplaceAll(c.want, "\r", ""), "\x1b", "\uFFFD")
			if stdout, _, _ := s.run(t, call{args: c.args, terminal: true}); stdout != clean {
				t.Errorf("to a terminal: %q", stdout)
			}
			t.Chdir(t.TempDir())
			file := "out.csv"
			stdout, stderr, status := s.run(t, call{args: c.args + " --out " + file})
			text, err := os.ReadFile(file)
			if err != nil || string(text) != c.want || status != 0 || stdout != "Written to "+file+".\n" {
				t.Errorf("to a file: exit status %d, %q, %v, %s%s", status, text, err, stdout, stderr)
			}
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("others may read it: %v, %v", info.Mode(), err)
			}
		})
	}
}

func TestARecordedFileIsDownloadedAsItIs(t *testing.T) {
	s := newServer(t, answers())
	t.Chdir(t.TempDir())
	if stdout, stderr, status := s.run(t, call{args: "recording download w-1 rec-1 n1 0001-main-video.webm -o x.webm"}); status != 0 {
		t.Fatalf("exit status %d: %s%s", status, stdout, stderr)
	}
	if got, err := os.ReadFile("x.webm"); err != nil || string(got) != "\x1aE\xdf\xa3" {
		t.Errorf("the file has %q, %v", got, err)
	}
}

func TestAnExportThatFailsLeavesNothing(t *testing.T) {
	s := newServer(t, nil)
	dir, file := t.TempDir(), "out.csv"
	t.Chdir(dir)
	if err := os.WriteFile(file, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, status := s.run(t, call{args: "registration export w-1 -o " + file}); status != 1 || !strings.Contains(stderr, "answers nothing") {
		t.Errorf("exit status %d: %s", status, stderr)
	}
	left, err := os.ReadDir(dir)
	if text, _ := os.ReadFile(file); err != nil || len(left) != 1 || string(text) != "before" {
		t.Errorf("left %v with %q, %v", left, text, err)
	}
}

func TestATerminalGetsWholeLetters(t *testing.T) {
	text := "Zoë \u202e名前\u009b2J\x1b\r\n\tend\x7f"
	var out bytes.Buffer
	s := &sink{to: &out, plain: true}
	for i := range len(text) { // byte by byte, as a network might cut it
		if n, err := s.Write([]byte{text[i]}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	if want := "Zoë \uFFFD名前\uFFFD2J\uFFFD\n\tend\uFFFD"; out.String() != want {
		t.Errorf("wrote %q, want %q", out.String(), want)
	}
}
