package record

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stentor/node/record/vtt"
)

// says has the recorder hear a caption, which somebody began to speak a while ago.
func (w *world) says(id, language, text string, ago time.Duration, draft bool) {
	now := time.Now()
	w.spoken <- []Caption{{ID: id, Language: language, Text: text, At: now.Add(-ago), Changed: now, Draft: draft}}
	synctest.Wait()
}

// cues is what a file reads, as one line for each cue.
func cues(t testing.TB, path string) (out []string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(b), vtt.Head) {
		t.Errorf("%s begins with %.20q", path, b)
	}
	for _, c := range vtt.Parse(b) {
		out = append(out, fmt.Sprint(c.Start, "-", c.End, " ", c.Text))
	}
	return out
}

func reads(t testing.TB, path string, want ...string) {
	t.Helper()
	if got := cues(t, path); !slices.Equal(got, want) {
		t.Errorf("%s reads\n%s\nwant\n%s", filepath.Base(path), strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestCaptionsLieBesideTheMediaInItsTime(t *testing.T) {
	c := clips(t)["vp8"]
	var first int64 // when the picture was made during which somebody began to speak
	paths := bubble(t, func(w *world) {
		before := time.Now()
		time.Sleep(time.Millisecond)
		w.want(stream(1))
		w.spoken <- []Caption{{ID: "0", Language: "de", Text: "Davor.", At: before, Changed: before}, {ID: "00", Language: "de", Text: "Dav", At: before, Changed: before, Draft: true}}
		time.Sleep(700 * time.Millisecond) // the picture comes later than the host's click
		w.play(w.publish(c, 1), c, func(i int, p [][]byte) [][]byte {
			switch i {
			case 20:
				w.says("1", "de", "Guten", 0, true)
			case 30:
				w.says("1", "de", "Guten Tag", 400*time.Millisecond, true)
			case 40:
				w.says("1", "de", "Guten Tag & <b>willkommen</b>.", 800*time.Millisecond, false)
				w.says("2", "en", "Good day.", 0, false)
			case 70:
				w.says("3", "de", "Und", 200*time.Millisecond, true)
			}
			return p
		})
		w.want()
		files := w.files()
		if len(files) != 3 {
			w.t.Fatalf("the files are %+v", files)
		}
		first = files[0].First.Milliseconds()
		for i, want := range []File{
			{Name: "0002-main-captions-de.vtt", Language: "de", First: time.Duration(first+800) * time.Millisecond},
			{Name: "0003-main-captions-en.vtt", Language: "en", First: time.Duration(first+1600) * time.Millisecond},
		} {
			f := files[i+1]
			if f.Name != want.Name || f.Language != want.Language || f.Track != "captions" || f.Codec != "text/vtt" || f.State != FileWhole ||
				f.Participant != "p_1" || !f.Zero.Equal(files[0].Zero) || f.First != want.First || f.Last <= f.First || f.Bytes == 0 {
				w.t.Errorf("the list has %+v", f)
			}
		}
		if n := w.value("stentor_record_running_tracks"); n != 0 {
			w.t.Errorf("%v tracks are recorded still", n)
		}
	})
	ended := first + 74*40 // with the last picture
	reads(t, paths[1],
		fmt.Sprint(first+800, "-", first+2600, " Guten Tag & <b>willkommen</b>."),
		fmt.Sprint(first+2600, "-", first+3600, " Und"))
	reads(t, paths[2], fmt.Sprint(first+1600, "-", ended, " Good day."))
	playable(t, paths[0], paths[1], "Guten Tag & <b>willkommen</b>.", float64(first+800)/1000)
}

// playable has ffmpeg read captions, and put them together with their picture.
func playable(t *testing.T, picture, captions, text string, at float64) {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Log("SKIPPED: there is no ffmpeg here; the captions were read by this module alone")
		return
	}
	if n, ok := probe(t, captions); ok && n != len(cues(t, captions)) {
		t.Errorf("ffprobe finds %d captions in %q", n, cues(t, captions))
	}
	for _, name := range []string{"both.webm", "both.mkv"} {
		both := filepath.Join(t.TempDir(), name)
		if out, err := exec.Command("ffmpeg", "-v", "error", "-copyts", "-i", picture, "-i", captions, "-c", "copy", both).CombinedOutput(); err != nil || len(out) > 0 {
			t.Fatalf("ffmpeg puts them together as %s: %v\n%s", name, err, out)
		}
		out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "s", "-show_entries", "packet=pts_time:stream=codec_name", "-of", "csv", both).CombinedOutput()
		if want := fmt.Sprintf("packet,%.6f", at); err != nil || !strings.Contains(string(out), want) || !strings.Contains(string(out), "stream,webvtt") {
			t.Errorf("%s has %v, want %s:\n%s", name, err, want, out)
		}
		back, err := exec.Command("ffmpeg", "-v", "error", "-i", both, "-map", "0:s", "-c", "copy", "-f", "webvtt", "-").CombinedOutput()
		if err != nil || !slices.ContainsFunc(vtt.Parse(back), func(c vtt.Cue) bool { return c.Text == text }) {
			t.Errorf("out of %s come, %v:\n%s", name, err, back)
		}
	}
}

func TestACaptionThatNobodyEndsIsWrittenAsFarAsItCame(t *testing.T) {
	bubble(t, func(w *world) {
		w.want(stream(1))
		time.Sleep(time.Second)
		path := filepath.Join(w.dir, "recordings", "w_1", "r_1", "0001-main-captions-de.vtt")
		w.says("1", "de", "Ich denke", 0, true)
		if _, err := os.Stat(path); err == nil {
			w.t.Error("there is a file before anything was said for good")
		}
		time.Sleep(silentDraft + syncEvery)
		synctest.Wait()
		began := cues(w.t, path)
		if len(began) != 1 || !strings.HasSuffix(began[0], " Ich denke") {
			w.t.Errorf("while it may go on the file reads %q", began)
		}
		if f := w.files(); len(f) != 1 || f[0].State != FileGrows || f[0].Last == 0 {
			w.t.Errorf("the list has %+v", f)
		}
		w.says("1", "de", "Ich denke, ja.", silentDraft+syncEvery, false)
		from, _, _ := strings.Cut(began[0], "-")
		reads(w.t, path, fmt.Sprint(from, "-", w.now()+1000, " Ich denke, ja."))
		w.says("2", "de", "Was ich nie sagte", 0, false)
		w.spoken <- []Caption{{ID: "2", Deleted: true}}
		synctest.Wait()
		if got := cues(w.t, path); len(got) != 1 {
			w.t.Errorf("what a host has deleted is there: %q", got)
		}
	})
}

// now is the time of the recording, in milliseconds.
func (w *world) now() int64 {
	w.t.Helper()
	files := w.files()
	if len(files) == 0 {
		w.t.Fatal("nothing is recorded")
	}
	return time.Since(files[0].Zero).Milliseconds()
}

func TestWhatCannotBeACaptionIsNone(t *testing.T) {
	bubble(t, func(w *world) {
		w.want(stream(1))
		time.Sleep(time.Second)
		w.says("1", "../de", "x", 0, false)
		w.says("2", "", "x", 0, false)
		w.says("3", "de", " \x00 ", 0, false)
		w.spoken <- []Caption{{ID: "4", Deleted: true}}
		if f := w.files(); len(f) != 0 {
			w.t.Errorf("the files are %+v", f)
		}
		ahead := time.Now().Add(time.Hour) // by the clock of a node that is wrong
		w.spoken <- []Caption{{ID: "5", Language: "de", Text: "Später", At: ahead, Changed: ahead}}
		synctest.Wait()
		if f := w.files(); len(f) != 1 || f[0].Last > 3*time.Second {
			w.t.Errorf("the files are %+v", f)
		}
		for n := range 2 * maxSheets {
			w.says(fmt.Sprint("l", n), fmt.Sprintf("x%c-zz", 'a'+n), "x", 0, false)
		}
		if n := len(w.files()); n != maxSheets {
			w.t.Errorf("there are files of %d languages", n)
		}
		if n := w.value("stentor_record_dropped_frames_total"); n != maxSheets+3 {
			w.t.Errorf("%v captions are counted as dropped", n)
		}
	})
}

func TestCaptionsEndWithTheDisk(t *testing.T) {
	c := clips(t)["vp8"]
	bubble(t, func(w *world) {
		if err := os.WriteFile(filepath.Join(w.dir, "recordings"), nil, 0o600); err != nil { // a file in the folder's place
			w.t.Fatal(err)
		}
		tr := w.publish(c, 1)
		w.want(stream(1))
		time.Sleep(time.Second)
		w.says("1", "de", "x", 0, false)
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

// TestKillMinus9LeavesWholeCaptions kills a process that writes captions as fast as it can.
func TestKillMinus9LeavesWholeCaptions(t *testing.T) {
	if dir := os.Getenv(victimDir); dir != "" {
		speak(t, dir)
		return
	}
	dir := t.TempDir()
	told := killed(t, dir, "captions", t.Name())
	path := filepath.Join(dir, "w_1", "r_1", "0001-main-captions-de.vtt")
	got := cues(t, path)
	if len(got) < told {
		t.Errorf("%d captions are in the file, %d were taken before the process was killed", len(got), told)
	}
	for i, line := range got {
		if want := spokenLine(i); !strings.HasSuffix(line, " "+want) {
			t.Fatalf("caption %d reads %q, want %q", i, line, want)
		}
	}
	if n, ok := probe(t, path); ok && n != len(got) {
		t.Errorf("ffprobe finds %d captions of %d", n, len(got))
	}
	list, err := idle(t, dir).List("w_1")
	if err != nil || len(list) != 1 || len(list[0].Files) != 1 || list[0].Files[0].State != FileCutOff || list[0].Files[0].Last == 0 {
		t.Errorf("the list says %+v, %v; want one file that was cut off", list, err)
	}
}

// spokenLine is caption n of the process that is killed.
func spokenLine(n int) string { return fmt.Sprint("line ", n, strings.Repeat(" & so on", n%60), ".") }

// speak writes captions until it is killed, and tells how many it has written.
func speak(t *testing.T, dir string) {
	w := victimOf(t, dir, func(ctx context.Context, _ string, hear func([]Caption)) {
		for n := 0; ctx.Err() == nil; n++ {
			now := time.Now()
			hear([]Caption{{ID: fmt.Sprint(n), Language: "de", Text: spokenLine(n), At: now, Changed: now}})
		}
	})
	for {
		fmt.Println("frames", int(w.value("stentor_record_frames_total")))
	}
}
