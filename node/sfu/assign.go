package sfu

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/pion/webrtc/v4"

	"stentor/node/sfu/slots"
	"stentor/relay/wire"
)

// errMovedOn ends a course whose section carries another source by now.
var errMovedOn = errors.New("sfu: the section carries another source")

// A Slot is a section of a viewer's session and what is in it.
type Slot struct {
	Mid    string // of the section, in offer and answer
	Kind   wire.Kind
	Source Source // the zero Source: nothing is
}

// Slots are the sections of the answer, in its order, and what is in each.
func (v *Viewer) Slots() []Slot {
	out := make([]Slot, 0, len(v.forwards))
	for _, f := range v.forwards {
		f.mu.Lock()
		out = append(out, Slot{Mid: f.chosen.section.mid, Kind: f.kind, Source: f.source})
		f.mu.Unlock()
	}
	return out
}

// Assign puts what is on the stage into the viewer's sections, the most important first,
// without another description; loudest are the names of the tracks that are heard now, for
// viewers with fewer sections than voices. Whatever stays, stays where it is. It reports
// whether something has changed.
func (v *Viewer) Assign(sources []Source, loudest []string) (changed bool) {
	v.turn <- struct{}{}
	defer func() { <-v.turn }()
	if v.peer.ctx.Err() != nil {
		return false
	}
	by := make(map[string]Source, len(sources))
	sources = slices.DeleteFunc(slices.Clone(sources), func(src Source) bool { return src.coming() && !v.holds(src.Name) })
	for _, src := range sources {
		by[src.Name] = src
	}
	pictures := v.sections(wire.Video)
	changed = v.fill(pictures, by, named(sources, wire.Video), nil)
	voices := v.sections(wire.Audio)
	heard := named(sources, wire.Audio)
	at := make(map[string]int) // where the picture of a stream is
	for i, f := range pictures {
		if f.source.Subscribe != nil {
			at[streamOf(f.source)] = i
		}
	}
	if len(pictures) == 1 && len(at) == 1 { // a player with one picture hears whom it sees
		heard = named(only(sources, at), wire.Audio)
	}
	return v.fill(voices, by, slots.Audible(heard, loudest, len(voices)), at) || changed
}

// holds reports whether a section carries the source of that name. v.turn is held.
func (v *Viewer) holds(name string) bool {
	return slices.ContainsFunc(v.forwards, func(f *forward) bool { return f.source.Name == name })
}

// sections are those of one kind.
func (v *Viewer) sections(kind wire.Kind) (out []*forward) {
	for _, f := range v.forwards {
		if f.kind == kind {
			out = append(out, f)
		}
	}
	return out
}

func named(sources []Source, kind wire.Kind) (out []string) {
	for _, src := range sources {
		if src.Info.Kind == kind {
			out = append(out, src.Name)
		}
	}
	return out
}

// only are the sources of some streams.
func only(sources []Source, streams map[string]int) (out []Source) {
	for _, src := range sources {
		if _, ok := streams[streamOf(src)]; ok {
			out = append(out, src)
		}
	}
	return out
}

// fill puts the sources of that names into sections of one kind, a voice beside its picture.
func (v *Viewer) fill(sections []*forward, by map[string]Source, want []string, pictures map[string]int) (changed bool) {
	held := make([]string, len(sections))
	for i, f := range sections {
		held[i] = f.source.Name // written with v.turn held
	}
	takes := func(i int, name string) bool {
		return held[i] == name || !by[name].coming() && sections[i].same(by[name].Info)
	}
	beside := func(name string) int {
		if i, ok := pictures[streamOf(by[name])]; ok {
			return i
		}
		return -1
	}
	for i, name := range slots.Assign(held, want, takes, beside) {
		f := sections[i]
		switch {
		case name == "" && held[i] != "":
			f.empty()
		case name != held[i]:
			f.take(by[name], v.wall(streamOf(by[name])))
		case name != "" && !by[name].coming() && (f.source.Participant != by[name].Participant || f.source.Person != by[name].Person):
			f.mu.Lock()
			f.source = by[name]
			f.mu.Unlock()
		default:
			continue
		}
		changed = true
	}
	return changed
}

