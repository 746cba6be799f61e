package sfu

import (
	"errors"
	"math"

	"stentor/node/sfu/layers"
	"stentor/relay/wire"
)

// A Layer is one size of a picture that a viewer may be sent. What is not known is zero.
type Layer struct {
	RID           string
	Bitrate       int // bits a second that come now, in steps of about a fifth; 0: it is paused, or not read at this node
	Width, Height int
}

// A Wish is what a viewer wants of a picture. The zero Wish leaves it to the server.
type Wish struct {
	RID    string // this layer and no other
	Width  int    // no more than so many pixels
	Height int    // and lines
}

// ErrNoLayer is the answer to a wish for a layer, or a section, that there is not.
var ErrNoLayer = errors.New("sfu: no such layer")

// Layers are those of each video section, by its index in the offer.
func (v *Viewer) Layers() map[int][]Layer {
	out := make(map[int][]Layer)
	for _, f := range v.forwards {
		if f.kind == wire.Video && f.carried() != "" {
			out[f.chosen.section.index] = f.layers()
		}
	}
	return out
}

// layers are those of the track that goes out, or is to.
func (f *forward) layers() []Layer {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.svc != nil {
		return f.svc.sizes()
	}
	at, told := f.at(), f.source.Info.Layers
	if at.track != nil {
		told = f.sizes.of(at.track)
	}
	out := make([]Layer, 0, len(told))
	for i, l := range told {
		layer := Layer{RID: l.RID, Width: int(l.Width), Height: int(l.Height)}
		if at.track != nil {
			if s := at.track.LayerState(i); f.now().Sub(s.Newest) < silentBeside {
				layer.Bitrate = stepped(s.Bitrate)
			}
		}
		out = append(out, layer)
	}
	return out
}

// stepped rounds a rate, so that what is told of it changes when it matters.
func stepped(bits float64) int {
	if bits < 1000 {
		return 0
	}
	const step = 0.2
	return int(math.Round(math.Exp(math.Round(math.Log(bits)/step)*step)/1000)) * 1000
}

// Choose takes a viewer's wish for the section with that index; -1 is the first with video.
// It fails with [ErrNoLayer].
func (v *Viewer) Choose(section int, w Wish) error {
	for _, f := range v.forwards {
		if f.kind == wire.Video && (section < 0 || section == f.chosen.section.index) {
			return f.wish(w)
		}
	}
	if section < 0 && w == (Wish{}) {
		return nil
	}
	return ErrNoLayer
}

func (f *forward) wish(w Wish) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.svc != nil {
		return f.want(w)
	}
	told := f.source.Info.Layers
	if at := f.at(); at.track != nil {
		told = f.sizes.of(at.track)
	}
	want := layers.Want{Height: w.Height}
	for i, l := range told {
		switch {
		case w.RID != "" && w.RID == l.RID:
			want.Fixed = i + 1
		case w.Width > 0 && int(l.Width) > w.Width && l.Height > 0 && (want.Height == 0 || int(l.Height) <= want.Height):
			want.Height = int(l.Height) - 1
		}
	}
	if w.RID != "" && want.Fixed == 0 {
		return ErrNoLayer
	}
	f.choice.own = want
	f.choice.Want(want.Both(f.choice.ceiling))
	return nil
}

// Bound has a viewer sent no more than ceiling says, lines and kilobits a second, of which 0 is any
// (M12). It is asked several times a second, by several goroutines.
func (v *Viewer) Bound(ceiling func() (height, kilobits int)) { v.bound.Store(&ceiling) }

// bounded takes over what the host allows now. f.mu is held.
func (f *forward) bounded() {
	b := f.viewer.bound.Load()
	if b == nil {
		return
	}
	height, kilobits := (*b)()
	if c := (layers.Want{Height: height, Bitrate: 1000 * float64(kilobits)}); c != f.choice.ceiling {
		f.choice.ceiling = c
		f.choice.Want(f.choice.own.Both(c))
	}
}
