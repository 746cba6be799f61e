package rtcclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"stentor/demo/clip"
)

const (
	// repairPackets is how many packets can be sent again: eight seconds of the clip.
	repairPackets = 4096
	// A node that restarts is away for seconds, and a mesh should not hear from its
	// publishers in one instant when it is back.
	firstRetry = 250 * time.Millisecond
	lastRetry  = 5 * time.Second
	// endWithin is how long saying goodbye may take.
	endWithin = 2 * time.Second
)

// PublisherConfig is where a Publisher sends what.
type PublisherConfig struct {
	URL    string       // the WHIP endpoint
	Bearer string       // an invite's secret or a session token
	Clip   *clip.Clip   // what to send
	HTTP   *http.Client // nil: http.DefaultClient
	Logger *slog.Logger // nil: silent
}

// PublisherStats is what a Publisher did since its start.
type PublisherStats struct {
	Connected       bool
	Sessions        int // that were connected, one after the other
	Frames          int // of video
	KeyFrames       int
	LateFrames      int // sent more than a frame's time after they were due
	Packets, Bytes  int // of video and sound, payload only
	PLIs            int // requests for a key frame; the clip has one each second and no others
	NACKed          int // packets that the server asked for again
	LastError       error
	ConnectedSince  time.Time
	FirstConnection time.Duration // from the start of Run
}

// Publisher sends the clip by WHIP, round after round, and connects again when the
// server goes away.
//
// A file makes no key frame on demand: requests for one are counted, and answered by
// the next, at most a second later.
type Publisher struct {
	cfg PublisherConfig
	log *slog.Logger
	up  chan struct{} // closed by the first connection

	mu    sync.Mutex // guards the following
	stats PublisherStats
}

// NewPublisher returns a Publisher. It starts nothing: see [Publisher.Run].
func NewPublisher(c PublisherConfig) *Publisher {
	if c.HTTP == nil {
		c.HTTP = http.DefaultClient
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Publisher{cfg: c, log: c.Logger, up: make(chan struct{})}
}

// Connected is closed when media flows for the first time.
func (p *Publisher) Connected() <-chan struct{} { return p.up }

// Stats returns what happened so far.
func (p *Publisher) Stats() PublisherStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

// Run publishes until ctx is done, and returns nil then, with the session deleted.
// It returns an error only where asking again is of no use, such as a [*Refusal] of
// the bearer.
func (p *Publisher) Run(ctx context.Context) error {
	began := time.Now()
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		connected, err := p.session(ctx, began)
		if ctx.Err() != nil {
			return nil
		}
		p.note(func(s *PublisherStats) { s.Connected, s.LastError = false, err })
		var refused *Refusal
		if errors.As(err, &refused) && refused.final() {
			return err
		}
		if connected {
			wait = firstRetry
		}
		pause := wait/2 + rand.N(wait/2)
		if refused != nil {
			pause = max(pause, refused.RetryAfter)
		}
		p.log.Info("publishing is interrupted", "err", err, "again_in", pause.Round(time.Millisecond))
		if sleepUntil(ctx, time.Now().Add(pause)) != nil {
			return nil
		}
	}
}

func (p *Publisher) note(change func(*PublisherStats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.stats)
}

// session is one connection from offer to end.
func (p *Publisher) session(ctx context.Context, began time.Time) (connected bool, err error) {
	interceptors, err := publisherInterceptors()
	if err != nil {
		return false, err
	}
	l, err := newLink(p.cfg.URL, interceptors, p.log)
	if err != nil {
		return false, err
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
		defer cancel()
		l.close(ending)
	}()
	video, audio := videoSource(p.cfg.Clip), audioSource(p.cfg.Clip)
	videoSender, err := p.add(l, videoFormat, video)
	if err != nil {
		return false, err
	}
	audioSender, err := p.add(l, audioFormat, audio)
	if err != nil {
		return false, err
	}
	if err := l.connect(ctx, p.cfg.HTTP, p.cfg.URL, p.cfg.Bearer); err != nil {
		return false, err
	}
	video.capture = captureID(videoSender.GetParameters().RTPParameters)
	audio.capture = captureID(audioSender.GetParameters().RTPParameters)
	p.begun(began)
	return true, p.play(ctx, l, video, audio)
}

func (p *Publisher) begun(began time.Time) {
	p.note(func(s *PublisherStats) {
		s.Connected, s.LastError, s.ConnectedSince = true, nil, time.Now()
		if s.Sessions++; s.Sessions == 1 {
			s.FirstConnection = time.Since(began)
			close(p.up)
		}
	})
}

// play sends both tracks, from the same instant, until the connection or ctx ends.
func (p *Publisher) play(ctx context.Context, l *link, sources ...*source) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	start := time.Now()
	var sending sync.WaitGroup
	for _, s := range sources {
		sending.Go(func() { cancel(s.run(ctx, start)) })
	}
	select {
	case <-l.done:
		cancel(errors.New("rtcclient: the connection was lost"))
	case <-ctx.Done():
	}
	sending.Wait()
	return context.Cause(ctx)
}

// add gives the connection a track that s writes to, and reads what the server says
// about it.
func (p *Publisher) add(l *link, format webrtc.RTPCodecParameters, s *source) (*webrtc.RTPSender, error) {
	kind := "audio"
	if s.marks {
		kind = "video"
	}
	track, err := webrtc.NewTrackLocalStaticRTP(format.RTPCodecCapability, kind, "stentor")
	if err != nil {
		return nil, fmt.Errorf("rtcclient: %w", err)
	}
	transceiver, err := l.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return nil, fmt.Errorf("rtcclient: %w", err)
	}
	s.seq, s.base, s.write = uint16(rand.Uint32()), rand.Uint32(), track.WriteRTP
	s.sent = func(packets, bytes int, key, late bool) { p.count(s.marks, packets, bytes, key, late) }
	go p.listen(transceiver.Sender())
	return transceiver.Sender(), nil
}

func (p *Publisher) count(video bool, packets, bytes int, key, late bool) {
	p.note(func(s *PublisherStats) {
		s.Packets += packets
		s.Bytes += bytes
		if !video {
			return
		}
		s.Frames++
		if key {
			s.KeyFrames++
		}
		if late {
			s.LateFrames++
		}
	})
}

// listen reads the feedback on one track until the connection is closed. Reading is
// also what lets pion answer NACKs.
func (p *Publisher) listen(s *webrtc.RTPSender) {
	for {
		packets, _, err := s.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch r := packet.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				p.note(func(s *PublisherStats) { s.PLIs++ })
			case *rtcp.TransportLayerNack:
				lost := 0
				for _, pair := range r.Nacks {
					lost += len(pair.PacketList())
				}
				p.note(func(s *PublisherStats) { s.NACKed += lost })
			}
		}
	}
}

// publisherInterceptors answer NACKs from the last packets, as RTX (RFC 4588), and
// send sender reports.
func publisherInterceptors() (*interceptor.Registry, error) {
	again, err := nack.NewResponderInterceptor(nack.ResponderSize(repairPackets))
	if err != nil {
		return nil, fmt.Errorf("rtcclient: %w", err)
	}
	reports, err := report.NewSenderInterceptor()
	if err != nil {
		return nil, fmt.Errorf("rtcclient: %w", err)
	}
	r := &interceptor.Registry{}
	r.Add(again)
	r.Add(reports)
	return r, nil
}
