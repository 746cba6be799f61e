package main

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"

	"stentor/control/client"
	"stentor/demo/clip"
	"stentor/demo/rtcclient"
)

// obs publishes as OBS's output for WHIP does, going by its documentation: it gathers all
// candidates and trickles none, sends a bearer and keeps it when it is redirected, wants
// exactly 201 with a body, puts the Location into the address of the answer, ignores
// requests for key frames, and ends with a DELETE that has to be answered 200.
func (f *foreign) obs(t *testing.T) {
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(net.IP.IsLoopback)
	h264 := webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90000, SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}
	engine := &webrtc.MediaEngine{}
	if err := engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: h264, PayloadType: 96}, webrtc.RTPCodecTypeVideo); err != nil {
		t.Fatal(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(engine)).NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	video, err := webrtc.NewTrackLocalStaticSample(h264, "obs", "obs")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pc.AddTransceiverFromTrack(video, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
		t.Fatal(err)
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	// The node that it is set to drains, and sends it on.
	if err := f.operator(t).Drain(f.ctx(), f.Nodes[n2].Name); err != nil {
		t.Fatal(err)
	}
	answer, session := f.obsPost(t, f.At(f.stage(), n2), pc.LocalDescription().SDP)
	if !strings.HasPrefix(session, f.Nodes[n1].URL) {
		t.Errorf("the session is at %s", session)
	}
	if err := f.operator(t).Undrain(f.ctx(), f.Nodes[n2].Name); err != nil {
		t.Fatal(err)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	defer close(stop)
	go feed(video, stop)
	f.live(t)
	var p *rtcclient.Player
	f.eventually(t, "a player joins late", func() (bool, error) { p, _ = f.play(n2, f.Webinar.PIN); return p != nil, nil })
	defer p.Close()
	if s, err := p.Wait(f.ctx(), func(s rtcclient.PlayerStats) bool { return s.WholeFrames >= enough }); err != nil {
		t.Fatalf("%v after %+v", err, s)
	}
	req, err := http.NewRequestWithContext(f.ctx(), http.MethodDelete, session, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.PresenterSecret)
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("DELETE: %v %v", res, err)
	}
	res.Body.Close()
}

// operator is a client of the control API that may drain nodes.
func (f *foreign) operator(t *testing.T) *client.Client {
	t.Helper()
	c, err := client.New(f.API, f.AdminToken)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// obsPost posts an offer and returns the answer and the session's address.
func (f *foreign) obsPost(t *testing.T, at, offer string) (answer, session string) {
	t.Helper()
	asked := at
	keep := &http.Client{CheckRedirect: func(next *http.Request, before []*http.Request) error {
		next.Header.Set("Authorization", before[0].Header.Get("Authorization"))
		asked = next.URL.String()
		return nil
	}}
	req, err := http.NewRequestWithContext(f.ctx(), http.MethodPost, at, strings.NewReader(offer))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/sdp")
	req.Header.Set("Authorization", "Bearer "+f.PresenterSecret)
	req.Header.Set("User-Agent", "Mozilla/5.0 (OBS-Studio/31.0.0; Linux; en-US)")
	res, err := keep.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusCreated || len(b) == 0 {
		t.Fatalf("%d %s %v", res.StatusCode, b, err)
	}
	location := res.Header.Get("Location")
	if strings.HasPrefix(location, "http") {
		return string(b), location
	}
	u, err := url.Parse(asked)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = location // with the query of the address that was asked
	return string(b), u.String()
}

// feed sends the demo's clip, whatever the other side asks for.
func feed(video *webrtc.TrackLocalStaticSample, stop <-chan struct{}) {
	pictures, err := clip.Load()
	if err != nil {
		return
	}
	tick := time.NewTicker(time.Second / 30)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		if video.WriteSample(media.Sample{Data: pictures.Video[i%len(pictures.Video)].Data, Duration: time.Second / 30}) != nil {
			return
		}
	}
}
