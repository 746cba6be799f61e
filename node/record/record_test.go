package record

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stentor/relay"
	"stentor/relay/wire"
)

// bubble runs f with a world in virtual time, and returns the paths of the files that it left.
func bubble(t *testing.T, f func(w *world)) (paths []string) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dir)
		f(w)
		w.want()
		for _, file := range w.files() {
			paths = append(paths, w.path(file))
		}
	})
	return paths
}

func only(t *testing.T, paths []string) string {
	t.Helper()
	if len(paths) != 1 {
		t.Fatalf("the files are %q, want one", paths)
	}
	return paths[0]
}

func TestWhatIsPublishedIsInTheFileFrameByFrame(t *testing.T) {
	for name, c := range clips(t) {
		t.Run(name, func(t *testing.T) {
			path := only(t, bubble(t, func(w *world) {
				w.want(stream(1))
				w.play(w.publish(c, 1), c, nil)
			}))
			got, track := readFile(t, path)
			if len(got) != len(c.frames) {
				t.Fatalf("%d frames in the file, %d were sent", len(got), len(c.frames))
			}
			for i, s := range got {
				if i > 0 && s.ms-got[i-1].ms != c.frames[i].ms-c.frames[i-1].ms {
					t.Errorf("frame %d comes %d ms behind the one before, %d when it was sent", i, s.ms-got[i-1].ms, c.frames[i].ms-c.frames[i-1].ms)
				}
				if s.key != c.frames[i].key {
					t.Errorf("frame %d: key %v, want %v", i, s.key, c.frames[i].key)
				}
			}
			if v := track.Video; v != nil && (v.PixelWidth != 128 || v.PixelHeight != 96) {
				t.Errorf("%d x %d, want 128 x 96", v.PixelWidth, v.PixelHeight)
			}
			if n, ok := probe(t, path); ok && n != len(c.frames) {
				t.Errorf("ffprobe decodes %d frames, %d were sent", n, len(c.frames))
			}
		})
	}
}

// asks is how many key frames were asked for.
func (w *world) asks() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked
}

func TestNothingFromBeforeTheStartIsRecorded(t *testing.T) {
	c := clips(t)["vp8"]
	path := only(t, bubble(t, func(w *world) {
		tr := w.publish(c, 1)
		w.play(tr, c, func(i int, p [][]byte) [][]byte {
			if i == 30 { // the ring has the key frame of the 25th
				before := w.asks()
				w.want(stream(1))
				if w.asks() == before {
					w.t.Error("no key frame was asked for")
				}
			}
			return p
		})
	}))
	got, _ := readFile(t, path)
	if len(got) != 25 || !got[0].key {
		t.Errorf("%d frames, the first one key %v; want the 25 from the key frame behind the start on", len(got), len(got) > 0 && got[0].key)
	}
}

func TestFramesThatMissAPacketAreLeftOutUntilTheNextKeyFrame(t *testing.T) {
	for _, name := range []string{"vp8", "vp9", "h264", "av1"} {
		t.Run(name, func(t *testing.T) {
			c := clips(t)[name]
			var dropped float64
			path := only(t, bubble(t, func(w *world) {
				w.want(stream(1))
				w.play(w.publish(c, 1), c, func(i int, p [][]byte) [][]byte {
					if i == 30 {
						return p[1:]
					}
					return p
				})
				dropped = w.value("stentor_record_dropped_frames_total")
			}))
			got, _ := readFile(t, path)
			if len(got) != 55 {
				t.Errorf("%d frames, want the 30 before the hole and the 25 from the next key frame on", len(got))
			}
			if dropped < 15 || dropped > 21 {
				t.Errorf("%v frames are counted as dropped, about 20 are", dropped)
			}
			if n, ok := probe(t, path); ok && n != len(got) {
				t.Errorf("ffprobe decodes %d of %d frames", n, len(got))
			}
		})
	}
}

