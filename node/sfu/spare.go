package sfu

import (
	"slices"

	"github.com/pion/webrtc/v4"

	"stentor/relay/wire"
)

// publishable are the codecs that somebody may come to the stage with, as sections that
// nothing is for yet are answered: what a browser that offers more is not held to, since
// each costs a line or six in each section of each answer. Of H.264 the smallest profile
// and the largest: who takes that takes what is between.
var publishable = []wire.TrackInfo{
	{Kind: wire.Video, Mime: webrtc.MimeTypeH264, Clock: 90000, Fmtp: "packetization-mode=1;profile-level-id=42e01f"},
	{Kind: wire.Video, Mime: webrtc.MimeTypeH264, Clock: 90000, Fmtp: "packetization-mode=1;profile-level-id=64001f"},
	{Kind: wire.Video, Mime: webrtc.MimeTypeVP8, Clock: 90000},
	{Kind: wire.Video, Mime: webrtc.MimeTypeVP9, Clock: 90000, Fmtp: "profile-id=0"},
	{Kind: wire.Video, Mime: webrtc.MimeTypeAV1, Clock: 90000},
	{Kind: wire.Audio, Mime: webrtc.MimeTypeOpus, Clock: 48000, Channels: 2},
}

// carries are the formats of a section that may be sent in it, beside first.
func carries(s *section, first ...format) []format {
	out := slices.Clone(first)
	for _, info := range publishable {
		if info.Kind.String() != s.kind {
			continue
		}
		f, ok := receivable(s, info)
		if ok && !slices.ContainsFunc(out, func(o format) bool { return o.payload == f.payload }) {
			out = append(out, f)
		}
	}
	return out
}

// keepSpare accepts the sections that nothing is for yet, so that what comes to the stage
// later needs no other description. Where there are several of a kind each takes whatever may
// come. With a single one the player keeps to the one format of what it is sent, or to none:
// most programs that watch are written for what there is when they begin.
func (p *plan) keepSpare() {
	many := make(map[string]int)
	for i := range p.offer.sections {
		if s := &p.offer.sections[i]; s.receives() && !s.refused() {
			many[s.kind]++
		}
	}
	used := make(map[int]bool)
	for i := range p.used {
		c := &p.used[i]
		used[c.section.index] = true
		if many[c.section.kind] > 1 {
			c.formats = carries(c.section, c.format)
		}
	}
	for i := range p.offer.sections {
		s := &p.offer.sections[i]
		if used[i] || many[s.kind] < 2 || s.kind != "audio" && s.kind != "video" || s.refused() || !s.receives() || !p.offer.bundled[s.mid] {
			continue
		}
		if formats := carries(s); len(formats) > 0 {
			p.spare = append(p.spare, chosen{
				section: s, format: formats[0], formats: formats, exts: s.offered(mediaExts(s.kind)...), source: -1, watches: true,
			})
		}
	}
}

// agree leaves out what would give a payload type a second meaning in the group.
func (p *plan) agree(payloads map[uint8]string) {
	twice := func(f format) bool {
		was, known := payloads[f.payload]
		now := f.mime + f.fmtp
		payloads[f.payload] = now
		if known {
			payloads[f.payload] = was
		}
		return known && was != now
	}
	for i := range p.used {
		p.used[i].formats = slices.DeleteFunc(p.used[i].formats, twice)
	}
	p.spare = slices.DeleteFunc(p.spare, func(c chosen) bool {
		return twice(c.format) || slices.ContainsFunc(c.formats, twice)
	})
}

// accepted are the sections in use and those that may be, in the order of the offer.
func (p *plan) accepted() []chosen {
	if len(p.spare) == 0 {
		return p.used
	}
	all := append(slices.Clone(p.used), p.spare...)
	slices.SortFunc(all, func(a, b chosen) int { return a.section.index - b.section.index })
	return all
}

// all are the formats that may go out in a section.
func (c *chosen) all() []format {
	if len(c.formats) == 0 {
		return []format{c.format}
	}
	return c.formats
}
