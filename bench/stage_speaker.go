package main

import (
	"context"
	"net/http"
	"time"

	pionrtp "github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"stentor/bench/rig"
	"stentor/control/client"
)

// A speaker sends as little as counts as a picture: ten frames of VP8 a second, each a packet and a key frame.
type speaker struct {
	pc      *webrtc.PeerConnection
	session string // by which it goes
	token   string
	stop    context.CancelFunc
	began   time.Time // when the first packet went out
}

// speak has somebody come to the stage, and returns once they send.
func (s *stageScenario) speak(ctx context.Context, api *client.Client, m *rig.Mesh, w client.Webinar, name string) (*speaker, error) {
	invite, err := api.Invite(ctx, w.ID, client.CreateInvite{Name: name, Role: "presenter"})
	if err != nil {
		return nil, err
	}
	var e webrtc.SettingEngine
	e.SetIncludeLoopbackCandidate(true)
	e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	peers, err := viewerAPI(e)
	if err != nil {
		return nil, err
	}
	p := &speaker{token: invite.Secret}
	if p.pc, err = peers.NewPeerConnection(webrtc.Configuration{}); err != nil {
		return nil, err
	}
	up := connected(p.pc)
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, "video", name)
	if err != nil {
		return nil, err
	}
	if _, err := p.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
		return nil, err
	}
	offer, err := described(p.pc, p.pc.CreateOffer)
	if err != nil {
		return nil, err
	}
	answer, session, err := exchange(ctx, http.DefaultClient, m.Nodes[0].URL+"/whip/"+w.Link+"/"+name, p.token, offer)
	if err != nil {
		return nil, err
	}
	p.session = m.Nodes[0].URL + session
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return nil, err
	}
	if err := within(ctx, up); err != nil {
		return nil, err
	}
	ctx, p.stop = context.WithCancel(ctx)
	p.began = time.Now()
	go p.play(ctx, track)
	return p, nil
}

// play sends until ctx is done.
func (p *speaker) play(ctx context.Context, track *webrtc.TrackLocalStaticRTP) {
	picture := make([]byte, 200)
	copy(picture, []byte{0x10, 0x50, 0x01, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00}) // RFC 7741: descriptor, key frame, 320x180
	for n := uint16(0); ; n++ {
		packet := &pionrtp.Packet{Header: pionrtp.Header{Version: 2, Marker: true, SequenceNumber: n, Timestamp: uint32(n) * 9000}, Payload: picture}
		if err := track.WriteRTP(packet); err != nil || sleep(ctx, 100*time.Millisecond) != nil {
			return
		}
	}
}

// leave goes from the stage.
func (p *speaker) leave() {
	p.stop()
	if req, err := http.NewRequest(http.MethodDelete, p.session, nil); err == nil {
		req.Header.Set("Authorization", "Bearer "+p.token)
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
		}
	}
	_ = p.pc.Close()
}
