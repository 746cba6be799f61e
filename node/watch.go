package node

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/pion/sdp/v3"

	"stentor/cluster/mesh"
	"stentor/control/webinar"
	"stentor/node/sfu"
	"stentor/node/sfu/slots"
	"stentor/relay"
	"stentor/relay/wire"
)

const (
	// fewVoices is how many are heard by everyone, without a look at who speaks: the sections
	// that pages have.
	fewVoices = 5
	// listenEvery is how often it is looked at who speaks where there are more: a syllable.
	listenEvery = 200 * time.Millisecond
	// unsaid is the level of sound whose packets do not say it: they would not come while
	// nobody speaks, or be empty (DTX).
	unsaid, empty = 40, 3
)

// nameAgain is how long a name waits that could not be asked for: a tile without one is no
// great loss, and the node that knows it may be on its way out.
const nameAgain = 2 * time.Second

// Watch tells what is on the stage of a webinar, and again whenever that changes, until ctx
// is done: the most important first, each stream with its picture and its sound. What is
// there by the state and has not been found yet comes without a codec. Where more can be heard than
// fewVoices, loudest are those who are. One such watch serves all viewers of a node.
func (g *stage) Watch(ctx context.Context, id string, tell func(sources []sfu.Source, loudest []string)) {
	w := &lookout{stage: g, webinar: id, on: make(map[string]*act), found: make(chan struct{}, 1)}
	defer w.work.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	beat := time.NewTicker(listenEvery)
	defer beat.Stop()
	for {
		changed := g.store.Changed()
		if now := g.store.State().Webinar(id); w.look(ctx, now) {
			tell(w.sources(now), w.loudest)
		}
		select {
		case <-changed:
		case <-w.found:
			tell(w.sources(g.store.State().Webinar(id)), w.loudest)
		case now := <-beat.C:
			if w.listen(now) {
				tell(w.sources(g.store.State().Webinar(id)), w.loudest)
			}
		case <-ctx.Done():
			return
		}
	}
}

// lookout is one watch over one stage.
type lookout struct {
	stage   *stage
	webinar string
	on      map[string]*act // by the name of the stream
	found   chan struct{}   // something was; one may wait in it
	work    sync.WaitGroup

	speakers slots.Speakers
	loudest  []string // names of tracks
}

// An act is one stream while one publisher has its name.
type act struct {
	epoch        uint64
	participant  string
	audio, video bool // a host has stopped it
	leave        context.CancelFunc

	mu     sync.Mutex // guards the following
	person string
	voice  *relay.Reader             // of the sound; nil: there is none
	level  uint8                     // the extension that says how loud it is; 0: none does
	infos  map[string]wire.TrackInfo // by flow; without a codec it is still to come
}

// look begins with who came, lets go of who went, and reports whether there was anything.
func (w *lookout) look(ctx context.Context, now *webinar.Webinar) (changed bool) {
	here := make(map[string]bool)
	if now != nil {
		for s := range now.Streams() {
			if s.Name == webinar.TalkStream {
				continue
			}
			here[s.Name] = true
			a := w.on[s.Name]
			if a == nil || a.epoch != s.Epoch {
				a = w.begin(ctx, s, a)
				changed = true
			}
			if audio, video := now.Stopped(s.Participant); a.audio != audio || a.video != video {
				a.audio, a.video = audio, video
				changed = true
			}
		}
	}
	for name, a := range w.on {
		if !here[name] {
			a.leave()
			delete(w.on, name)
			w.speakers.Gone(name + "/audio")
			changed = true
		}
	}
	return changed
}

// flowNames are those of a stream's tracks.
var flowNames = [...]string{"video", "audio"}

// begin looks for the flows of a stream. What a publisher before had is taken to go on for a
// moment: mostly it is the same one, who comes again.
func (w *lookout) begin(ctx context.Context, s webinar.Stream, before *act) *act {
	ctx, leave := context.WithCancel(ctx)
	a := &act{epoch: s.Epoch, participant: s.Participant, leave: leave, infos: make(map[string]wire.TrackInfo)}
	w.on[s.Name] = a
	for _, flow := range flowNames {
		a.infos[flow] = wire.TrackInfo{}
	}
	if before != nil {
		before.leave()
		before.mu.Lock()
		for flow, info := range before.infos {
			a.infos[flow] = info
		}
		if before.participant == a.participant {
			a.person = before.person
		}
		before.mu.Unlock()
	}
	for _, flow := range flowNames {
		w.work.Go(func() { w.find(ctx, a, wire.TrackID{Webinar: w.webinar, Stream: s.Name, Name: flow}) })
	}
	if w.stage.name != nil && a.person == "" {
		w.work.Go(func() { w.ask(ctx, a, s) })
	}
	return a
}

