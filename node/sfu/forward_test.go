package sfu

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
	pionrtp "github.com/pion/rtp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"stentor/relay"
	"stentor/relay/wire"
)

// slow is a sender that takes its time, or fails.
type slow struct {
	clock   *time.Time
	takes   time.Duration // of the next write
	err     error
	packets [][]byte
	flushes int
}

func (s *slow) kind() string   { return "slow" }
func (s *slow) buffer() []byte { return nil }
func (s *slow) flush() int     { s.flushes++; return 0 }
func (s *slow) waits() bool    { return true }

func (s *slow) write(p []byte) error {
	*s.clock = s.clock.Add(s.takes)
	s.takes = 0
	if s.err != nil {
		return s.err
	}
	s.packets = append(s.packets, bytes.Clone(p))
	return nil
}

// bench is a forward without a connection, on a track that the test fills.
type bench struct {
	t      testing.TB
	f      *forward
	track  *relay.Track
	reader *relay.Reader
	out    *slow
	now    time.Time
	seq    uint16
	stamp  uint32

	payload int // bytes more than the three that a packet has
}

func newBench(t testing.TB, info wire.TrackInfo) *bench {
	t.Helper()
	b := &bench{t: t, now: time.Unix(1_700_000_000, 0), seq: 65530, track: relay.NewTrack(wire.TrackID{Webinar: "w", Stream: "main", Name: "x"}, info, 1)}
	s := &SFU{metrics: newMetrics(prometheus.NewRegistry()), now: func() time.Time { return b.now }}
	b.out = &slow{clock: &b.now}
	c := chosen{section: &section{kind: info.Kind.String()}, format: format{mime: info.Mime, clock: info.Clock, payload: 96, rtx: 97}}
	b.f = newForward(&Viewer{peer: &peer{sfu: s}, asked: b.now}, Source{Name: "main/x", Info: info}, c, &wall{})
	b.f.sender, b.f.ssrc, b.f.rtxSSRC = b.out, 1, 2
	b.f.reportAt = b.now.Add(time.Hour) // there is nobody to report to
	b.f.begin(b.track, 0)
	b.reader = b.track.Reader(0)
	t.Cleanup(b.reader.Close)
	return b
}

var h264Info = wire.TrackInfo{Kind: wire.Video, Mime: "video/H264", Clock: 90000, Fmtp: "packetization-mode=1"}

// frame fills the track with a frame of n packets.
func (b *bench) frame(key bool, n int) {
	b.t.Helper()
	for i := range n {
		p := pionrtp.Packet{
			Header:  pionrtp.Header{Version: 2, PayloadType: 100, SequenceNumber: b.seq, Timestamp: b.stamp, SSRC: 9, Marker: i == n-1},
			Payload: []byte{0x61, byte(b.seq >> 8), byte(b.seq)},
		}
		if key && i == 0 {
			p.Payload[0] = 0x65
		}
		p.Payload = append(p.Payload, make([]byte, b.payload)...)
		raw, err := p.Marshal()
		if err != nil {
			b.t.Fatal(err)
		}
		if err := b.track.Write(0, raw, b.now); err != nil {
			b.t.Fatal(err)
		}
		b.seq++
	}
	b.stamp += 3000
}

// forward sends all that the track has.
func (b *bench) forward() {
	b.t.Helper()
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	for p := b.reader.Try(); p != nil; p = b.reader.Try() {
		if err := b.f.packet(b.track, p, b.now); err != nil {
			b.t.Fatal(err)
		}
	}
}

// numbers are the sequence numbers that went out, and what they were in the track.
func (b *bench) numbers() (out, in []uint16) {
	for _, p := range b.out.packets {
		out = append(out, binary.BigEndian.Uint16(p[2:]))
		in = append(in, binary.BigEndian.Uint16(p[len(p)-2:]))
	}
	return out, in
}

func (b *bench) dropped(reason string) float64 {
	return testutil.ToFloat64(b.f.metrics.dropped.WithLabelValues(reason))
}

