package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"stentor/control/client"
	"stentor/demo"
)

// Demo is `stentor demo` as a process of its own.
type Demo struct {
	demo.Info
	Started time.Time // when the process was
	Ready   time.Time // when it had printed its links

	cmd  *exec.Cmd
	out  *output
	done chan struct{}
	err  error // of the process, once done is closed
}

// output keeps what a process prints.
type output struct {
	mu sync.Mutex // guards the following
	b  bytes.Buffer
}

// Write keeps b.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

// String returns everything so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// startWithin bounds the start of a demo on a slow and busy machine.
const startWithin = 3 * time.Minute

// StartDemo runs `binary demo --data dir args...` and waits until it is ready. Without
// a dir the demo makes one, and is to remove it.
func StartDemo(ctx context.Context, binary, dir string, args ...string) (*Demo, error) {
	d := &Demo{out: &output{}, done: make(chan struct{}), Started: time.Now()}
	if dir != "" {
		args = append([]string{"--data", dir}, args...)
	}
	d.cmd = exec.Command(binary, append([]string{"demo"}, args...)...)
	d.cmd.Stdout, d.cmd.Stderr = d.out, d.out
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("rig: %w", err)
	}
	go func() {
		d.err = d.cmd.Wait()
		close(d.done)
	}()
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	err := Poll(ctx, 50*time.Millisecond, func() (bool, error) {
		select {
		case <-d.done:
			return false, fmt.Errorf("rig: the demo ended (%v):\n%s", d.err, d.out)
		default:
		}
		return strings.Contains(d.out.String(), "Ctrl-C stops it all"), nil
	})
	if err == nil {
		err = d.load()
	}
	if err != nil {
		d.Stop()
		return nil, fmt.Errorf("rig: start the demo: %w\n%s", err, d.out)
	}
	d.Ready = time.Now()
	return d, nil
}

// load reads the file for programs, whose name the demo has printed.
func (d *Demo) load() error {
	_, rest, _ := strings.Cut(d.out.String(), "Everything for programs is in ")
	path, _, found := strings.Cut(rest, "demo.json")
	if !found {
		return errors.New("it did not say where demo.json is")
	}
	b, err := os.ReadFile(path + "demo.json")
	if err != nil {
		return err
	}
	return json.Unmarshal(b, &d.Info)
}

// Output is what the demo has printed.
func (d *Demo) Output() string { return d.out.String() }

// Stop interrupts the demo as Ctrl-C does, and returns how it ended. It kills what
// does not end within 20 seconds.
func (d *Demo) Stop() error {
	d.cmd.Process.Signal(os.Interrupt)
	select {
	case <-d.done:
		return d.err
	case <-time.After(20 * time.Second):
		d.cmd.Process.Kill()
		<-d.done
		return fmt.Errorf("rig: the demo did not end by itself:\n%s", d.out)
	}
}

// Client returns a client of the control API at a node, with the host's token.
func (d *Demo) Client(node int) (*client.Client, error) {
	return client.New(d.Nodes[node].URL, d.HostToken)
}

// Signal sends a signal to a node's process.
func (d *Demo) Signal(node int, s syscall.Signal) error {
	return syscall.Kill(d.Nodes[node].PID, s)
}

// At returns u, a URL at any node, as the one at another node.
func (d *Demo) At(u string, node int) string {
	for _, n := range d.Nodes {
		u = strings.Replace(u, n.URL, d.Nodes[node].URL, 1)
	}
	return u
}

// CPU returns the CPU time that a process has used, by /proc (Linux).
func CPU(pid int) (time.Duration, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, fmt.Errorf("rig: %w", err)
	}
	// The second field is the name in brackets, which may hold anything.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 13 {
		return 0, errors.New("rig: /proc/PID/stat is too short")
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 everywhere
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+system) * tick, errors.Join(err1, err2)
}

// Poll asks until it is answered yes, an error comes, or ctx ends.
func Poll(ctx context.Context, every time.Duration, ask func() (bool, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if yes, err := ask(); yes || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Fetch returns the body of a URL, at most one megabyte.
func Fetch(ctx context.Context, url string) (string, error) {
	res, err := get(ctx, url)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return string(b), err
}
