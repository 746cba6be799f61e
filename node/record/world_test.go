package record

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/at-wat/ebml-go"
	"github.com/at-wat/ebml-go/webm"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/quic-go/quic-go"

	"stentor/relay"
	"stentor/relay/wire"
)

// sample is one frame of a clip.
type sample struct {
	ms   int64
	key  bool
	data []byte
}

// clip is what a publisher sends: its frames, and how they become packets.
type clip struct {
	info    wire.TrackInfo
	frames  []sample
	payload rtp.Payloader
}

// readFile reads a file of Matroska as a reader that is not this package's does.
func readFile(t testing.TB, path string) (samples []sample, track webm.TrackEntry) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Header  webm.EBMLHeader    `ebml:"EBML"`
		Segment webm.SegmentStream `ebml:"Segment,size=unknown"`
	}
	if err := ebml.Unmarshal(bytes.NewReader(b), &f, ebml.WithIgnoreUnknown(true)); err != nil && !strings.Contains(err.Error(), "EOF") {
		t.Fatal(err)
	}
	if len(f.Segment.Tracks.TrackEntry) != 1 {
		t.Fatalf("%s has %d tracks", path, len(f.Segment.Tracks.TrackEntry))
	}
	for _, c := range f.Segment.Cluster {
		for _, b := range c.SimpleBlock {
			samples = append(samples, sample{int64(c.Timecode) + int64(b.Timecode), b.Keyframe, b.Data[0]})
		}
	}
	return samples, f.Segment.Tracks.TrackEntry[0]
}

// clips are three seconds of each codec, made by ffmpeg (testdata), a key frame each second.
func clips(t testing.TB) map[string]clip {
	matroska := func(name string) []sample {
		s, _ := readFile(t, filepath.Join("testdata", name))
		return s
	}
	video := func(mime string) wire.TrackInfo {
		return wire.TrackInfo{Kind: wire.Video, Mime: mime, Clock: 90_000, PayloadType: 96}
	}
	return map[string]clip{
		"vp8":  {video("video/VP8"), matroska("vp8.webm"), &codecs.VP8Payloader{EnablePictureID: true}},
		"vp9":  {video("video/VP9"), matroska("vp9.webm"), &codecs.VP9Payloader{FlexibleMode: true}},
		"av1":  {video("video/AV1"), matroska("av1.mkv"), &codecs.AV1Payloader{}},
		"h264": {video("video/H264"), annexB(t), &codecs.H264Payloader{}},
		"opus": {wire.TrackInfo{Kind: wire.Audio, Mime: "audio/opus", Clock: 48_000, Channels: 2, PayloadType: 111}, matroska("opus.webm"), &codecs.OpusPayloader{}},
	}
}

// later is the clip some time later: RTP times do not repeat.
func (c clip) later(ms int64) clip {
	frames := make([]sample, len(c.frames))
	for i, s := range c.frames {
		s.ms += ms
		frames[i] = s
	}
	c.frames = frames
	return c
}

// annexB are the pictures of the clip of H.264: parameter sets go with the picture behind them.
func annexB(t testing.TB) (out []sample) {
	b, err := os.ReadFile("testdata/h264.h264")
	if err != nil {
		t.Fatal(err)
	}
	var picture []byte
	key := false
	for _, unit := range bytes.Split(b, []byte{0, 0, 1})[1:] {
		unit = bytes.TrimRight(unit, "\x00")
		picture = append(append(picture, 0, 0, 0, 1), unit...)
		switch unit[0] & 0x1f {
		case 5:
			key = true
			fallthrough
		case 1:
			out = append(out, sample{int64(len(out)) * 40, key, picture})
			picture, key = nil, false
		}
	}
	return out
}

// world is a node with a relay and a recorder.
type world struct {
	t      *testing.T
	dir    string
	relay  *relay.Relay
	rec    *Recorder
	reg    *prometheus.Registry
	free   uint64
	stop   func() // the recorder
	seq    map[string]uint16
	spoken chan []Caption
	mu     sync.Mutex // guards the following
	asked  int        // key frames
	wanted []Stream
	change chan struct{}
	gone   map[string]bool
}

// newWorld keeps its files in dir, which may outlive the bubble that the world is in.
func newWorld(t *testing.T, dir string) *world {
	t.Helper()
	w := &world{t: t, dir: dir, change: make(chan struct{}), free: 1 << 40, gone: map[string]bool{}, seq: map[string]uint16{}, spoken: make(chan []Caption)}
	var err error
	if w.relay, err = relay.New(relay.Config{
		Node:   "n1",
		Dial:   func(context.Context, string) (*quic.Conn, error) { return nil, errors.New("nobody else") },
		Parent: func(wire.TrackID, func(string) bool) (string, bool) { return "", false },
	}); err != nil {
		t.Fatal(err)
	}
	serve(t, w.relay.Run)
	w.start()
	return w
}

