package record

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/quic-go/quic-go"

	"stentor/relay"
	"stentor/relay/wire"
)

// victimDir is how the test below starts itself as the process that is killed.
const victimDir = "STENTOR_TEST_RECORD_DIR"

// TestKillMinus9 kills a process that records, with SIGKILL, in the middle of a frame as likely as not. Everything that
// it had taken before is in its files, and they play.
func TestKillMinus9(t *testing.T) {
	if dir := os.Getenv(victimDir); dir != "" {
		victim(t, dir)
		return
	}
	for _, name := range []string{"vp8", "h264", "opus"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			told := killed(t, dir, name, "TestKillMinus9")
			paths, err := filepath.Glob(filepath.Join(dir, "w_1", "r_1", "*-main-*"))
			if err != nil || len(paths) != 1 {
				t.Fatalf("the files are %q, %v", paths, err)
			}
			got, _ := readFile(t, paths[0])
			if len(got) < told {
				t.Errorf("%d frames are in the file, %d were taken before the process was killed", len(got), told)
			}
			if n, ok := probe(t, paths[0]); ok && n < told {
				t.Errorf("ffprobe decodes %d frames, %d were taken before the process was killed", n, told)
			}
			list, err := idle(t, dir).List("w_1")
			if err != nil || len(list) != 1 || len(list[0].Files) != 1 || list[0].Files[0].State != FileCutOff {
				t.Errorf("the list says %+v, %v; want one file that was cut off", list, err)
			}
		})
	}
}

// idle is a recorder that is asked what there is.
func idle(t *testing.T, dir string) *Recorder {
	t.Helper()
	r, err := New(Config{
		Dir: dir, Wanted: func() []Stream { return nil }, Changed: func() <-chan struct{} { return nil },
		Subscribe: func(context.Context, wire.TrackID) (*relay.Subscription, error) { return nil, errors.New("none") },
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// killed starts a process that runs a test which records a clip over and over, kills it once it has told of 300 frames, and returns of how
// many it had told by then.
func killed(t *testing.T, dir, clip, test string) (told int) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run", "^"+test+"$", "-test.v")
	cmd.Env = append(os.Environ(), victimDir+"="+dir, "STENTOR_TEST_RECORD_CLIP="+clip)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait() // it was killed, and says so
	for s := bufio.NewScanner(out); s.Scan() && told < 300; {
		if n, ok := strings.CutPrefix(s.Text(), "frames "); ok {
			told, _ = strconv.Atoi(n)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	if told < 300 {
		t.Errorf("it told of %d frames", told)
	}
	return told
}

// victim records until it is killed, and tells how many frames it has taken.
func victim(t *testing.T, dir string) {
	c := clips(t)[os.Getenv("STENTOR_TEST_RECORD_CLIP")]
	w := victimOf(t, dir, nil)
	name := "video"
	if c.info.Kind == wire.Audio {
		name = "audio"
	}
	tr, err := w.relay.Publish(wire.TrackID{Webinar: "w_1", Stream: "main", Name: name}, c.info, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	for tracks := 0.0; tracks == 0; tracks = w.value("stentor_record_running_tracks") {
	}
	for round := int64(0); ; round++ {
		for i, s := range c.later(round * 3000).frames {
			for _, b := range w.packets(c, 7, s) {
				if err := tr.Write(0, b, time.Now()); err != nil {
					t.Fatal(err)
				}
			}
			if i%10 == 0 {
				fmt.Println("frames", int(w.value("stentor_record_frames_total")))
			}
		}
	}
}

// victimOf is a world in which a stream is recorded, without a bubble.
func victimOf(t *testing.T, dir string, captions func(context.Context, string, func([]Caption))) *world {
	r, err := relay.New(relay.Config{
		Node:   "n1",
		Dial:   func(context.Context, string) (*quic.Conn, error) { return nil, errors.New("nobody else") },
		Parent: func(wire.TrackID, func(string) bool) (string, bool) { return "", false },
	})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, r.Run)
	reg := prometheus.NewRegistry()
	rec, err := New(Config{
		Dir: dir, Node: "n1", Subscribe: r.Subscribe, Registerer: reg, Changed: func() <-chan struct{} { return nil },
		Wanted: func() []Stream { return []Stream{stream(1)} }, Captions: captions, Floor: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, rec.Run)
	return &world{t: t, relay: r, rec: rec, reg: reg, seq: map[string]uint16{}}
}