// find waits until a flow is there. One that a publisher before had, and this one not, is
// given up after a while.
func (w *lookout) find(ctx context.Context, a *act, id wire.TrackID) {
	stale := time.AfterFunc(findWithin, func() { w.took(ctx, a, id.Name, wire.TrackInfo{}) })
	defer stale.Stop()
	sub, err := w.stage.relay.Subscribe(ctx, id)
	if err != nil {
		return
	}
	defer sub.Close() // those who are sent it have their own
	stale.Stop()
	w.took(ctx, a, id.Name, sub.Track().Info())
	if id.Name != "audio" {
		return
	}
	a.hear(sub.Track())
	defer a.hear(nil)
	select {
	case <-ctx.Done():
	case <-sub.Track().Done():
	}
}

// hear begins to listen to a track, or ends it.
func (a *act) hear(track *relay.Track) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.voice != nil {
		a.voice.Close()
		a.voice = nil
	}
	if track != nil {
		a.voice, a.level = track.Reader(0), track.Info().Extension(sdp.AudioLevelURI)
	}
}

// listen finds out who speaks, where there are too many for all to be heard, and reports
// whether that has changed.
func (w *lookout) listen(now time.Time) bool {
	if len(w.on) <= fewVoices {
		changed := len(w.loudest) > 0
		w.loudest = nil
		return changed
	}
	for stream, a := range w.on {
		a.mu.Lock()
		for a.voice != nil {
			p := a.voice.Try()
			if p == nil {
				break
			}
			if level := p.Extension(a.level); a.level != 0 && len(level) > 0 {
				w.speakers.Heard(stream+"/audio", level[0]&0x7f, now)
			} else if len(p.Payload()) > empty {
				w.speakers.Heard(stream+"/audio", unsaid, now)
			}
		}
		a.mu.Unlock()
	}
	before := w.loudest
	w.loudest = slots.Keep(before, w.speakers.Loudest(now), slots.Voices)
	return !slices.Equal(before, w.loudest)
}

func (w *lookout) took(ctx context.Context, a *act, flow string, info wire.TrackInfo) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if was := a.infos[flow]; ctx.Err() != nil || was.Mime == info.Mime && was.Fmtp == info.Fmtp {
		return
	}
	a.infos[flow] = info
	w.tell()
}

func (w *lookout) tell() {
	select {
	case w.found <- struct{}{}:
	default:
	}
}

// ask finds out the name of who publishes.
func (w *lookout) ask(ctx context.Context, a *act, s webinar.Stream) {
	for ctx.Err() == nil {
		person, err := w.stage.name(ctx, s.Origin, w.webinar, s.Participant)
		if err == nil && person != "" {
			a.mu.Lock()
			a.person = person
			a.mu.Unlock()
			w.tell()
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(nameAgain):
		}
	}
}

// sources are what is on the stage now.
func (w *lookout) sources(now *webinar.Webinar) (out []sfu.Source) {
	if now == nil {
		return nil
	}
	for _, s := range streamsOf(now) {
		a := w.on[s.Name]
		if a == nil {
			continue
		}
		a.mu.Lock()
		for _, flow := range flowNames {
			if flow == "video" && a.video || flow == "audio" && a.audio {
				continue
			}
			src := w.stage.source(wire.TrackID{Webinar: w.webinar, Stream: s.Name, Name: flow}, a.infos[flow])
			if src.Info.Mime == "" && flow == "audio" {
				src.Info.Kind = wire.Audio
			} else if src.Info.Mime == "" {
				src.Info.Kind = wire.Video
			}
			src.Participant, src.Person = a.participant, a.person
			out = append(out, src)
		}
		a.mu.Unlock()
	}
	return out
}

// nameOf is the name of a participant who publishes at a node: whoever is on the stage is
// seen by everyone, and so is the name.
func (n *Node) nameOf(ctx context.Context, node, id, participant string) (string, error) {
	if w := n.store.State().Webinar(id); w != nil {
		if p, ok := w.Participant(participant); ok && p.Name != "" {
			return p.Name, nil
		}
	}
	if node == n.cfg.Name {
		return n.door.NameOf(id, participant), nil
	}
	var name string
	err := n.call(ctx, node, "/name?"+url.Values{"webinar": {id}, "participant": {participant}}.Encode(), &name)
	return name, err
}

// serveName tells another node the name of a participant who publishes here, and of nobody
// else: who is inside is personal data.
func (n *Node) serveName(w http.ResponseWriter, r *http.Request) {
	id, participant := r.URL.Query().Get("webinar"), r.URL.Query().Get("participant")
	state := n.store.State().Webinar(id)
	if _, ok := mesh.PeerOf(r.Context()); ok && state != nil {
		for s := range state.Streams() {
			if s.Participant == participant && s.Origin == n.cfg.Name {
				answer(w, n.door.NameOf(id, participant))
				return
			}
		}
	}
	http.Error(w, "not on the stage here", http.StatusNotFound)
}