func TestPacketsThatComeLateFindTheirPlace(t *testing.T) {
	c := clips(t)["h264"]
	seed := rand.New(rand.NewPCG(1, 2))
	path := only(t, bubble(t, func(w *world) {
		w.want(stream(1))
		var late [][]byte
		w.play(w.publish(c, 1), c, func(i int, p [][]byte) [][]byte {
			out := append(append([][]byte{}, p...), late...)
			late = nil
			if i > 0 && i < len(c.frames)-5 && seed.IntN(3) == 0 { // sent again a frame later
				late, out = out[:1], out[1:]
			}
			return out
		})
	}))
	if got, _ := readFile(t, path); len(got) != len(c.frames) {
		t.Errorf("%d frames in the file, %d were sent", len(got), len(c.frames))
	}
}

func TestSoundThatIsLostIsCounted(t *testing.T) {
	c := clips(t)["opus"]
	path := only(t, bubble(t, func(w *world) {
		w.want(stream(1))
		w.play(w.publish(c, 1), c, func(i int, p [][]byte) [][]byte {
			if i >= 50 && i < 53 {
				return nil
			}
			return p
		})
		if n := w.value("stentor_record_dropped_frames_total"); n != 3 {
			w.t.Errorf("%v packets are counted as dropped, 3 were", n)
		}
	}))
	got, _ := readFile(t, path)
	if len(got) != len(c.frames)-3 {
		t.Fatalf("%d packets, want all but 3 of %d", len(got), len(c.frames))
	}
	if gap := got[50].ms - got[49].ms; gap < 78 || gap > 82 {
		t.Errorf("the hole is %d ms long, want 80", gap)
	}
}

func TestSoundAndPictureAreAlignedBySenderReports(t *testing.T) {
	all := clips(t)
	video, audio := all["vp8"], all["opus"]
	// The publisher's clock is a minute ahead, and its pictures take 120 ms longer to get here than its sound.
	paths := bubble(t, func(w *world) {
		w.want(stream(1))
		v, a := w.publish(video, 1), w.publish(audio, 1)
		began := time.Now()
		minute := began.Add(time.Minute).UnixNano()
		v.Report(0, relay.SenderReport{SSRC: 7, Time: 0, At: minute})
		a.Report(0, relay.SenderReport{SSRC: 7, Time: 0, At: minute})
		heard := make(chan struct{})
		go func() { defer close(heard); w.play(a, audio, nil) }()
		time.Sleep(120 * time.Millisecond)
		for i, s := range video.frames {
			time.Sleep(time.Until(began.Add(120*time.Millisecond + time.Duration(s.ms)*time.Millisecond)))
			for _, p := range w.packets(video, 7, s) {
				if err := v.Write(0, p, time.Now()); err != nil {
					w.t.Error(i, err)
				}
			}
		}
		<-heard
	})
	if len(paths) != 2 {
		t.Fatalf("the files are %q, want two", paths)
	}
	starts := map[bool]int64{}
	for _, path := range paths {
		got, track := readFile(t, path)
		starts[track.Video != nil] = got[0].ms - 0
	}
	if off := starts[true] - starts[false]; off < -2 || off > 2 {
		t.Errorf("the first picture is %d ms behind the first sound, and was made with it", off)
	}
}

func TestAPublisherWhoReconnectsBeginsAnotherFile(t *testing.T) {
	c := clips(t)["vp8"]
	bubble(t, func(w *world) {
		w.want(stream(1))
		w.play(w.publish(c, 1), c, nil)
		second := w.publish(c, 2) // supersedes
		w.want(stream(2))
		w.play(second, c, nil)
		w.want()
		files := w.files()
		if len(files) != 2 || files[0].State != FileWhole || files[1].State != FileWhole {
			w.t.Fatalf("the files are %+v", files)
		}
		if files[1].Name != "0002-main-video.webm" || files[1].Participant != "p_1" {
			w.t.Errorf("the second file is %+v", files[1])
		}
		if last := files[1].Last - files[1].First; last < 2900*time.Millisecond || last > 3*time.Second {
			w.t.Errorf("it is %v long, three seconds were sent", last)
		}
	})
}

func TestARecordingGoesOnWhenItsNodeIsStartedAgain(t *testing.T) {
	c := clips(t)["h264"]
	bubble(t, func(w *world) {
		w.want(stream(1))
		tr := w.publish(c, 1)
		w.play(tr, c, func(i int, p [][]byte) [][]byte {
			if i == 40 {
				w.stop()
				w.start()
				time.Sleep(lookEvery)
				synctest.Wait()
			}
			return p
		})
		w.want()
		files := w.files()
		if len(files) != 2 || files[0].State != FileWhole || files[1].State != FileWhole {
			w.t.Fatalf("the files are %+v", files)
		}
		if n := files[0].Last + files[1].Last; n < 2*time.Second {
			w.t.Errorf("both have %v", n)
		}
	})
}

