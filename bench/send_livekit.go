package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"time"

	pionrtp "github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"stentor/relay/rtp"
)

// openLivekit starts livekit-server and what speaks its signalling (bench/livekit), and publishes the film to it by
// WebRTC: it has no other way in. So its cost holds one stream's way in, which the others' does not.
func (s *sendScenario) openLivekit(ctx context.Context) (*sendSeat, error) {
	seat := &sendSeat{cmd: exec.CommandContext(ctx, s.Livekit, "--server", s.LivekitServer, "--core", strconv.Itoa(s.Server))}
	seat.cmd.Stderr = os.Stderr
	if err := seat.start(); err != nil {
		return nil, err
	}
	p := &livekitPublisher{}
	if err := p.publish(ctx, seat); err != nil {
		seat.stop()
		return nil, err
	}
	seat.ended = func() { _ = p.pc.Close() }
	return seat, nil
}

// livekitPublisher plays the film to livekit-server.
type livekitPublisher struct {
	pc      *webrtc.PeerConnection
	track   *webrtc.TrackLocalStaticRTP
	capture uint8 // the extension's number
}

func (p *livekitPublisher) publish(ctx context.Context, seat *sendSeat) error {
	var e webrtc.SettingEngine
	e.SetIncludeLoopbackCandidate(true)
	e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	api, err := viewerAPI(e)
	if err != nil {
		return err
	}
	if p.pc, err = api.NewPeerConnection(webrtc.Configuration{}); err != nil {
		return err
	}
	p.track, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90000, SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}, "video", "main")
	if err != nil {
		return err
	}
	sender, err := p.pc.AddTrack(p.track)
	if err != nil {
		return err
	}
	go func() { // feedback has to be read, for the interceptors
		for b := make([]byte, 1500); ; {
			if _, _, err := sender.Read(b); err != nil {
				return
			}
		}
	}()
	up := connected(p.pc)
	offer, err := described(p.pc, p.pc.CreateOffer)
	if err != nil {
		return err
	}
	a, err := seat.ask(sendQuestion{Offer: offer})
	if err != nil {
		return err
	}
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: a.Answer}); err != nil {
		return err
	}
	for _, ext := range sender.GetParameters().HeaderExtensions {
		if ext.URI == rtp.CaptureURI {
			p.capture = uint8(ext.ID)
		}
	}
	if err := within(ctx, up); err != nil {
		return err
	}
	go (&source{film: filmOf("video"), pace: 5 * videoRate / 2}).run(ctx, videoGroup, p)
	return sleep(ctx, time.Second) // the server tells of a track when its first packets are there
}

func (p *livekitPublisher) begin(uint32) {}
func (p *livekitPublisher) end()         {}

func (p *livekitPublisher) packet(b []byte, _ time.Time) {
	var packet pionrtp.Packet
	if packet.Unmarshal(b) != nil {
		return
	}
	capture := packet.GetExtension(captureID)
	packet.Header.Extensions = nil
	if err := packet.SetExtension(p.capture, capture); err != nil {
		return
	}
	_ = p.track.WriteRTP(&packet)
}

// described makes one side's description with all candidates in it.
func described[O any](pc *webrtc.PeerConnection, create func(*O) (webrtc.SessionDescription, error)) (string, error) {
	d, err := create(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(d); err != nil {
		return "", err
	}
	<-gathered
	return pc.LocalDescription().SDP, nil
}

// connected returns a channel that is closed when the transport is up.
func connected(pc *webrtc.PeerConnection) <-chan struct{} {
	up := make(chan struct{})
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			close(up)
		}
	})
	return up
}

func within(ctx context.Context, up <-chan struct{}) error {
	select {
	case <-up:
		return nil
	case <-time.After(10 * time.Second): // a server whose core is full takes its time
		return errors.New("not connected")
	case <-ctx.Done():
		return ctx.Err()
	}
}
