package rtcclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"stentor/demo/h264"
)

// PlayerConfig is what a Player watches.
type PlayerConfig struct {
	URL    string       // the WHEP endpoint
	Bearer string       // a session token, an invite's secret, or the PIN
	HTTP   *http.Client // nil: http.DefaultClient
	Logger *slog.Logger // nil: silent
	// OnFrame gets every picture, one at a time and in order. It must not wait.
	OnFrame func(Frame)
}

// PlayerStats is what arrived.
type PlayerStats struct {
	Width, Height int // of the picture, by its parameter sets
	Frames        int // of video
	WholeFrames   int // of which no packet is missing
	KeyFrames     int
	Packets       int // of video, repaired ones included
	Repaired      int // of video, that came by RTX
	Lost          int // of video, never repaired
	Audio         int // packets
	AudioLost     int
	Bytes         int // of both, payload only

	// From the capture of a whole frame to its last packet here, over the last few
	// minutes, of frames taken since Play. It counts the clocks' difference in, where
	// those are two.
	LatencyP50, LatencyP99, LatencyMax time.Duration

	Connected  time.Duration // from Play to media being able to flow
	FirstFrame time.Duration // from Play to the first whole key frame; 0: none yet
	LastPacket time.Time
	FirstAt    time.Time // when the first whole key frame was there
}

// Player watches one webinar by WHEP, and measures what it gets.
type Player struct {
	cfg   PlayerConfig
	link  *link
	began time.Time

	close sync.Once

	receiving sync.Mutex // guards the following
	video     order
	pictures  frames

	mu      sync.Mutex // guards the following
	stats   PlayerStats
	delay   latencies
	changed chan struct{} // closed when stats change
}

// Play connects to a WHEP endpoint and returns the player once media can flow. ctx
// bounds the connecting; the player then lives until [Player.Close] or until the
// server ends the session. A server that says no is a [*Refusal]; see [NotLive]
// and [Code].
func Play(ctx context.Context, c PlayerConfig) (*Player, error) {
	if c.HTTP == nil {
		c.HTTP = http.DefaultClient
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Player{cfg: c, began: time.Now(), changed: make(chan struct{})}
	p.pictures = frames{keep: c.OnFrame != nil, done: p.frame, size: p.size}
	interceptors, err := p.interceptors()
	if err != nil {
		return nil, err
	}
	l, err := newLink(c.URL, interceptors, c.Logger)
	if err != nil {
		return nil, err
	}
	p.link = l
	l.pc.OnTrack(p.read)
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		_, err := l.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		if err != nil {
			_ = l.pc.Close()
			return nil, fmt.Errorf("rtcclient: %w", err)
		}
	}
	if err := l.connect(ctx, c.HTTP, c.URL, c.Bearer); err != nil {
		p.Close()
		return nil, err
	}
	p.note(func(s *PlayerStats) { s.Connected = time.Since(p.began) })
	return p, nil
}

// Done is closed when the session is over, whoever ended it.
func (p *Player) Done() <-chan struct{} { return p.link.done }

// Stats returns what arrived so far.
func (p *Player) Stats() PlayerStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	q := p.delay.quantiles(0.5, 0.99, 1)
	s.LatencyP50, s.LatencyP99, s.LatencyMax = q[0], q[1], q[2]
	return s
}

// Close ends the session, at the server too.
func (p *Player) Close() {
	p.close.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), endWithin)
		defer cancel()
		p.link.close(ctx)
	})
}

// ErrEnded is what [Player.Wait] returns when the session was over too early.
var ErrEnded = errors.New("rtcclient: the session ended")

// Wait waits until what has arrived is as much as enough says. It looks after every
// packet.
func (p *Player) Wait(ctx context.Context, enough func(PlayerStats) bool) (PlayerStats, error) {
	for {
		p.mu.Lock()
		changed := p.changed
		p.mu.Unlock()
		s := p.Stats()
		if enough(s) {
			return s, nil
		}
		select {
		case <-changed:
		case <-p.Done():
			return s, ErrEnded
		case <-ctx.Done():
			return s, ctx.Err()
		}
	}
}

func (p *Player) note(change func(*PlayerStats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.stats)
	close(p.changed)
	p.changed = make(chan struct{})
}

// read reads a track until the connection is over. It is on a goroutine of its own.
func (p *Player) read(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	if track.Kind() == webrtc.RTPCodecTypeAudio {
		p.readAudio(track)
		return
	}
	p.receiving.Lock()
	p.pictures.capture = captureID(receiver.GetParameters())
	p.receiving.Unlock()
	go p.ask(uint32(track.SSRC()))
	for {
		packet, attributes, err := track.ReadRTP()
		if err != nil {
			return
		}
		if attributes.Get(webrtc.AttributeRtxSequenceNumber) == nil { // those came by repairs already
			p.arrived(packet, false)
		}
	}
}

func (p *Player) readAudio(track *webrtc.TrackRemote) {
	var sequence order
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		now := time.Now()
		sequence.push(arrival{packet, now}, func(arrival, int) {})
		p.note(func(s *PlayerStats) {
			s.Bytes += len(packet.Payload)
			s.LastPacket = now
			s.Audio++
			s.AudioLost = sequence.lost
		})
	}
}

// arrived takes a packet of video.
func (p *Player) arrived(packet *rtp.Packet, repaired bool) {
	p.receiving.Lock()
	defer p.receiving.Unlock()
	now := time.Now()
	p.video.push(arrival{packet, now}, p.pictures.packet)
	p.note(func(s *PlayerStats) {
		s.Bytes += len(packet.Payload)
		s.LastPacket = now
		s.Packets++
		s.Lost = p.video.lost
		if repaired {
			s.Repaired++
		}
	})
}

// ask asks for missing packets of video until the connection is over.
func (p *Player) ask(media uint32) {
	tick := time.NewTicker(nackEvery)
	defer tick.Stop()
	for {
		select {
		case <-p.Done():
			return
		case <-tick.C:
		}
		p.receiving.Lock()
		packets := nackFor(media, p.video.missing(time.Now()))
		p.receiving.Unlock()
		if packets != nil {
			_ = p.link.pc.WriteRTCP(packets) // lost, as on any network
		}
	}
}

func (p *Player) frame(f Frame) {
	p.note(func(s *PlayerStats) {
		s.Frames++
		if f.Key {
			s.KeyFrames++
		}
		if !f.Whole {
			return
		}
		s.WholeFrames++
		if f.Key && s.FirstAt.IsZero() {
			s.FirstAt, s.FirstFrame = f.Arrived, f.Arrived.Sub(p.began)
		}
		// What was taken before we came lay in the server's ring until then.
		if f.Capture.After(p.began) {
			p.delay.add(f.Arrived.Sub(f.Capture))
		}
	})
	if p.cfg.OnFrame != nil {
		p.cfg.OnFrame(f)
	}
}

func (p *Player) size(s h264.SPS) {
	p.note(func(stats *PlayerStats) { stats.Width, stats.Height = s.Width, s.Height })
}

// interceptors restore repaired packets and send receiver reports.
func (p *Player) interceptors() (*interceptor.Registry, error) {
	reports, err := report.NewReceiverInterceptor()
	if err != nil {
		return nil, fmt.Errorf("rtcclient: %w", err)
	}
	r := &interceptor.Registry{}
	r.Add(&repairs{payload: uint8(repairFormat.PayloadType), restore: func(packet *rtp.Packet) { p.arrived(packet, true) }})
	r.Add(reports)
	return r, nil
}