func TestADiskWithoutRoomEndsTheRecordingAndNothingElse(t *testing.T) {
	c := clips(t)["vp8"]
	paths := bubble(t, func(w *world) {
		w.want(stream(1))
		tr := w.publish(c, 1)
		w.play(tr, c, func(i int, p [][]byte) [][]byte {
			if i == 40 {
				w.mu.Lock()
				w.free = floor - 1
				w.mu.Unlock()
			}
			return p
		})
		list, err := w.rec.List("w_1")
		if err != nil || len(list) != 1 {
			w.t.Fatal(list, err)
		}
		if list[0].Failed != DiskLow || list[0].Running || list[0].Failed.Sentence() == "" {
			w.t.Errorf("the host hears %+v", list[0])
		}
		if n := w.value("stentor_record_failures_total"); n != 1 {
			w.t.Errorf("%v failures are counted", n)
		}
		if tr.Err() != nil {
			w.t.Error("the publisher lost its track:", tr.Err())
		}
		other := stream(1)
		other.Recording = "r_2" // begun again, when there is room
		w.mu.Lock()
		w.free = 1 << 40
		w.mu.Unlock()
		w.want(other)
		w.play(tr, c.later(10_000), nil)
		if list, _ := w.rec.List("w_1"); len(list) != 2 || !list[1].Running {
			w.t.Errorf("the next recording is %+v", list)
		}
	})
	if got, _ := readFile(t, paths[0]); len(got) < 40 {
		t.Errorf("%d frames were kept", len(got))
	}
}

func TestADiskThatCannotBeWrittenEndsTheRecording(t *testing.T) {
	c := clips(t)["vp8"]
	bubble(t, func(w *world) {
		if err := os.WriteFile(filepath.Join(w.dir, "recordings"), nil, 0o600); err != nil { // a file in the folder's place
			w.t.Fatal(err)
		}
		w.want(stream(1))
		tr := w.publish(c, 1)
		w.play(tr, c, nil)
		if n := w.value("stentor_record_failures_total"); n != 1 {
			w.t.Errorf("%v failures are counted", n)
		}
		if tr.Err() != nil {
			w.t.Error("the publisher lost its track:", tr.Err())
		}
		if err := os.Remove(filepath.Join(w.dir, "recordings")); err != nil {
			w.t.Error(err)
		}
	})
}

func TestTheHighestLiveLayerIsRecorded(t *testing.T) {
	c := clips(t)["vp8"]
	c.info.Layers = []wire.Layer{{RID: "low"}, {RID: "high"}}
	path := only(t, bubble(t, func(w *world) {
		w.want(stream(1))
		tr := w.publish(c, 1)
		began := time.Now()
		send := func(layer, i int, seq uint16) {
			s := c.frames[i%75]
			s.ms = int64(i) * 40
			w.seq[c.info.Mime] = seq
			for _, p := range w.packets(c, uint32(10+layer), s) {
				if err := tr.Write(layer, p, time.Now()); err != nil {
					w.t.Error(err)
				}
			}
		}
		seqs := [2]uint16{100, 200}
		for i := range 200 { // the high one comes at the 25th frame, and goes with the 100th
			time.Sleep(time.Until(began.Add(time.Duration(i) * 40 * time.Millisecond)))
			send(0, i, seqs[0])
			seqs[0] = w.seq[c.info.Mime]
			if i >= 25 && i < 100 {
				send(1, i, seqs[1])
				seqs[1] = w.seq[c.info.Mime]
			}
			synctest.Wait()
		}
	}))
	got, _ := readFile(t, path)
	for i := 1; i < len(got); i++ {
		if got[i].ms <= got[i-1].ms {
			t.Fatalf("frame %d goes back in time: %d after %d ms", i, got[i].ms, got[i-1].ms)
		}
	}
	if n := len(got); n < 140 || n > 165 { // 100 of both, two seconds of silence and up to one until a key frame
		t.Errorf("%d frames", n)
	}
}

