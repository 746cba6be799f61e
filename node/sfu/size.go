package sfu

import (
	"stentor/node/sfu/layers"
	"stentor/relay"
	"stentor/relay/rtp"
	"stentor/relay/wire"
)

// sizes are those of a track's layers now. A track says them once, when it begins; but a
// window that is shared changes its size, and another camera has another. All sizes of a
// picture are made of one: by how much the newest key frame here differs from what the track
// says, all do.
type sizes struct {
	key    *rtp.Packet // the newest that was looked at
	layers [layers.MaxLayers]wire.Layer
}

// of returns them. They belong to s until the next.
func (s *sizes) of(track *relay.Track) []wire.Layer {
	info := track.Info()
	told := info.Layers[:min(len(info.Layers), layers.MaxLayers)]
	if len(told) < 2 {
		return told
	}
	key, from := newest(track, len(told))
	if key == nil {
		return told
	}
	now := s.layers[:len(told)]
	if key == s.key {
		return now
	}
	s.key = key
	copy(now, told)
	w, h, ok := rtp.Sizes(info.Mime)(key.Payload())
	was := told[from]
	switch {
	case !ok:
	case was.Width == 0 || was.Height == 0:
		now[from].Width, now[from].Height = uint32(w), uint32(h)
	case int(was.Width) != w || int(was.Height) != h:
		for i, l := range told {
			now[i].Width = uint32((uint64(l.Width)*uint64(w) + uint64(was.Width)/2) / uint64(was.Width))
			now[i].Height = uint32((uint64(l.Height)*uint64(h) + uint64(was.Height)/2) / uint64(was.Height))
		}
	}
	return now
}

// newest returns the newest key frame of the first n layers, and of which it is.
func newest(track *relay.Track, n int) (key *rtp.Packet, layer int) {
	for i := range n {
		if k := track.NewestKey(i); k != nil && (key == nil || k.Arrived > key.Arrived) {
			key, layer = k, i
		}
	}
	return key, layer
}
