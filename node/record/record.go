// Package record writes the streams of webinars into files, at the node where they
// enter the mesh, as long as their hosts want them recorded.
//
//	DIR/WEBINAR/RECORDING/index.jsonl            what is below: one JSON object a line
//	DIR/WEBINAR/RECORDING/0001-main-video.webm   one flow of one publisher, as it was sent
//	DIR/WEBINAR/RECORDING/0002-main-audio.webm
//	DIR/WEBINAR/RECORDING/0003-main-captions-de.vtt   what was spoken meanwhile, in one language
//
// A file holds one flow: WebM for VP8, VP9, AV1 and Opus, Matroska for H.264 (RFC 9559; the same container
// with fewer promises). Nothing is decoded. Clusters are of unknown length and each frame is written as it
// comes, so that what a killed process leaves behind plays up to the last frame. A publisher who reconnects,
// here or at another node, begins further files; so does a node that is started again.
//
// The times of all files that one publisher's connection fills count from one moment, which the index tells,
// and sound and picture are aligned by the publisher's sender reports: `ffmpeg -copyts -i VIDEO -i AUDIO -c copy`
// puts them together, and `-i CAPTIONS` captions with them.
//
// Captions are WebVTT, each as it was in the end; one that is spoken still when the recording ends is there as far as it came, and one
// that a host deletes is taken out again while its take goes on. Whenever the process ends, each is in the file whole or not at all.
//
// The media path is never held back: a flow is read with a [relay.Reader] of its own, and where the disk is too
// slow the ring overtakes it; what is lost by that is counted, and the picture goes on at the next key frame.
// A disk that is full ends the recording at this node with a sentence for the host, and nothing else.
//
// The package does not decide what is recorded ([Config.Wanted] does), asks nobody for permission, and serves
// no HTTP; it forgets what it recorded when [Config.Expired] says so.
package record

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stentor/relay"
	"stentor/relay/wire"
)

// A Stream is what one publisher sends under one name, and that is to be recorded.
type Stream struct {
	Webinar     string
	Recording   string // from a host's start to their stop
	Name        string // "main"
	Epoch       uint64 // of the publisher's claim; another one is another stream
	Participant string
}

// Config is what a recorder needs.
type Config struct {
	Dir  string // of all recordings of this node; made when the first begins
	Node string // its name

	// Wanted returns the streams that enter the mesh here and are to be recorded, and Changed a channel that is
	// closed when that may have changed.
	Wanted  func() []Stream
	Changed func() <-chan struct{}
	// Subscribe finds a track, as [relay.Relay.Subscribe] does.
	Subscribe func(ctx context.Context, id wire.TrackID) (*relay.Subscription, error)
	// Captions has hear told what is spoken in a webinar until ctx is done: what is known already, and each caption as often as it
	// changes. It returns when all that came before was told. Nil: nothing is.
	Captions func(ctx context.Context, webinar string, hear func([]Caption))
	// Expired says that what is known of a webinar's people is to be forgotten, recordings among it. Nil: never.
	Expired func(webinar string) bool

	Floor uint64 // bytes of the disk that recordings leave free; 0: 1 GiB
	// Free returns how many bytes the disk of a folder has left. Nil asks the system.
	Free func(dir string) (uint64, error)

	Now        func() time.Time      // nil: time.Now
	Logger     *slog.Logger          // nil discards
	Registerer prometheus.Registerer // nil counts for nobody
}

const (
	// floor is what a node keeps free when it is told nothing: the log of a voter, which must never meet a full
	// disk, and a good hour of a 4K stream's warning.
	floor = 1 << 30
	// lookEvery is the shortest time between two looks at what is wanted: the state changes with every join, and a
	// fifth of a second later is soon enough for somebody who clicked.
	lookEvery = 200 * time.Millisecond
	// guardEvery is how often the disk is looked at: at 100 Mbit/s a second fills 12 MB.
	guardEvery = time.Second
	// tidyEvery is how often recordings of webinars that expired are looked for. Retention counts in days.
	tidyEvery = 10 * time.Minute
)

// A Recorder records at one node. It is safe for concurrent use.
type Recorder struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics

	mu      sync.Mutex // guards the following
	running map[Stream]*take
	failed  map[place]Reason // recordings that ended here, although they are wanted
	indexes map[place]*index
	work    sync.WaitGroup
}

// A place is one recording of one webinar.
type place struct{ webinar, recording string }