func TestAStalledViewerGoesOnAtTheNextKeyFrame(t *testing.T) {
	b := newBench(t, h264Info)
	b.frame(true, 2)
	b.forward()
	b.out.takes = 300 * time.Millisecond // in the middle of a frame
	b.frame(false, 3)
	b.frame(false, 3)
	b.frame(true, 2) // the backlog holds a key frame
	b.frame(false, 1)
	b.forward()
	out, in := b.numbers()
	if want := []uint16{65530, 65531, 65532, 2, 3, 4}; !slices.Equal(in, want) {
		t.Errorf("sent %v, want %v", in, want)
	}
	for i := range out {
		if out[i] != out[0]+uint16(i) {
			t.Fatalf("what was left out looks like loss: %v", out)
		}
	}
	if testutil.ToFloat64(b.f.metrics.stalls) != 1 || b.dropped("no_key") != 5 {
		t.Errorf("%v stalls, %v dropped", testutil.ToFloat64(b.f.metrics.stalls), b.dropped("no_key"))
	}
}

func TestAStalledViewerWithoutAKeyFrameAsksForOne(t *testing.T) {
	b := newBench(t, h264Info)
	b.frame(true, 2)
	b.forward()
	b.out.takes = time.Second
	b.frame(false, 4)
	b.forward() // a backlog without a key frame: too old to ask for
	if !b.f.askedKey.IsZero() {
		t.Error("asked in the middle of the backlog")
	}
	b.frame(false, 1) // live again
	b.forward()
	if b.f.askedKey != b.now {
		t.Error("not asked")
	}
	b.frame(true, 1)
	b.forward()
	if _, in := b.numbers(); in[len(in)-1] != b.seq-1 {
		t.Errorf("the key frame was not sent: %v", in)
	}
}

func TestLateAudioIsDropped(t *testing.T) {
	b := newBench(t, wire.TrackInfo{Kind: wire.Audio, Mime: "audio/opus", Clock: 48000, Channels: 2})
	b.frame(false, 1)
	b.frame(false, 1)
	b.now = b.now.Add(100 * time.Millisecond) // waits a little
	b.forward()
	b.frame(false, 1)
	b.now = b.now.Add(time.Second)
	b.frame(false, 1)
	b.forward()
	if _, in := b.numbers(); !slices.Equal(in, []uint16{65530, 65531, 65533}) || b.dropped("late") != 1 {
		t.Errorf("sent %v, dropped %v", in, b.dropped("late"))
	}
}

func TestAWriteThatFailsIsALossLikeAnyOther(t *testing.T) {
	b := newBench(t, h264Info)
	b.frame(true, 2)
	b.forward()
	b.out.err = errors.New("no buffer space")
	b.frame(false, 1)
	b.forward()
	b.out.err = nil
	b.frame(false, 1)
	b.forward()
	out, in := b.numbers()
	if !slices.Equal(in, []uint16{65530, 65531, 65533}) || out[2] != out[1]+2 {
		t.Errorf("sent %v as %v", in, out)
	}
	if b.dropped("write") != 1 {
		t.Errorf("%v dropped", b.dropped("write"))
	}
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	if got := b.f.resend(out[1] + 1); got != "sent_again" {
		t.Errorf("asked for again: %s", got)
	}
	rtx := b.out.packets[len(b.out.packets)-1]
	if binary.BigEndian.Uint32(rtx[8:]) != 2 || rtx[1]&0x7f != 97 || binary.BigEndian.Uint16(rtx[12:]) != out[1]+1 {
		t.Errorf("%x", rtx)
	}
}

func TestBatchesEndWithTheFrame(t *testing.T) {
	b := newBench(t, h264Info)
	b.frame(true, 40)
	b.forward()
	if b.out.flushes != 3 { // after 16, 32 and at the end
		t.Errorf("%d flushes", b.out.flushes)
	}
}

