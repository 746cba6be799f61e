package main

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"stentor/relay/rtp"
	"stentor/relay/wire"
)

// What the picture looks like: a 4K publisher at 30 frames a second and 20 Mbps, with a key frame of 750 kB each two
// seconds (encoders at this rate give 0.5 to 1 MB to a key frame of 4K).
const (
	videoFPS      = 30
	videoRate     = 20_000_000 // bits of RTP packets a second
	videoGroup    = 60         // frames from one key frame to the next
	videoKeyBytes = 750_000
	videoPacket   = 1200 // bytes of an RTP packet, as libwebrtc makes them
)

// Where things are in a packet: the RTP header with abs-capture-time, a byte that makes it H.264, and a label by which
// the far side knows what it got.
const (
	captureID   = 5
	filmHeader  = 12 + 4 + 12
	filmLabel   = filmHeader + 1
	filmPayload = filmLabel + 16
)

// A film is one synthetic track, always the same.
type film struct {
	name    string
	number  uint32 // in the packets, as SSRC: by it the far side tells films apart
	info    wire.TrackInfo
	every   time.Duration // from one frame to the next
	size    int           // of a packet in bytes
	packets func(frame uint32) int
	key     func(frame uint32) bool
}

func (f film) id() wire.TrackID {
	return wire.TrackID{Webinar: "w_bench", Stream: "main", Name: f.name}
}

// audioNumber is the film that is heard; those that are seen count from 0.
const audioNumber = 1 << 16

// filmOf returns the film with that name: "audio", "video", "video1", "video2" ...
func filmOf(name string) film {
	extensions := []wire.Extension{{ID: captureID, URI: rtp.CaptureURI}}
	if name == "audio" { // Opus at 64 kbps in packets of 20 ms
		return film{
			name: name, number: audioNumber, every: 20 * time.Millisecond, size: 172,
			packets: func(uint32) int { return 1 }, key: func(uint32) bool { return false },
			info: wire.TrackInfo{Kind: wire.Audio, Mime: "audio/opus", Clock: 48000, Channels: 2, PayloadType: 111, Extensions: extensions},
		}
	}
	number, _ := strconv.ParseUint(strings.TrimPrefix(name, "video"), 10, 16) // 0 for none
	return film{
		name: name, number: uint32(number), every: time.Second / videoFPS, size: videoPacket,
		packets: packetsOf, key: func(frame uint32) bool { return frame%videoGroup == 0 },
		info: wire.TrackInfo{Kind: wire.Video, Mime: "video/H264", Clock: 90000, PayloadType: 96, Fmtp: "packetization-mode=1", Extensions: extensions},
	}
}

// videos returns the names of n films that are seen.
func videos(n int) []string {
	names := []string{"video"}
	for i := 1; i < n; i++ {
		names = append(names, fmt.Sprint("video", i))
	}
	return names
}

// packetsOf returns how many packets a picture has. Those between key frames differ by a third around their mean, as
// motion makes them, always in the same way.
func packetsOf(frame uint32) int {
	if frame%videoGroup == 0 {
		return videoKeyBytes / videoPacket
	}
	const mean = (videoRate/8*videoGroup/videoFPS - videoKeyBytes) / (videoGroup - 1) / videoPacket
	x := frame * 2654435761 // the mixing of xxHash, for something that looks random and is the same in every process
	x ^= x >> 15
	x *= 2246822519
	x ^= x >> 13
	return mean - mean/3 + int(x%(2*(mean/3)+1))
}

// A label says which packet of which frame of which film this is, and when it was written (Unix nanoseconds).
type label struct {
	Film         uint32
	Frame        uint32
	Index, Count uint16
	Sent         int64
}

