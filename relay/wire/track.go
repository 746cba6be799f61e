package wire

import (
	"fmt"
	"strings"
)

// Bounds of what one track may say about itself.
const (
	MaxText       = 64   // bytes of a node, a webinar, a stream, a track's name, a MIME type
	MaxFmtp       = 1024 // bytes
	MaxURI        = 256  // bytes of an extension's URI
	MaxExtensions = 32
	MaxLayers     = 8
	MaxPath       = 16 // nodes between origin and reader, both counted
)

// A TrackID names a track in the whole mesh. Each part is 1 to [MaxText] printable ASCII bytes without a slash.
type TrackID struct {
	Webinar string // "w_..."
	Stream  string // what a publisher publishes: "main"
	Name    string // which flow of it: "video", "audio"
}

// String returns webinar/stream/name, as gossip announces it.
func (t TrackID) String() string { return t.Webinar + "/" + t.Stream + "/" + t.Name }

// ParseTrackID reads what [TrackID.String] wrote.
func ParseTrackID(s string) (TrackID, error) {
	parts := strings.Split(s, "/")
	if len(parts) != 3 {
		return TrackID{}, fmt.Errorf("wire: %q is not webinar/stream/name", s)
	}
	id := TrackID{parts[0], parts[1], parts[2]}
	return id, id.Check()
}

// Check reports what is wrong with the id, nil when nothing is.
func (t TrackID) Check() error {
	for _, part := range [...]string{t.Webinar, t.Stream, t.Name} {
		if !nameOK(part) {
			return fmt.Errorf("wire: %q cannot be part of a track's name", part)
		}
	}
	return nil
}

func nameOK(s string) bool {
	if len(s) < 1 || len(s) > MaxText {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '/' {
			return false
		}
	}
	return true
}

// A Kind says whether a track is heard, seen or read.
type Kind uint8

const (
	Audio Kind = 1
	Video Kind = 2
	Data  Kind = 3 // messages that all arrive, in order, with those from before; since version 2
)

// String returns "audio" or "video", as SDP calls it, or "data".
func (k Kind) String() string {
	switch k {
	case Audio:
		return "audio"
	case Video:
		return "video"
	case Data:
		return "data"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// An Extension is a header extension that the track's packets carry.
type Extension struct {
	ID  uint8 // 1 to 255, without 15
	URI string
}

// A Layer is one encoding of a track. What is not known is zero.
type Layer struct {
	RID           string // of simulcast, "" when there is one encoding
	Width, Height uint32
	Bitrate       uint32 // bits per second
}

// A TrackInfo is what a reader has to know before it can use the packets. It does not change in a track's life.
type TrackInfo struct {
	Kind        Kind
	Mime        string // "video/H264", "audio/opus"
	Clock       uint32 // ticks per second of RTP time
	Channels    uint8  // of audio, 0 for video
	Fmtp        string // format parameters of the SDP
	PayloadType uint8  // in the packets of the ring
	Extensions  []Extension
	Layers      []Layer // lowest first; none stands for one of which nothing is known
}

// LayerCount returns the number of layers, at least one.
func (i TrackInfo) LayerCount() int { return max(1, len(i.Layers)) }

// Extension returns the id of the extension with that URI, 0 when the track has none.
func (i TrackInfo) Extension(uri string) uint8 {
	for _, e := range i.Extensions {
		if e.URI == uri {
			return e.ID
		}
	}
	return 0
}

// Check reports whether the info can go on the wire.
func (i TrackInfo) Check() error {
	s := scanner{b: i.append(nil)}
	s.info()
	return s.end()
}

func (i TrackInfo) append(b []byte) []byte {
	b = append(b, uint8(i.Kind))
	b = appendText(b, i.Mime)
	b = appendNumber(b, uint64(i.Clock))
	b = append(b, i.Channels)
	b = appendText(b, i.Fmtp)
	b = append(b, i.PayloadType)
	b = appendNumber(b, uint64(len(i.Extensions)))
	for _, e := range i.Extensions {
		b = appendText(append(b, e.ID), e.URI)
	}
	b = appendNumber(b, uint64(len(i.Layers)))
	for _, l := range i.Layers {
		b = appendText(b, l.RID)
		b = appendNumber(b, uint64(l.Width))
		b = appendNumber(b, uint64(l.Height))
		b = appendNumber(b, uint64(l.Bitrate))
	}
	return b
}

func (s *scanner) info() (i TrackInfo) {
	i.Kind = Kind(s.u8())
	if s.err == nil && (i.Kind < Audio || i.Kind > Data) {
		s.fail(ErrBound)
	}
	i.Mime = s.text(1, MaxText)
	i.Clock = uint32(s.number(1<<32 - 1))
	if s.err == nil && i.Clock == 0 {
		s.fail(ErrBound)
	}
	i.Channels = s.u8()
	i.Fmtp = s.text(0, MaxFmtp)
	i.PayloadType = s.u8()
	if i.PayloadType > 127 {
		s.fail(ErrBound)
	}
	for range s.number(MaxExtensions) {
		e := Extension{ID: s.u8(), URI: s.text(1, MaxURI)}
		if s.err == nil && (e.ID == 0 || e.ID == 15) {
			s.fail(ErrBound)
		}
		i.Extensions = append(i.Extensions, e)
	}
	for range s.number(MaxLayers) {
		const most = 1<<32 - 1
		i.Layers = append(i.Layers, Layer{s.text(0, MaxText), uint32(s.number(most)), uint32(s.number(most)), uint32(s.number(most))})
	}
	return i
}

func (s *scanner) trackID() TrackID {
	id := TrackID{s.text(1, MaxText), s.text(1, MaxText), s.text(1, MaxText)}
	if s.err == nil && id.Check() != nil {
		s.fail(ErrText)
	}
	return id
}
