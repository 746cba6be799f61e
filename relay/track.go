package relay

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"stentor/relay/rtp"
	"stentor/relay/wire"
)

// Errors of tracks and of [Relay.Publish].
var (
	ErrClosed     = errors.New("relay: track has ended")
	ErrSuperseded = errors.New("relay: a newer epoch of the track is there")
	ErrLost       = errors.New("relay: no parent has the track any more")
	ErrTaken      = errors.New("relay: the track is published already, by this epoch or a newer one")
	ErrLayer      = errors.New("relay: the track has no such layer")
	ErrTooLong    = errors.New("relay: packet is too long")
)

// A Track is one audio or video flow: for each layer a ring of packets that a publisher or a hop fills, and that any
// number of readers drain. All methods may be called from any goroutine.
type Track struct {
	id        wire.TrackID
	info      wire.TrackInfo
	epoch     uint64
	instance  uint64
	detect    rtp.Detector
	captureID uint8
	layers    []*layer
	none      *layer // of readers that asked for a layer that is not there
	metrics   *metrics
	way       atomic.Pointer[way]
	moved     bell          // rung when the way has changed
	bitrate   atomic.Uint64 // over the last second
	senders   atomic.Int32  // of layers to children; each has a reader
	sampled   uint64        // bytes at the last sample; guarded by Relay.mu
	done      chan struct{}

	mu       sync.Mutex // guards the following
	err      error      // why it ended, nil while it lives
	keyframe func(layer int)
	demand   func()
	closed   func(error)
}

// NewTrack returns a track that no relay knows, for readers in this process.
func NewTrack(id wire.TrackID, info wire.TrackInfo, epoch uint64) *Track {
	// 62 bits: what a number on the wire can hold.
	return newTrack(id, info, epoch, rand.Uint64()>>2, newMetrics())
}

func newTrack(id wire.TrackID, info wire.TrackInfo, epoch, instance uint64, m *metrics) *Track {
	t := &Track{
		id: id, info: info, epoch: epoch, instance: instance, metrics: m,
		detect:    rtp.KeyFrames(info.Mime),
		captureID: info.Extension(rtp.CaptureURI),
		done:      make(chan struct{}),
	}
	slots := videoSlots
	if info.Kind == wire.Audio {
		slots = audioSlots
	}
	for i := range info.LayerCount() {
		t.layers = append(t.layers, newLayer(t, i, slots))
	}
	t.none = newLayer(t, 0, 1)
	return t
}

// ID returns the name of the track.
func (t *Track) ID() wire.TrackID { return t.id }

// Info returns what a reader has to know of the packets.
func (t *Track) Info() wire.TrackInfo { return t.info }

// Epoch returns the publisher's epoch.
func (t *Track) Epoch() uint64 { return t.epoch }

// Path returns the nodes from the origin to this one; empty for a track that no relay knows.
func (t *Track) Path() []string {
	if w := t.way.Load(); w != nil {
		return slices.Clone(w.path)
	}
	return nil
}

// A way is how a track gets here.
type way struct {
	path  []string      // origin first, this node last
	delay time.Duration // from the origin to here
	rtt   time.Duration // to the parent, 0 at the origin
}

// parent returns the node that the track comes from, "" at the origin.
func (w *way) parent() string {
	if len(w.path) < 2 {
		return ""
	}
	return w.path[len(w.path)-2]
}

func (t *Track) setWay(w *way) {
	t.way.Store(w)
	t.moved.ring()
}

// Done is closed when the track ends.
func (t *Track) Done() <-chan struct{} { return t.done }

// Err returns why the track ended ([ErrClosed], [ErrSuperseded], [ErrLost]), nil while it lives.
func (t *Track) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

func (t *Track) ended() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

// Close ends the track: its readers get what is in the rings, then io.EOF.
func (t *Track) Close() { t.end(ErrClosed) }

func (t *Track) end(why error) {
	t.mu.Lock()
	if t.err != nil {
		t.mu.Unlock()
		return
	}
	t.err = why
	closed := t.closed
	close(t.done)
	t.mu.Unlock()
	for _, l := range t.layers {
		l.close()
	}
	if closed != nil {
		closed(why)
	}
}

// Write takes a packet from the publisher. Raw is copied. A packet that is there already, or too old, is counted and
// dropped without an error; an error means that raw is not RTP, or that there is nowhere to put it.
func (t *Track) Write(layer int, raw []byte, arrived time.Time) error {
	if layer < 0 || layer >= len(t.layers) {
		return ErrLayer
	}
	if t.ended() {
		return ErrClosed
	}
	if len(raw) > wire.MaxPacket {
		t.metrics.dropped.WithLabelValues("malformed").Inc()
		return ErrTooLong
	}
	p, err := rtp.Parse(bytes.Clone(raw))
	if err != nil {
		t.metrics.dropped.WithLabelValues("malformed").Inc()
		return fmt.Errorf("relay: write: %w", err)
	}
	p.Arrived = arrived.UnixNano()
	t.layers[layer].write(&p)
	return nil
}

// Packet returns the packet with that extended sequence number, nil when the ring does not hold it.
func (t *Track) Packet(layer int, seq uint64) *rtp.Packet {
	if layer < 0 || layer >= len(t.layers) {
		return nil
	}
	return t.layers[layer].ring.find(seq)
}

// RequestKeyFrame asks the publisher, hop by hop, for a key frame. Requests are merged: at most one in half a second
// and layer goes out; one that came too early goes out later, unless a key frame has come.
func (t *Track) RequestKeyFrame(layer int) {
	if layer < 0 || layer >= len(t.layers) || t.info.Kind != wire.Video || t.ended() {
		return
	}
	t.metrics.keyAsked.Inc()
	t.layers[layer].requestKeyFrame()
}

// sendKeyFrame passes one request on.
func (t *Track) sendKeyFrame(layer int) {
	t.mu.Lock()
	send := t.keyframe
	t.mu.Unlock()
	if send != nil && !t.ended() {
		t.metrics.keySent.Inc()
		send(layer)
	}
}

func (t *Track) demanded() {
	t.mu.Lock()
	demand := t.demand
	t.mu.Unlock()
	if demand != nil {
		demand()
	}
}

// readers returns how many readers all layers have.
func (t *Track) readers() (n int) {
	for _, l := range t.layers {
		n += int(l.readers.Load())
	}
	return n
}
