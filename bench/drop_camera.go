package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// A camera publishes a film in several sizes at once, by WHIP (RFC 9725) and simulcast (RFC 8853).
type camera struct {
	pc       *webrtc.PeerConnection
	tracks   []*webrtc.TrackLocalStaticRTP // one for each size
	section  string
	mid, rid uint8           // numbers of the header extensions
	keys     []chan struct{} // one for each size: a key frame is asked for
}

// call connects to a WHIP endpoint.
func (c *camera) call(ctx context.Context, url, bearer string) error {
	sender, err := c.offer()
	if err != nil {
		return err
	}
	up := connected(c.pc)
	offer, err := described(c.pc, c.pc.CreateOffer)
	if err != nil {
		return err
	}
	answer, err := whip(ctx, url, bearer, offer)
	if err != nil {
		return err
	}
	if err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return err
	}
	c.section = c.pc.GetTransceivers()[0].Mid()
	for _, e := range sender.GetParameters().HeaderExtensions {
		switch {
		case strings.HasSuffix(e.URI, "sdes:mid"):
			c.mid = uint8(e.ID)
		case strings.HasSuffix(e.URI, "sdes:rtp-stream-id"):
			c.rid = uint8(e.ID)
		}
	}
	if c.mid == 0 || c.rid == 0 {
		return errors.New("the node takes no sizes")
	}
	return within(ctx, up)
}

func (c *camera) offer() (*webrtc.RTPSender, error) {
	m := &webrtc.MediaEngine{}
	coded := webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90000, SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}
	offered := coded
	offered.RTCPFeedback = []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}}
	err := errors.Join(
		m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: offered, PayloadType: 102}, webrtc.RTPCodecTypeVideo),
		webrtc.ConfigureSimulcastExtensionHeaders(m),
	)
	if err != nil {
		return nil, err
	}
	var e webrtc.SettingEngine
	e.SetIncludeLoopbackCandidate(true)
	e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	if c.pc, err = webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithSettingEngine(e)).NewPeerConnection(webrtc.Configuration{}); err != nil {
		return nil, err
	}
	var sender *webrtc.RTPSender
	for _, s := range sizes {
		track, err := webrtc.NewTrackLocalStaticRTP(coded, "video", "camera", webrtc.WithRTPStreamID(s.rid))
		if err != nil {
			return nil, err
		}
		asked := make(chan struct{}, 1)
		c.tracks, c.keys = append(c.tracks, track), append(c.keys, asked)
		if sender != nil {
			if err := sender.AddEncoding(track); err != nil {
				return nil, err
			}
		} else {
			t, err := c.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
			if err != nil {
				return nil, err
			}
			sender = t.Sender()
		}
		go func() { // feedback has to be read, for the interceptors
			for {
				packets, _, err := sender.ReadSimulcastRTCP(s.rid)
				if err != nil {
					return
				}
				for _, p := range packets {
					if _, ok := p.(*rtcp.PictureLossIndication); !ok {
						continue
					}
					select {
					case asked <- struct{}{}:
					default:
					}
				}
			}
		}()
	}
	return sender, nil
}

// whip sends an offer and returns the answer.
func whip(ctx context.Context, url, bearer, offer string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(offer))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/sdp")
	req.Header.Set("Authorization", "Bearer "+bearer)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode != http.StatusCreated {
		err = fmt.Errorf("the stream was refused: %s: %s", res.Status, b)
	}
	return string(b), err
}

// play sends one size until ctx ends.
func (c *camera) play(ctx context.Context, i int, film []picture) error {
	begin, seq := rand.Uint32(), uint16(rand.Uint32())
	return loop(ctx, film, c.keys[i], func(frame int, payload []byte, last bool) error {
		p := &rtp.Packet{
			Header:  rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: begin + uint32(frame)*(90000/filmRate), Marker: last},
			Payload: payload,
		}
		seq++
		err := errors.Join(p.SetExtension(c.mid, []byte(c.section)), p.SetExtension(c.rid, []byte(sizes[i].rid)))
		if err != nil {
			return err
		}
		return c.tracks[i].WriteRTP(p)
	})
}