// newSpare is a forward of a section that carries nothing yet, the nth of its kind.
func newSpare(v *Viewer, c chosen, nth int) *forward {
	kind, clock := wire.Video, c.format.clock
	if c.section.kind == "audio" {
		kind = wire.Audio
	}
	f := newForward(v, Source{Info: wire.TrackInfo{Kind: kind, Clock: clock}}, c, &wall{})
	f.msid = [2]string{"slot-" + strconv.Itoa(nth), "slot-" + strconv.Itoa(nth) + "-" + c.section.kind}
	f.untold.begun, f.untold.keyed = true, true // when somebody comes to the stage says nothing of how long a join takes
	return f
}

// carried is the name of what is in the section, "" for nothing.
func (f *forward) carried() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.source.Name
}

// take makes src what the section carries. v.turn is held.
func (f *forward) take(src Source, w *wall) {
	f.empty()
	f.mu.Lock()
	f.source, f.clock.wall = src, w
	f.clock.rate = int64(src.Info.Clock)
	f.mu.Unlock()
	f.count(func(s *TrackStats) { s.Source = src.Name })
	f.metrics.assigned(f.kind, 1)
	f.metrics.slotChanges.WithLabelValues("assigned").Inc()
	f.start()
}

// empty leaves the section without a source: nothing goes out in it when it returns. v.turn
// is held.
func (f *forward) empty() {
	f.mu.Lock()
	f.moves++
	f.flush()
	leave, was := f.leave, f.source.Subscribe != nil
	f.leave = func() {}
	f.source = Source{Info: wire.TrackInfo{Kind: f.kind, Clock: f.source.Info.Clock}}
	f.nth++
	f.places[f.nth%recent] = place{} // what is asked for again of a source that left is in no ring of ours
	f.choice.own.Fixed, f.choice.rate = 0, 0
	f.choice.Want(f.choice.own.Both(f.choice.ceiling))
	f.retry = 0
	sender := f.sender
	f.mu.Unlock()
	underway(sender)
	f.bits.Store(0)
	leave()
	if was {
		f.metrics.assigned(f.kind, -1)
		f.metrics.slotChanges.WithLabelValues("left").Inc()
	}
}

// start goes to look for the source, once the viewer has come. v.turn is held.
func (f *forward) start() {
	if !f.viewer.entered || f.source.Subscribe == nil {
		return
	}
	ctx, leave := context.WithCancel(f.viewer.peer.ctx)
	f.mu.Lock()
	f.leave = leave
	src, move := f.source, f.moves
	f.mu.Unlock()
	f.viewer.peer.run(func() { f.seek(ctx, src, move) })
}

// attach makes pion read what the viewer says of a section that was spare when it came.
// pion knows nothing of such a one until it is needed: most never are, and each would cost
// its share of a join. It is called when the transport is up.
func (f *forward) attach() error {
	f.mu.Lock()
	attached := f.attached
	f.attached = true
	f.mu.Unlock()
	if attached {
		return nil
	}
	peer := f.viewer.peer
	sender, err := peer.api.NewRTPSender(f, peer.pc.SCTP().Transport())
	if err != nil {
		return fmt.Errorf("sfu: %w", err)
	}
	if err := sender.Send(webrtc.RTPSendParameters{
		Encodings: []webrtc.RTPEncodingParameters{{RTPCodingParameters: webrtc.RTPCodingParameters{SSRC: webrtc.SSRC(f.ssrc)}}},
	}); err != nil {
		return fmt.Errorf("sfu: %w", err)
	}
	f.rtp = sender
	if !peer.hold() {
		return errHungUp
	}
	context.AfterFunc(peer.ctx, func() {
		defer peer.release()
		if err := sender.Stop(); err != nil {
			peer.sfu.log.Debug("a section's end", "err", err)
		}
	})
	peer.run(f.readFeedback)
	return nil
}

// share is what is left for one picture of what a viewer estimates that its path takes: all
// but what goes out in its other sections, and no less than an equal part. Alone it has all:
// a voice is too little to count.
func (v *Viewer) share(f *forward, bitrate float64) float64 {
	others, pictures := 0.0, 1.0
	for _, o := range v.forwards {
		if bits := o.bits.Load(); o != f && bits > 0 {
			others += float64(bits)
			if o.kind == wire.Video {
				pictures++
			}
		}
	}
	if pictures == 1 {
		return bitrate
	}
	return max(bitrate-others, bitrate/pictures)
}