// serve runs f until the test ends or stop is called.
func serve(t *testing.T, f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := f(ctx); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// start begins a recorder on the folder, as a node does that is started again.
func (w *world) start() {
	w.reg = prometheus.NewRegistry()
	var err error
	w.rec, err = New(Config{
		Dir: filepath.Join(w.dir, "recordings"), Node: "n1", Subscribe: w.relay.Subscribe, Registerer: w.reg,
		Wanted: func() []Stream { w.mu.Lock(); defer w.mu.Unlock(); return w.wanted },
		Changed: func() <-chan struct{} {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.change
		},
		Captions: func(ctx context.Context, webinar string, hear func([]Caption)) {
			for {
				select {
				case some := <-w.spoken:
					hear(some)
				case <-ctx.Done():
					return
				}
			}
		},
		Expired: func(id string) bool { w.mu.Lock(); defer w.mu.Unlock(); return w.gone[id] },
		Free:    func(string) (uint64, error) { w.mu.Lock(); defer w.mu.Unlock(); return w.free, nil },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.stop = serve(w.t, w.rec.Run)
}

// want says what is to be recorded from now on, and waits until that is known.
func (w *world) want(streams ...Stream) {
	w.mu.Lock()
	w.wanted = streams
	close(w.change)
	w.change = make(chan struct{})
	w.mu.Unlock()
	time.Sleep(lookEvery)
	synctest.Wait()
}

func stream(epoch uint64) Stream {
	return Stream{Webinar: "w_1", Recording: "r_1", Name: "main", Epoch: epoch, Participant: "p_1"}
}

// publish puts a track of a clip on the relay.
func (w *world) publish(c clip, epoch uint64) *relay.Track {
	w.t.Helper()
	name := "video"
	if c.info.Kind == wire.Audio {
		name = "audio"
	}
	tr, err := w.relay.Publish(wire.TrackID{Webinar: "w_1", Stream: "main", Name: name}, c.info, epoch, func(int) { w.mu.Lock(); w.asked++; w.mu.Unlock() })
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(tr.Close)
	synctest.Wait()
	return tr
}

// packets are the RTP packets of a frame at a time of the clip.
func (w *world) packets(c clip, ssrc uint32, s sample) [][]byte {
	w.t.Helper()
	parts := c.payload.Payload(1100, s.data)
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([][]byte, len(parts))
	for i, part := range parts {
		p := rtp.Packet{Header: rtp.Header{
			Version: 2, PayloadType: c.info.PayloadType, SSRC: ssrc, SequenceNumber: w.seq[c.info.Mime],
			Timestamp: uint32(s.ms * int64(c.info.Clock) / 1000), Marker: c.info.Kind == wire.Video && i == len(parts)-1,
		}, Payload: part}
		w.seq[c.info.Mime]++
		b, err := p.Marshal()
		if err != nil {
			w.t.Fatal(err)
		}
		out[i] = b
	}
	return out
}

// play sends a clip as its publisher would, frame by frame in its time. Each may change what is sent of a frame.
func (w *world) play(tr *relay.Track, c clip, each func(i int, packets [][]byte) [][]byte) {
	began := time.Now()
	for i, s := range c.frames {
		time.Sleep(time.Until(began.Add(time.Duration(s.ms) * time.Millisecond)))
		packets := w.packets(c, 7, s)
		if each != nil {
			packets = each(i, packets)
		}
		for _, p := range packets {
			if err := tr.Write(0, p, time.Now()); err != nil {
				w.t.Error(err)
				return
			}
		}
		synctest.Wait()
	}
}

// files are the recorded files, the oldest first.
func (w *world) files() []File {
	w.t.Helper()
	list, err := w.rec.List("w_1")
	if err != nil {
		w.t.Fatal(err)
	}
	var out []File
	for _, r := range list {
		out = append(out, r.Files...)
	}
	return out
}

func (w *world) path(f File) string { return filepath.Join(w.dir, "recordings", "w_1", "r_1", f.Name) }

// value is what a metric says, over all its labels.
func (w *world) value(name string) (sum float64) {
	w.t.Helper()
	families, err := w.reg.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// probe has ffmpeg decode a file, and returns how many frames it found. Where there is no ffmpeg, that is said.
func probe(t testing.TB, path string) (frames int, ok bool) {
	t.Helper()
	if _, err := exec.LookPath("ffprobe"); err != nil {
		t.Log("SKIPPED: there is no ffprobe here; the file was read by ebml-go alone")
		return 0, false
	}
	cmd := exec.Command("ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", path)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("ffprobe %s: %v\n%s", path, err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	n, rest := 0, lines[len(lines)-1]
	for _, r := range strings.TrimRight(rest, ",") {
		if r < '0' || r > '9' {
			t.Fatalf("ffprobe %s says:\n%s", path, out)
		}
		n = n*10 + int(r-'0')
	}
	if len(lines) > 1 {
		t.Errorf("ffprobe %s complains:\n%s", path, out)
	}
	return n, true
}