func TestFilesAreTheNodesAlone(t *testing.T) {
	c := clips(t)["vp8"]
	bubble(t, func(w *world) {
		w.want(stream(1))
		w.play(w.publish(c, 1), c, nil)
		w.want()
		err := filepath.WalkDir(filepath.Join(w.dir, "recordings"), func(path string, d fs.DirEntry, err error) error {
			info, _ := d.Info()
			want := fs.FileMode(0o600)
			if d.IsDir() {
				want = 0o700
			}
			if got := info.Mode().Perm(); got != want {
				w.t.Errorf("%s has %v, want %v", path, got, want)
			}
			return err
		})
		if err != nil {
			w.t.Error(err)
		}
	})
}

func TestNamesOfStreamsAreNoPaths(t *testing.T) {
	for stream, want := range map[string]string{
		"main": "main-video", "../../etc/passwd": "______etc_passwd-video", "a:b.c": "a_b_c-video", "": "-video",
		strings.Repeat("x", 300): strings.Repeat("x", 40) + "-video", "-rf": "-rf-video",
	} {
		if got := label(stream, "video"); got != want || !fileName("0001-"+got+".webm") {
			t.Errorf("%q is called %q, want %q", stream, got, want)
		}
	}
	bubble(t, func(w *world) {
		for _, name := range []string{"../index.jsonl", "x/y.webm", "", ".webm", "index.jsonl.webm", "0001-a.webm\x00"} {
			if f, err := w.rec.Open("w_1", "r_1", name); err == nil {
				f.Close()
				w.t.Errorf("%q was opened", name)
			}
		}
		for _, id := range []string{"..", ".", "", "a/b", "a\\b"} {
			if safe(id) {
				w.t.Errorf("%q could be a folder", id)
			}
		}
	})
}

func TestRecordingsOfAnExpiredWebinarAreForgotten(t *testing.T) {
	c := clips(t)["vp8"]
	bubble(t, func(w *world) {
		w.want(stream(1))
		w.play(w.publish(c, 1), c, nil)
		w.want()
		time.Sleep(tidyEvery)
		synctest.Wait()
		if len(w.files()) != 1 {
			w.t.Fatal("it was forgotten too early")
		}
		w.mu.Lock()
		w.gone["w_1"] = true
		w.mu.Unlock()
		time.Sleep(tidyEvery)
		synctest.Wait()
		if _, err := os.Stat(filepath.Join(w.dir, "recordings", "w_1")); err == nil {
			w.t.Error("it is still there")
		}
	})
}

func TestARecorderThatWasOvertakenGoesOnAtAKeyFrame(t *testing.T) {
	c := clips(t)["vp8"]
	paths := bubble(t, func(w *world) {
		w.want(stream(1))
		tr := w.publish(c, 1)
		f := &flow{
			take:  &take{recorder: w.rec, stream: stream(1), began: time.Now(), wall: &wall{}},
			track: tr, codec: &vp8Codec{}, kind: "video", place: place{"w_1", "r_2"}, wake: make(chan struct{}, 1), current: -1,
		}
		f.gather = gather{codec: f.codec, drop: f.drop}
		f.lanes = []*lane{{reader: tr.Reader(0), times: timeline{rate: 90_000, wall: f.take.wall}}}
		defer f.lanes[0].reader.Close()
		s := c.frames[0]
		n := 0
		write := func(frames int) {
			for range frames { // as fast as it goes: the disk does nothing meanwhile
				s.ms += 1
				packets := w.packets(c, 7, s)
				n += len(packets)
				for _, p := range packets {
					if err := tr.Write(0, p, time.Now()); err != nil {
						w.t.Error(err)
					}
				}
			}
		}
		write(2)
		f.drain()
		write(5000)
		f.drain()
		if f.err != nil || f.dropped == 0 || w.value("stentor_record_dropped_frames_total") == 0 {
			w.t.Errorf("%d dropped, %v", f.dropped, f.err)
		}
		write(10)
		f.drain()
		if err := f.end("stopped"); err != nil {
			w.t.Error(err)
		}
	})
	if len(paths) == 0 {
		t.Fatal("no file")
	}
}