// New returns a recorder that does nothing until [Recorder.Run].
func New(c Config) (*Recorder, error) {
	if c.Dir == "" || c.Wanted == nil || c.Changed == nil || c.Subscribe == nil {
		return nil, errors.New("record: Config lacks Dir, Wanted, Changed or Subscribe")
	}
	if c.Floor == 0 {
		c.Floor = floor
	}
	if c.Free == nil {
		c.Free = free
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Expired == nil {
		c.Expired = func(string) bool { return false }
	}
	return &Recorder{
		cfg: c, log: c.Logger, metrics: newMetrics(c.Registerer), running: map[Stream]*take{}, failed: map[place]Reason{},
		indexes: map[place]*index{},
	}, nil
}

// Run records what is wanted until ctx is done, and returns once all files are closed.
func (r *Recorder) Run(ctx context.Context) error {
	defer r.work.Wait()
	guard, tidy := time.NewTicker(guardEvery), time.NewTicker(tidyEvery)
	defer guard.Stop()
	defer tidy.Stop()
	r.tidy()
	var changed <-chan struct{} // nil while it is too soon for another look
	var looked time.Time
	look := time.NewTimer(0)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			changed, looked = r.cfg.Changed(), time.Now()
			r.settle(ctx, r.cfg.Wanted())
		case <-changed:
			changed = nil
			look.Reset(time.Until(looked.Add(lookEvery)))
		case <-guard.C:
			r.guard()
		case <-tidy.C:
			r.tidy()
		}
	}
}

// settle begins to record what is wanted now, and ends what is not wanted any more.
func (r *Recorder) settle(ctx context.Context, wanted []Stream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	keep := make(map[Stream]bool, len(wanted))
	for _, s := range wanted {
		if _, failed := r.failed[place{s.Webinar, s.Recording}]; failed || !safe(s.Webinar) || !safe(s.Recording) {
			continue
		}
		keep[s] = true
		if r.running[s] == nil {
			r.begin(ctx, s)
		}
	}
	for s, t := range r.running {
		if !keep[s] {
			t.stop(errUnwanted)
			delete(r.running, s)
		}
	}
}

// begin records a stream until it is not wanted any more. r.mu is held.
func (r *Recorder) begin(ctx context.Context, s Stream) {
	ctx, stop := context.WithCancelCause(ctx)
	t := &take{recorder: r, stream: s, began: r.cfg.Now(), wall: &wall{}, ctx: ctx, stop: stop}
	r.running[s] = t
	r.log.Info("recording", "webinar", s.Webinar, "recording", s.Recording, "stream", s.Name, "participant", s.Participant)
	for _, flow := range []string{"video", "audio"} {
		r.work.Go(func() { t.follow(wire.TrackID{Webinar: s.Webinar, Stream: s.Name, Name: flow}) })
	}
	if r.cfg.Captions != nil {
		r.work.Go(t.captions)
	}
}

// errUnwanted is why a take ends that its host ended, or whose publisher has left.
var errUnwanted = errors.New("record: it is not to be recorded any more")

// guard ends every recording where the disk has too little room left, before others than recordings feel it.
func (r *Recorder) guard() {
	r.mu.Lock()
	busy := len(r.running) > 0
	r.mu.Unlock()
	if !busy {
		return
	}
	left, err := r.cfg.Free(r.cfg.Dir)
	if err != nil { // the folder is made by the first file
		return
	}
	r.metrics.free.Set(float64(left))
	if left >= r.cfg.Floor {
		return
	}
	r.mu.Lock()
	var places []place
	for s := range r.running {
		places = append(places, place{s.Webinar, s.Recording})
	}
	r.mu.Unlock()
	for _, p := range places {
		r.fail(p, DiskLow, fmt.Errorf("record: the disk has %d bytes left, and %d are kept free", left, r.cfg.Floor))
	}
}

// fail ends a recording at this node for a reason that its host must know. Once is enough: another try would end
// the same way, and it would take the place that somebody has just made.
func (r *Recorder) fail(p place, why Reason, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, again := r.failed[p]; again {
		return
	}
	r.failed[p] = why
	r.metrics.failures.WithLabelValues(string(why)).Inc()
	r.log.Error("a recording has ended at this node", "webinar", p.webinar, "recording", p.recording, "reason", why, "err", err)
	for s, t := range r.running {
		if s.Webinar == p.webinar && s.Recording == p.recording {
			t.stop(why)
			delete(r.running, s)
		}
	}
	if err := r.index(p).add(Line{Event: EventFailed, At: r.cfg.Now().UTC(), Reason: string(why)}); err != nil {
		r.log.Warn("the index of a recording cannot be written", "err", err) // its disk is full, most likely
	}
}

// index returns the index of a recording. r.mu is held.
func (r *Recorder) index(p place) *index {
	x := r.indexes[p]
	if x == nil {
		x = &index{dir: r.dir(p)}
		r.indexes[p] = x
	}
	return x
}
