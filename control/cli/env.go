package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"stentor/control/client"
)

// Env is the surroundings of a command: everything that it reads and writes
// beside its arguments.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Now            func() time.Time
	HTTP           *http.Client
	// Prompt asks a person for a secret without showing it; nil where there is
	// no terminal, and secrets are read from Stdin.
	Prompt func(question string) (string, error)
	// Terminal says that Stdout is one, which obeys what is written to it.
	Terminal bool
	// Zone is the time zone of times without one; nil: UTC.
	Zone *time.Location
	// Version is this program's, such as "v0.1.0"; empty: nobody compares it.
	Version string
}

// requestTimeout bounds one call of the API. The slowest one waits for a commit
// while a leader is elected, which takes about a second.
const requestTimeout = 30 * time.Second

// OS returns the surroundings of this process.
func OS() *Env {
	e := &Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Now: time.Now, HTTP: &http.Client{Timeout: requestTimeout},
		Terminal: term.IsTerminal(int(os.Stdout.Fd())), Zone: localZone(os.Getenv("TZ"), "/etc/localtime"),
	}
	if fd := int(os.Stdin.Fd()); term.IsTerminal(fd) {
		e.Prompt = func(question string) (string, error) {
			fmt.Fprint(os.Stderr, question)
			b, err := term.ReadPassword(fd)
			fmt.Fprintln(os.Stderr)
			return string(b), err
		}
	}
	return e
}

// maxSecret bounds what is read from standard input or a token file: no secret
// of ours is near as long.
const maxSecret = 4096

// newSecret asks for a secret that is to be kept: at the terminal, where nobody
// sees what they type, twice.
func (e *Env) newSecret(question string) (string, error) {
	s, err := e.secret(question)
	if err != nil || e.Prompt == nil {
		return s, err
	}
	again, err := e.secret("The same again: ")
	if err == nil && again != s {
		err = Usage(errors.New("those were two different ones"))
	}
	return s, err
}

// secret asks for a secret at the terminal, or reads one line of Stdin.
func (e *Env) secret(question string) (string, error) {
	if e.Prompt != nil {
		s, err := e.Prompt(question)
		if err != nil {
			return "", fmt.Errorf("cli: %w", err)
		}
		return s, nil
	}
	line, err := bufio.NewReader(io.LimitReader(e.Stdin, maxSecret)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("cli: standard input: %w", err)
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", Hint(Usage(errors.New("nothing came in on standard input")), "the secret is read from there, so that it shows up in no list of processes")
	}
	return line, nil
}

// Remote are the flags of every command that talks to a node. A secret is never
// among them: whoever lists the processes of a machine sees its arguments.
type Remote struct {
	Server    string `placeholder:"URL" help:"Address of a node; else STENTOR_SERVER, else the context file." group:"Server:"`
	TokenFile string `placeholder:"FILE" help:"File with the API token; else STENTOR_TOKEN, else the context file." group:"Server:"`
	JSON      bool   `name:"json" help:"Print JSON, for machines." group:"Server:"`
	Quiet     bool   `short:"q" help:"Print nothing but what a next command needs: ids, or the one secret that was made." group:"Server:"`
}

// open returns the client that the flags, the environment and the context file
// ask for, in this order.
func (r Remote) open(e *Env) (*client.Client, error) {
	if err := exclusive(r.JSON, "--json", r.Quiet, "--quiet"); err != nil {
		return nil, err
	}
	saved, path, err := savedContext(e)
	if err != nil {
		return nil, err
	}
	server := first(r.Server, e.Getenv("STENTOR_SERVER"), saved.Server)
	if server == "" {
		return nil, Hint(Usage(errors.New("no server is given")), "--server URL, STENTOR_SERVER or the context file "+path+", which `stentor demo` writes")
	}
	token, err := r.token(e)
	if err != nil {
		return nil, err
	}
	// The saved token belongs to the saved server; no other one gets to see it.
	if token == "" && strings.TrimSuffix(server, "/") == strings.TrimSuffix(saved.Server, "/") {
		token = saved.Token
	}
	c, err := client.New(server, token, client.HTTP(e.HTTP))
	if err != nil {
		return nil, Usage(err)
	}
	return c, nil
}

// token returns the token of the file or of the environment, or "".
func (r Remote) token(e *Env) (string, error) {
	if r.TokenFile == "" {
		return strings.TrimSpace(e.Getenv("STENTOR_TOKEN")), nil
	}
	text, err := secretFile("--token-file", r.TokenFile)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(text)
	if token == "" || strings.ContainsAny(token, " \n\r\t") {
		return "", Hint(Usage(fmt.Errorf("--token-file: %s does not hold one token", r.TokenFile)), "it is one line that begins with sta_")
	}
	return token, nil
}

// secretFile reads the file that a flag names.
func secretFile(flag, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", Usage(fmt.Errorf("%s: %w", flag, err))
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecret))
	if err != nil {
		return "", Usage(fmt.Errorf("%s: %w", flag, err))
	}
	return string(b), nil
}

// savedContext reads the context file where there is one.
func savedContext(e *Env) (Context, string, error) {
	path, err := ContextPath(e.Getenv)
	if err != nil {
		return Context{}, "", nil // no home directory: there is no file either
	}
	c, err := LoadContext(path)
	if err == nil && c.Token != "" && readableByOthers(path) {
		fmt.Fprintf(e.Stderr, "stentor: hint: others can read the token in %s: chmod 600 it\n", path)
	}
	return c, path, err
}

// first returns the first text that is not empty.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
