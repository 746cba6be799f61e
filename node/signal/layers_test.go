package signal_test

import (
	"encoding/binary"
	"encoding/json"

	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"stentor/node/signal"
)

// The sizes that the studio sends, by RID.
var studioSizes = []struct {
	rid           string
	width, height uint16
}{{"q", 480, 270}, {"h", 960, 540}, {"f", 1920, 1080}}

// studio puts a simulcast camera on the stage at the edge: key frames of VP8 in three sizes,
// one of each with every call of film.
func (h *hall) studio() (film func()) {
	h.t.Helper()
	p := newPeer(h.t)
	var tracks []*webrtc.TrackLocalStaticRTP
	var sender *webrtc.RTPSender
	for _, size := range studioSizes {
		t, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, "video", "cam", webrtc.WithRTPStreamID(size.rid))
		if err != nil {
			h.t.Fatal(err)
		}
		tracks = append(tracks, t)
		if sender == nil {
			sender, err = p.AddTrack(t)
		} else {
			err = sender.AddEncoding(t)
		}
		if err != nil {
			h.t.Fatal(err)
		}
	}
	p.offers(h.t)
	p.connect(h.t, h.publish(p.offer).want(h.t, 201, "").body)
	ids := make(map[string]uint8)
	for _, e := range sender.GetParameters().HeaderExtensions {
		ids[e.URI] = uint8(e.ID)
	}
	mid := p.GetTransceivers()[0].Mid()
	n := uint16(0)
	return func() {
		n++
		for i, size := range studioSizes {
			b := binary.LittleEndian.AppendUint16([]byte{0x10, 0x10, 0, 0, 0x9d, 1, 0x2a}, size.width)
			frame := &rtp.Packet{
				Header:  rtp.Header{Version: 2, SequenceNumber: n, Timestamp: 3000 * uint32(n), Marker: true},
				Payload: append(binary.LittleEndian.AppendUint16(b, size.height), 0),
			}
			_ = frame.Header.SetExtension(ids[sdp.SDESMidURI], []byte(mid))
			_ = frame.Header.SetExtension(ids[sdp.SDESRTPStreamIDURI], []byte(size.rid))
			if err := tracks[i].WriteRTP(frame); err != nil {
				h.t.Error(err)
			}
		}
	}
}

// seenAs waits until a player sees pictures of a height.
func (h *hall) seenAs(p *peer, height uint16, film func()) {
	h.t.Helper()
	eventually(h.t, "a picture of the size that was chosen", func() bool {
		film()
		for {
			select {
			case packet := <-p.packets:
				if b := packet.Payload; len(b) >= 11 && binary.LittleEndian.Uint16(b[9:]) == height {
					return true
				}
			default:
				return false
			}
		}
	})
}

// realLayers has a player choose among the sizes of a real publisher.
func realLayers(h *hall) {
	t := h.t
	film := h.studio()
	eventually(t, "the stage is live", func() bool {
		film()
		return h.watch(screen(t).offer).status == 201
	})
	p, r := h.viewed()
	events := h.listen(h.do("POST", r.linked(t, eventsRel), `["layers"]`, "Content-Type", jsonType).want(t, 201, "").location(t))
	var told map[string][]signal.Layer
	if err := json.Unmarshal([]byte(hear(t, events, "layers")), &told); err != nil {
		t.Fatal(err)
	}
	if len(told["0"]) != len(studioSizes) {
		t.Fatalf("%+v", told)
	}
	for i, l := range told["0"] {
		if want := studioSizes[i]; l.RID != want.rid || l.Width != int(want.width) || l.Height != int(want.height) {
			t.Errorf("layer %d: %+v, want %+v", i, l, want)
		}
	}
	at := r.linked(t, layerRel)
	for _, c := range []struct {
		name, body string
		status     int
		code       string
		height     uint16
	}{
		{"the smallest", `{"mediaId":"0","rid":"q"}`, 200, "", 270},
		{"the largest, by the name that it had in earlier drafts", `{"encodingId":"f"}`, 200, "", 1080},
		{"no more lines than a window has", `{"maxHeight":600}`, 200, "", 540},
		{"no more pixels than a window has", `{"maxWidth":500}`, 200, "", 270},
		{"the server's choice", `{}`, 200, "", 1080},
		{"one that there is not", `{"rid":"x"}`, 422, "layer_unknown", 1080},
		{"a layer within a stream", `{"rid":"q","spatialLayerId":1}`, 422, "layer_unknown", 1080},
		{"a section that has no video", `{"mediaId":"7","rid":"q"}`, 422, "layer_unknown", 1080},
	} {
		h.do("POST", at, c.body, "Content-Type", jsonType).want(t, c.status, c.code)
		h.seenAs(p, c.height, film)
	}
}
