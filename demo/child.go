package demo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"
)

// stopWithin is how long a node may take to stop: it hands over its leadership and
// tells its sessions first. After it, it is killed.
const stopWithin = 10 * time.Second

// child is a process that the demo started.
type child struct {
	name string
	log  string // file with its output
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // why; read after done
}

// children starts processes and ends them, all of them, whatever happens.
type children struct {
	start chan func()
	ended chan *child // those that ended
	all   []*child
	stop  sync.Once
}

// newChildren returns children without any yet. Linux ends a child together with the
// thread that made it (see hold), so one thread makes all of them and lives until
// stopAll.
func newChildren(n int) *children {
	c := &children{start: make(chan func()), ended: make(chan *child, n)}
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for f := range c.start {
			f()
		}
	}()
	return c
}

// run starts a process whose output goes to a file.
func (c *children) run(name, log string, argv []string) (*child, error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	defer f.Close() // the child has its own
	p := &child{name: name, log: log, cmd: command(argv), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = f, f
	hold(p.cmd)
	started := make(chan error)
	c.start <- func() { started <- p.cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("demo: start %s: %w", name, err)
	}
	c.all = append(c.all, p)
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
		c.ended <- p
	}()
	return p, nil
}

// stopAll ends all processes, the last one first, and returns when they are gone.
func (c *children) stopAll() {
	c.stop.Do(func() {
		var gone sync.WaitGroup
		for i := len(c.all) - 1; i >= 0; i-- {
			gone.Go(c.all[i].stop)
		}
		gone.Wait()
		close(c.start)
	})
}

func (p *child) stop() {
	if err := interrupt(p.cmd.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		_ = p.cmd.Process.Kill()
	}
	timeout := time.NewTimer(stopWithin)
	defer timeout.Stop()
	select {
	case <-p.done:
	case <-timeout.C:
		_ = p.cmd.Process.Kill() // also ends one that is stopped (SIGSTOP)
		<-p.done
	}
}

// failure says why a process ended.
func (p *child) failure() error {
	if p.err == nil {
		return fmt.Errorf("demo: %s ended by itself", p.name)
	}
	return fmt.Errorf("demo: %s ended: %w", p.name, p.err)
}

// command runs this program with a clean environment: settings of a node that the
// person has in theirs (STENTOR_DATA) are not meant for all nodes of the demo.
func command(argv []string) *exec.Cmd {
	cmd := exec.Command(argv[0], argv[1:]...)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "STENTOR_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	return cmd
}

// tailBytes bounds what tail reads.
const tailBytes = 16 << 10

// tail returns the last lines of a file, indented.
func tail(path string, lines int) string {
	f, err := os.Open(path)
	if err != nil {
		return "  (no log: " + err.Error() + ")"
	}
	defer f.Close()
	if end, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, end-tailBytes), io.SeekStart)
	}
	b, _ := io.ReadAll(io.LimitReader(f, tailBytes))
	all := strings.Split(string(bytes.TrimSpace(b)), "\n")
	return "  " + strings.Join(all[max(0, len(all)-lines):], "\n  ")
}
