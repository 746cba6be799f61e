//go:build unix

package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"stentor/control/cli"
)

// roleKey makes the test binary play a part: that of a process which a test starts.
const roleKey = "DEMO_TEST_ROLE"

func TestMain(m *testing.M) {
	if play, ok := roles[os.Getenv(roleKey)]; ok {
		play(os.Args[len(os.Args)-1])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// roles are the processes of the tests. argument is the last one of the command line.
var roles = map[string]func(argument string){
	"polite": func(address string) { // says that it is up, and runs until it is told to stop
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
		}
		<-stop
		fmt.Println("stopped in order")
	},
	"broken": func(string) {
		fmt.Fprintln(os.Stderr, "cannot listen for http on 127.0.0.1:1 (TCP): bind: address already in use")
		os.Exit(3)
	},
	"caller": func(address string) { // holds a connection for as long as it lives
		c, err := net.Dial("tcp", address)
		if err == nil {
			_, _ = c.Read(make([]byte, 1))
		}
	},
	"parent": func(address string) { // starts a caller, and dies of a signal
		os.Setenv(roleKey, "caller")
		log := filepath.Join(os.TempDir(), fmt.Sprintf("demo-test-%d.log", os.Getpid()))
		defer os.Remove(log)
		if _, err := newChildren(1).run("caller", log, []string{os.Args[0], address}); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("started")
		select {}
	},
}

func start(t *testing.T, c *children, role, argument string) *child {
	t.Helper()
	t.Setenv(roleKey, role)
	p, err := c.run(role, filepath.Join(t.TempDir(), "log"), []string{os.Args[0], argument})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestChildrenAreStoppedInOrder(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := newChildren(2)
	p := start(t, c, "polite", l.Addr().String())
	q := start(t, c, "polite", l.Addr().String())
	for range 2 { // until both listen for the signal
		up, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		up.Close()
	}
	if err := q.cmd.Process.Signal(syscall.SIGSTOP); err != nil { // as in the test without a quorum
		t.Fatal(err)
	}
	c.stopAll()
	for _, p := range []*child{p, q} {
		if got := tail(p.log, 1); got != "  stopped in order" || p.err != nil {
			t.Errorf("ended with %v, and wrote %q", p.err, got)
		}
	}
	c.stopAll() // once more does nothing
}

func TestAChildThatDiesIsShown(t *testing.T) {
	var out strings.Builder
	m := &mesh{out: &out, procs: newChildren(1)}
	defer m.procs.stopAll()
	start(t, m.procs, "broken", "")
	err := m.childEnded(<-m.procs.ended)
	if err == nil || !strings.Contains(err.Error(), "broken") || !strings.Contains(err.Error(), "exit status 3") || !errors.Is(err, errPortTaken) {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(out.String(), "cannot listen for http on 127.0.0.1:1") {
		t.Errorf("printed %q", out.String())
	}
}

func TestNoChildOutlivesTheDemo(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends children together with their parent")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	parent := exec.Command(os.Args[0], l.Addr().String())
	parent.Env = append(os.Environ(), roleKey+"=parent")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	if line, _, _ := bufio.NewReader(out).ReadLine(); string(line) != "started" {
		t.Fatalf("the parent said %q", line)
	}
	c, err := l.Accept() // the child is up
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = parent.Process.Kill()
	_ = parent.Wait()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the child lives on")
	}
}

func TestSettingsOfThePersonAreNotThoseOfTheNodes(t *testing.T) {
	t.Setenv("STENTOR_DATA", "/elsewhere")
	t.Setenv("DEMO_TEST_OTHER", "1")
	env := strings.Join(command([]string{"stentor"}).Env, "\n")
	if strings.Contains(env, "STENTOR_DATA") || !strings.Contains(env, "DEMO_TEST_OTHER=1") {
		t.Errorf("got %s", env)
	}
}

func TestTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if got := tail(path, 2); !strings.Contains(got, "no log") {
		t.Errorf("of nothing: %q", got)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("x", 2*tailBytes)+"\none\ntwo\nthree\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := tail(path, 2); got != "  two\n  three" {
		t.Errorf("got %q", got)
	}
}

func TestWhatADemoLeftIsFoundAgain(t *testing.T) {
	dir := t.TempDir()
	want := &Info{PID: 7, Data: dir, Nodes: plan(t, 3), Webinar: Webinar{ID: "w_1", Link: "slug", PIN: "12345678"}, HostToken: "sta_x"}
	if err := want.save(dir); err != nil {
		t.Fatal(err)
	}
	if s, err := os.Stat(filepath.Join(dir, infoFile)); err != nil || s.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: it holds secrets", s.Mode(), err)
	}
	f, err := openFolder(dir)
	if err != nil || !reflect.DeepEqual(f.previous, want) {
		t.Errorf("got %+v, %v", f.previous, err)
	}
	f.close()
	if _, err := os.Stat(dir); err != nil {
		t.Error("a folder that was given is removed")
	}
}

func TestATemporaryFolderIsRemoved(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	f, err := openFolder("")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.path, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.clear(); err != nil {
		t.Fatal(err)
	}
	if e, err := os.ReadDir(f.path); err != nil || len(e) != 0 {
		t.Errorf("after clear: %v, %v", e, err)
	}
	f.close()
	if _, err := os.Stat(f.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
}

func TestWhatCannotBeShownIsRefusedBeforeAnythingStarts(t *testing.T) {
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "thesis.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	earlier := t.TempDir()
	if err := (&Info{Nodes: plan(t, 3), Webinar: Webinar{Link: "x"}}).save(earlier); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		config Config
		status int
		say    string
	}{
		{"too many nodes", Config{Nodes: 17}, 2, "17 nodes"},
		{"a negative number", Config{Nodes: -1}, 2, "-1 nodes"},
		{"a folder with something else in it", Config{Data: foreign}, 1, "not empty"},
		{"a demo of another size", Config{Data: earlier, Nodes: 5}, 2, "--nodes 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, report strings.Builder
			c.config.Out, c.config.Self = &out, "/does/not/exist"
			err := Run(context.Background(), c.config)
			if status := cli.Report(&report, err); status != c.status || !strings.Contains(report.String(), c.say) {
				t.Errorf("status %d: %s", status, report.String())
			}
			if out.Len() > 0 {
				t.Errorf("printed %s", out.String())
			}
		})
	}
}

func TestAProgramThatIsNotThereEndsTheDemo(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var out strings.Builder
	if err := Run(context.Background(), Config{Out: &out, Self: "/does/not/exist"}); err == nil {
		t.Error("no error")
	}
	if left, _ := os.ReadDir(os.TempDir()); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
