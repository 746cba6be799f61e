package record

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/at-wat/ebml-go"
	"github.com/at-wat/ebml-go/webm"
)

// A muxer makes the bytes of one file: one track, times in milliseconds, clusters of unknown length, so that the file is
// whole after every frame.
type muxer struct {
	out     bytes.Buffer // what is to be written next
	begun   bool
	cluster int64 // where the current cluster begins, in milliseconds
}

const (
	// clusterFor is how long a cluster goes on: players look for the place to play at by clusters, and 32 s is the
	// most that the times in it can reach.
	clusterFor = 5_000
	// clusterLeast keeps key frames that come close together in one cluster.
	clusterLeast = 1_000
)

// durationMark stands before the duration of a file: its element ID and the length of a float (RFC 9559, section 5.1.2.10).
var durationMark = []byte{0x44, 0x89, 0x88}

// header is what comes before the first cluster.
type header struct {
	Header  webm.EBMLHeader `ebml:"EBML"`
	Segment struct {
		Info   webm.Info   `ebml:"Info"`
		Tracks webm.Tracks `ebml:"Tracks"`
	} `ebml:"Segment,size=unknown"`
}

// head writes what comes before the first cluster, and returns where in the file the duration is.
func (m *muxer) head(f format) (duration int64, err error) {
	h := header{Header: webm.EBMLHeader{
		EBMLVersion: 1, EBMLReadVersion: 1, EBMLMaxIDLength: 4, EBMLMaxSizeLength: 8, DocType: "matroska", DocTypeVersion: 4, DocTypeReadVersion: 2,
	}}
	if f.webm {
		h.Header.DocType = "webm"
	}
	// A duration of nothing would be left out; it is overwritten while the file grows.
	h.Segment.Info = webm.Info{TimecodeScale: 1_000_000, MuxingApp: "stentor", WritingApp: "stentor", Duration: math.SmallestNonzeroFloat64}
	t := webm.TrackEntry{TrackNumber: 1, TrackUID: 1, CodecID: f.id, CodecPrivate: f.private}
	if f.rate > 0 {
		t.TrackType, t.Audio = 2, &webm.Audio{SamplingFrequency: float64(f.rate), Channels: uint64(f.channels)}
		t.SeekPreRoll = 80_000_000 // of Opus (RFC 7845, section 4.6), in nanoseconds
	} else {
		t.TrackType, t.Video = 1, &webm.Video{PixelWidth: uint64(f.width), PixelHeight: uint64(f.height)}
	}
	h.Segment.Tracks.TrackEntry = []webm.TrackEntry{t}
	if err := ebml.Marshal(&h, &m.out); err != nil {
		return 0, fmt.Errorf("record: %w", err)
	}
	at := bytes.Index(m.out.Bytes(), durationMark)
	return int64(at + len(durationMark)), nil
}

// block writes one frame at its time in milliseconds, which never goes back.
func (m *muxer) block(ms int64, key bool, data []byte) error {
	in := ms - m.cluster
	if !m.begun || in >= clusterFor || key && in >= clusterLeast {
		m.begun, m.cluster, in = true, ms, 0
		var c struct {
			Cluster struct {
				Timecode uint64 `ebml:"Timecode"`
			} `ebml:"Cluster,size=unknown"`
		}
		c.Cluster.Timecode = uint64(ms)
		if err := ebml.Marshal(&c, &m.out); err != nil {
			return fmt.Errorf("record: %w", err)
		}
	}
	b := struct {
		Block ebml.Block `ebml:"SimpleBlock"`
	}{ebml.Block{TrackNumber: 1, Timecode: int16(in), Keyframe: key, Data: [][]byte{data}}}
	if err := ebml.Marshal(&b, &m.out); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// duration is how a file says it, in milliseconds.
func duration(ms int64) []byte {
	return binary.BigEndian.AppendUint64(nil, math.Float64bits(float64(ms)))
}