func TestAViewerIsToldTheExtensionsInItsOwnNumbers(t *testing.T) {
	info := h264Info
	info.Extensions = []wire.Extension{{ID: 9, URI: extPlayoutDelay}}
	b := newBench(t, info)
	b.f.chosen.exts = []string{extPlayoutDelay}
	b.f.chosen.section.exts = map[string]uint8{extPlayoutDelay: 3}
	b.f.rewriter = nil
	b.f.begin(b.track, 0)
	p := pionrtp.Packet{Header: pionrtp.Header{Version: 2, SequenceNumber: 1, SSRC: 9, Marker: true}, Payload: []byte{0x65, 1, 2}}
	for id, data := range map[uint8][]byte{9: {1, 2, 3}, 5: {7}} {
		if err := p.SetExtension(id, data); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.track.Write(0, raw, b.now); err != nil {
		t.Fatal(err)
	}
	b.forward()
	var got pionrtp.Packet
	if err := got.Unmarshal(b.out.packets[0]); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.GetExtension(3), []byte{1, 2, 3}) || len(got.GetExtensionIDs()) != 1 {
		t.Errorf("%v", got.Header)
	}
	// Another publisher numbers them in another way: the stream goes on.
	info.Extensions = []wire.Extension{{ID: 4, URI: extPlayoutDelay}}
	b.track = relay.NewTrack(b.track.ID(), info, 2)
	b.now = b.now.Add(time.Second)
	b.f.begin(b.track, 0)
	b.reader = b.track.Reader(0)
	b.frame(true, 1)
	b.forward()
	out, _ := b.numbers()
	if out[1] != out[0]+1 {
		t.Errorf("%v", out)
	}
	before, after := binary.BigEndian.Uint32(b.out.packets[0][4:]), binary.BigEndian.Uint32(b.out.packets[1][4:])
	if d := after - before; d != 90000 {
		t.Errorf("RTP time moved by %d in a second", d)
	}
}

// written is a TrackLocalWriter that keeps what pion would seal.
type written struct{ packets []pionrtp.Packet }

func (w *written) WriteRTP(h *pionrtp.Header, payload []byte) (int, error) {
	w.packets = append(w.packets, pionrtp.Packet{Header: h.Clone(), Payload: bytes.Clone(payload)})
	return len(payload), nil
}

func (w *written) Write([]byte) (int, error) { return 0, errors.New("not used") }

func TestPionSenderLeavesOutPadding(t *testing.T) {
	w := &written{}
	s := &pionSender{to: w}
	padded := []byte{0xa0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 'a', 'b', 0, 0, 3}
	onlyPadding := []byte{0xa0, 96, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 3}
	for _, p := range [][]byte{padded, onlyPadding} {
		if err := s.write(append(s.buffer(), p...)); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.packets[0]; got.Padding || got.PaddingSize != 0 || string(got.Payload) != "ab" || got.SequenceNumber != 1 {
		t.Errorf("%+v", got)
	}
	if got := w.packets[1]; got.Padding || len(got.Payload) != 0 {
		t.Errorf("%+v", got)
	}
	if err := s.write([]byte{0x80}); err == nil {
		t.Error("what is no packet was sent")
	}
}

func TestAKeyFrameOutOfTheRingIsSpreadAndSoundIsNot(t *testing.T) {
	audio := wire.TrackInfo{Kind: wire.Audio, Mime: "audio/opus", Clock: 48000, Channels: 2}
	for name, c := range map[string]struct {
		info    wire.TrackInfo
		packets int
		waits   bool
	}{
		"a frame between key frames":  {h264Info, 40, false},
		"a key frame of 4K":           {h264Info, 600, true},
		"as many packets with sounds": {audio, 600, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, c.info)
			b.payload = 1180
			waited := time.Duration(0)
			b.frame(true, c.packets)
			for p := b.reader.Try(); p != nil; p = b.reader.Try() {
				if err := b.f.packet(b.track, p, b.now); err != nil {
					t.Fatal(err)
				}
				pause := b.f.takePause() // as carry does
				waited += pause
				b.now = b.now.Add(pause)
			}
			if (waited > 0) != c.waits || c.waits && (waited < 50*time.Millisecond || waited > 70*time.Millisecond) {
				t.Errorf("waited %v", waited)
			}
		})
	}
}

