package sfu

import (
	"encoding/hex"
	"strings"

	"github.com/pion/webrtc/v4"
)

// param returns a parameter of an fmtp line, "" if it is not there.
func param(fmtp, name string) string {
	for p := range strings.SplitSeq(fmtp, ";") {
		if k, v, _ := strings.Cut(strings.TrimSpace(p), "="); strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

// withoutParams returns an fmtp line without some parameters.
func withoutParams(fmtp string, names ...string) string {
	var keep []string
next:
	for p := range strings.SplitSeq(fmtp, ";") {
		p = strings.TrimSpace(p)
		k, _, _ := strings.Cut(p, "=")
		for _, n := range names {
			if strings.EqualFold(k, n) {
				continue next
			}
		}
		if p != "" {
			keep = append(keep, p)
		}
	}
	return strings.Join(keep, ";")
}

// withParam sets a parameter that an fmtp line lacks.
func withParam(fmtp, name, value string) string {
	if param(fmtp, name) != "" {
		return fmtp
	}
	if fmtp != "" {
		fmtp += ";"
	}
	return fmtp + name + "=" + value
}

// ingestible reports whether publishers may send this format: the codecs that
// browsers share, of which the ring knows the key frames.
func ingestible(f format) bool {
	switch {
	case strings.EqualFold(f.mime, webrtc.MimeTypeOpus):
		return f.clock == 48000 && f.channels == 2
	case strings.EqualFold(f.mime, webrtc.MimeTypeH264):
		_, ok := h264Profile(f.fmtp)
		return f.clock == 90000 && ok
	case strings.EqualFold(f.mime, webrtc.MimeTypeVP8), strings.EqualFold(f.mime, webrtc.MimeTypeVP9),
		strings.EqualFold(f.mime, webrtc.MimeTypeAV1):
		return f.clock == 90000
	}
	return false
}

// canonicalMime returns the spelling that the media type registry has.
func canonicalMime(mime string) string {
	for _, m := range []string{webrtc.MimeTypeOpus, webrtc.MimeTypeH264, webrtc.MimeTypeVP8, webrtc.MimeTypeVP9, webrtc.MimeTypeAV1} {
		if strings.EqualFold(m, mime) {
			return m
		}
	}
	return mime
}

// canReceive reports whether a viewer who offers f can take a track of the given
// codec. Levels are not compared: what a decoder is offered says nothing about
// 4K, and browsers that say level 3.1 decode 5.1.
func canReceive(f format, mime string, clock uint32, fmtp string) bool {
	if !strings.EqualFold(f.mime, mime) || f.clock != clock {
		return false
	}
	switch {
	case strings.EqualFold(mime, webrtc.MimeTypeH264):
		return h264CanReceive(f.fmtp, fmtp)
	case strings.EqualFold(mime, webrtc.MimeTypeVP9):
		return orZero(param(f.fmtp, "profile-id")) == orZero(param(fmtp, "profile-id"))
	case strings.EqualFold(mime, webrtc.MimeTypeAV1):
		return orZero(param(f.fmtp, "profile")) == orZero(param(fmtp, "profile"))
	}
	return true
}

func orZero(v string) string {
	if v == "" {
		return "0"
	}
	return v
}

// An h264 is a profile of RFC 6184, section 8.1, in the order in which each can
// be decoded by whoever decodes the next.
type h264 int

const (
	h264ConstrainedBaseline h264 = iota
	h264Baseline                 // off the ladder: its slice groups are in no later profile
	h264Main
	h264ConstrainedHigh
	h264High
)

// h264Profile reads profile-level-id; without one it is Baseline by definition,
// and Constrained Baseline by what is sent.
func h264Profile(fmtp string) (h264, bool) {
	id := param(fmtp, "profile-level-id")
	if id == "" {
		return h264ConstrainedBaseline, true
	}
	b, err := hex.DecodeString(id)
	if err != nil || len(b) != 3 {
		return 0, false
	}
	switch profile, iop := b[0], b[1]; profile {
	case 0x42:
		if iop&0x40 != 0 {
			return h264ConstrainedBaseline, true
		}
		return h264Baseline, true
	case 0x4D:
		if iop&0x80 != 0 {
			return h264ConstrainedBaseline, true
		}
		return h264Main, true
	case 0x58:
		if iop&0xC0 == 0xC0 {
			return h264ConstrainedBaseline, true
		}
	case 0x64:
		if iop == 0x0C {
			return h264ConstrainedHigh, true
		}
		return h264High, true
	}
	return 0, false
}

func h264CanReceive(viewer, source string) bool {
	v, ok1 := h264Profile(viewer)
	s, ok2 := h264Profile(source)
	if !ok1 || !ok2 || orZero(param(source, "packetization-mode")) > orZero(param(viewer, "packetization-mode")) {
		return false
	}
	switch s {
	case h264Baseline: // nobody sends slice groups; what says Baseline is Constrained Baseline in practice
		return true
	case h264ConstrainedBaseline:
		return true
	}
	return v != h264Baseline && v >= s
}