// appendPacket writes one packet of the film to b.
func (f film) appendPacket(b []byte, seq uint16, l label) []byte {
	first, start := byte(f.info.PayloadType), len(b)
	if l.Index == l.Count-1 && f.info.Kind == wire.Video {
		first |= 0x80 // the marker
	}
	b = append(b, 0x90, first)
	b = binary.BigEndian.AppendUint16(b, seq)
	b = binary.BigEndian.AppendUint32(b, uint32(uint64(l.Frame)*uint64(f.every)*uint64(f.info.Clock)/uint64(time.Second)))
	b = binary.BigEndian.AppendUint32(b, f.number)
	b = append(b, 0xbe, 0xde, 0, 3, captureID<<4|7)
	b = rtp.AppendCapture(b, l.Sent)
	b = append(b, 0, 0, 0, f.nal(l))
	b = binary.BigEndian.AppendUint32(b, l.Frame)
	b = binary.BigEndian.AppendUint16(b, l.Index)
	b = binary.BigEndian.AppendUint16(b, l.Count)
	b = binary.BigEndian.AppendUint64(b, uint64(l.Sent))
	return append(b, make([]byte, f.size-len(b)+start)...)
}

// nal returns the first byte of a payload: of parameter sets, of a slice of a key frame, of another slice.
func (f film) nal(l label) byte {
	switch {
	case !f.key(l.Frame):
		return 0x41
	case l.Index == 0:
		return 0x67
	}
	return 0x65
}

// parseLabel reads the label of a packet of a film.
func parseLabel(b []byte) (label, error) {
	if len(b) < filmPayload {
		return label{}, fmt.Errorf("a packet of %d bytes has no label", len(b))
	}
	film := binary.BigEndian.Uint32(b[8:])
	b = b[filmLabel:]
	l := label{film, binary.BigEndian.Uint32(b), binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:]), int64(binary.BigEndian.Uint64(b[8:]))}
	if l.Index >= l.Count {
		return label{}, fmt.Errorf("packet %d of %d", l.Index, l.Count)
	}
	return l, nil
}

// A Take is what became of one frame at one place.
type Take struct {
	Frame   uint32
	Packets int   // that came, each counted once
	Of      int   // that the frame has
	Sent    int64 // when the last of those that came was written at the origin, Unix nanoseconds
	Whole   int64 // when the frame was complete here, 0 as long as it is not
}

// keep is how many frames a meter remembers: ten minutes of picture.
const keep = 10 * 60 * videoFPS

// A meter notes what comes of one film.
type meter struct {
	film  film
	whole chan struct{} // closed at the first whole frame

	mu     sync.Mutex // guards the following
	takes  map[uint32]*Take
	seen   map[uint32][]uint64 // bits of the packets of frames that are not whole
	oldest uint32              // of takes, when it is full
	bytes  uint64
	twice  uint64 // packets that came again
}

func newMeter(f film) *meter {
	return &meter{film: f, takes: map[uint32]*Take{}, seen: map[uint32][]uint64{}, whole: make(chan struct{})}
}

// note takes a packet that came at now, unless it is of another film.
func (m *meter) note(packet []byte, now time.Time) error {
	l, err := parseLabel(packet)
	if err != nil {
		return err
	}
	if l.Film != m.film.number {
		return nil // of another meter
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bytes += uint64(len(packet))
	t := m.takes[l.Frame]
	if t == nil {
		t = &Take{Frame: l.Frame, Of: int(l.Count)}
		m.takes[l.Frame], m.seen[l.Frame] = t, make([]uint64, (int(l.Count)+63)/64)
		m.forget()
	}
	bits := m.seen[l.Frame]
	if int(l.Index) >= 64*len(bits) || bits[l.Index/64]&(1<<(l.Index%64)) != 0 {
		m.twice++
		return nil
	}
	bits[l.Index/64] |= 1 << (l.Index % 64)
	t.Packets++
	t.Sent = max(t.Sent, l.Sent)
	if t.Packets < t.Of {
		return nil
	}
	t.Whole = now.UnixNano()
	delete(m.seen, l.Frame)
	select {
	case <-m.whole:
	default:
		close(m.whole)
	}
	return nil
}

// forget drops the oldest frames when there are too many. m.mu is held.
func (m *meter) forget() {
	for len(m.takes) > keep {
		delete(m.takes, m.oldest)
		delete(m.seen, m.oldest)
		m.oldest++
	}
}

// since returns what is remembered of the frames from from on, in their order.
func (m *meter) since(from uint32) []Take {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := []Take{} // not nil, which the codec does not answer
	for _, t := range m.takes {
		if t.Frame >= from {
			out = append(out, *t)
		}
	}
	slices.SortFunc(out, func(a, b Take) int { return int(a.Frame) - int(b.Frame) })
	return out
}