func TestRepairsArePacedWithTheRest(t *testing.T) {
	b := newBench(t, h264Info)
	b.payload = 1180
	b.frame(true, 100)
	b.forward()
	b.now = b.now.Add(time.Second)
	b.f.pause = 0
	out, _ := b.numbers()
	for i := 0; i+17 <= len(out); i += 17 {
		b.f.nacked(&rtcp.TransportLayerNack{Nacks: []rtcp.NackPair{{PacketID: out[i], LostPackets: 0xffff}}})
	}
	if d := b.f.pause; d <= 0 {
		t.Errorf("%d repairs at once, and %v to wait", len(b.out.packets)-100, d)
	}
}

func TestWhatIsOnItsWayIsNotSentOnceMore(t *testing.T) {
	b := newBench(t, h264Info)
	b.frame(true, 4)
	b.forward()
	out, _ := b.numbers()
	b.f.choice.Reported(0, 250*time.Millisecond, b.now) // a full queue
	ask := func() int {
		b.now = b.now.Add(100 * time.Millisecond) // as viewers ask
		b.f.nacked(&rtcp.TransportLayerNack{Nacks: []rtcp.NackPair{{PacketID: out[1]}, {PacketID: out[2]}}})
		return len(b.out.packets) - len(out)
	}
	for i, want := range []int{2, 2, 2, 4} {
		if got := ask(); got != want {
			t.Fatalf("%d repairs of two packets after %d requests, want %d", got, i+1, want)
		}
	}
}

func TestAKeyFrameIsSpreadByWhatTheViewersPathTakes(t *testing.T) {
	for name, c := range map[string]struct {
		estimate float64 // bits a second
		stream   float64 // bytes a second
		atLeast  time.Duration
		atMost   time.Duration
	}{
		"a path of 20 Mbps":                     {20e6, 0, 95 * time.Millisecond, 110 * time.Millisecond},
		"one that says nothing yet":             {0, 0, 950 * time.Millisecond, 1050 * time.Millisecond},
		"one that takes less than there is":     {1e6, 20e6 / 8, 165 * time.Millisecond, 180 * time.Millisecond},
		"a path of a Gbps need not wait at all": {1e9, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, h264Info)
			b.payload = 1180
			b.f.rate = c.stream
			b.f.feedback(&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: float32(c.estimate), SSRCs: []uint32{7, 1}})
			b.f.feedback(&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1, SSRCs: []uint32{7}}) // of another stream
			var waited time.Duration
			b.frame(true, 575)
			for p := b.reader.Try(); p != nil; p = b.reader.Try() {
				if err := b.f.packet(b.track, p, b.now); err != nil {
					t.Fatal(err)
				}
				pause := b.f.takePause()
				waited += pause
				b.now = b.now.Add(pause)
			}
			if waited < c.atLeast || waited > c.atMost {
				t.Errorf("waited %v", waited)
			}
		})
	}
}

func TestWhatViewersTellOfTheirReceptionIsCounted(t *testing.T) {
	b := newBench(t, h264Info)
	sent := ntp(b.now)
	b.now = b.now.Add(150 * time.Millisecond)
	b.f.feedback(&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{
		{SSRC: 1, FractionLost: 64, LastSenderReport: uint32(sent >> 16), Delay: 65536 / 10}, // held for 100 ms
		{SSRC: 1, LastSenderReport: uint32(sent>>16) + 1<<20},                                // of the future
		{SSRC: 1}, // no sender report yet
		{SSRC: 9, FractionLost: 255, LastSenderReport: uint32(sent >> 16)}, // of another stream
	}})
	var loss, rtt dto.Metric
	if err := errors.Join(b.f.metrics.viewerLoss.Write(&loss), b.f.metrics.viewerRTT.Write(&rtt)); err != nil {
		t.Fatal(err)
	}
	if h := loss.GetHistogram(); h.GetSampleCount() != 3 || h.GetSampleSum() != 0.25 {
		t.Errorf("loss: %v", h)
	}
	if h := rtt.GetHistogram(); h.GetSampleCount() != 1 || math.Abs(h.GetSampleSum()-.05) > .001 {
		t.Errorf("round trip: %v", h)
	}
}
