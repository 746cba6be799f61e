package web_test

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// forwarder stands in for the media of a node: it takes one publisher by WHIP and
// passes the packets on to viewers by WHEP, as they are.
type forwarder struct {
	t   *testing.T
	api *webrtc.API

	mu     sync.Mutex // guards the following
	tracks []*webrtc.TrackLocalStaticRTP
	source *webrtc.PeerConnection
	ssrc   webrtc.SSRC // of the video
	all    []*webrtc.PeerConnection
	onair  func(bool)
}

func newForwarder(t *testing.T, onair func(bool)) *forwarder {
	var engine webrtc.SettingEngine
	engine.SetIncludeLoopbackCandidate(true)
	engine.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	f := &forwarder{t: t, api: webrtc.NewAPI(webrtc.WithSettingEngine(engine)), onair: onair}
	t.Cleanup(func() {
		f.mu.Lock()
		all := f.all
		f.mu.Unlock()
		for _, pc := range all {
			_ = pc.Close()
		}
	})
	return f
}

// connection makes one peer connection that ends with the test.
func (f *forwarder) connection() (*webrtc.PeerConnection, error) {
	pc, err := f.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, pc)
	return pc, nil
}

// publish answers a presenter's offer.
func (f *forwarder) publish(offer string) (string, error) {
	pc, err := f.connection()
	if err != nil {
		return "", err
	}
	pc.OnTrack(func(in *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { f.forward(pc, in) })
	return answer(pc, offer)
}

// forward copies one track until it ends.
func (f *forwarder) forward(pc *webrtc.PeerConnection, in *webrtc.TrackRemote) {
	out, err := webrtc.NewTrackLocalStaticRTP(in.Codec().RTPCodecCapability, in.Kind().String(), "main")
	if err != nil {
		f.t.Error(err)
		return
	}
	f.mu.Lock()
	f.tracks, f.source = append(f.tracks, out), pc
	if in.Kind() == webrtc.RTPCodecTypeVideo {
		f.ssrc = in.SSRC()
	}
	ready := len(f.tracks) == 2
	f.mu.Unlock()
	if ready {
		f.onair(true)
	}
	for {
		p, _, err := in.ReadRTP()
		if err != nil {
			return
		}
		if err := out.WriteRTP(p); err != nil && !errors.Is(err, io.ErrClosedPipe) {
			return
		}
	}
}

// view answers a viewer's offer.
func (f *forwarder) view(offer string) (string, error) {
	pc, err := f.connection()
	if err != nil {
		return "", err
	}
	f.mu.Lock()
	tracks := f.tracks
	f.mu.Unlock()
	for _, track := range tracks {
		sender, err := pc.AddTrack(track)
		if err != nil {
			return "", err
		}
		go f.repeatKeyFrames(sender)
	}
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			f.keyFrame()
		}
	})
	return answer(pc, offer)
}

// repeatKeyFrames passes a viewer's wish for a key frame on to the presenter.
func (f *forwarder) repeatKeyFrames(s *webrtc.RTPSender) {
	for {
		packets, _, err := s.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			if _, ok := p.(*rtcp.PictureLossIndication); ok {
				f.keyFrame()
			}
		}
	}
}

func (f *forwarder) keyFrame() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.source != nil { // it may have hung up meanwhile
		_ = f.source.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(f.ssrc)}})
	}
}

// stop is the presenter's DELETE.
func (f *forwarder) stop() {
	f.mu.Lock()
	source := f.source
	f.tracks, f.source = nil, nil
	f.mu.Unlock()
	if source != nil {
		_ = source.Close()
	}
	f.onair(false)
}

func answer(pc *webrtc.PeerConnection, offer string) (string, error) {
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	a, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(a); err != nil {
		return "", err
	}
	<-gathered
	return pc.LocalDescription().SDP, nil
}

// signal answers one WHIP or WHEP request by one of the two above.
func (f *forwarder) signal(w http.ResponseWriter, r *http.Request, way func(string) (string, error)) {
	offer, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil {
		problem(w, 400, "body_cut_off", err.Error(), "")
		return
	}
	sdp, err := way(string(offer))
	if err != nil {
		f.t.Errorf("no answer: %v", err)
		problem(w, 500, "internal", err.Error(), "")
		return
	}
	w.Header().Set("Content-Type", "application/sdp")
	w.Header().Set("Location", r.URL.Path+"/session")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, sdp)
}
