package sfu

import (
	"strconv"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"

	"stentor/relay/wire"
)

var (
	h264Source = Source{Name: "main/video", Info: wire.TrackInfo{
		Kind: wire.Video, Mime: "video/H264", Clock: 90000, Fmtp: "profile-level-id=42e033;packetization-mode=1", PayloadType: 102,
		Extensions: []wire.Extension{{ID: 9, URI: extPlayoutDelay}},
	}}
	opusSource = Source{Name: "main/audio", Info: wire.TrackInfo{Kind: wire.Audio, Mime: "audio/opus", Clock: 48000, Channels: 2, PayloadType: 111}}
)

func mustRead(t *testing.T, text string) *offer {
	t.Helper()
	o, err := readOffer(text)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestPlanPublishTakesTheFirstCodecOfEachSection(t *testing.T) {
	p, infos, err := planPublish(mustRead(t, base("sendonly")), 8000)
	if err != nil {
		t.Fatal(err)
	}
	if len(infos) != 2 || infos[0].Mime != "audio/opus" || infos[1].Mime != "video/H264" {
		t.Fatalf("%+v", infos)
	}
	if strings.Contains(infos[1].Fmtp, "x-google") {
		t.Error("viewers are told of the publisher's bitrate")
	}
	d, _ := p.reduced()
	for _, not := range []string{"VP8", "VP9", "H265", "PCMU", "goog-remb", "candidate", "sdes:mid"} {
		if strings.Contains(d.SDP, not) {
			t.Errorf("pion is shown %s", not)
		}
	}
	if !strings.Contains(d.SDP, "x-google-start-bitrate=8000;x-google-min-bitrate=8000") {
		t.Error("Chromium would send 1080p")
	}
}

func TestPlanPublishSimulcastIsAnsweredWithoutIt(t *testing.T) {
	text := base("sendonly") + "a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f\r\n"
	p, _, err := planPublish(mustRead(t, text), 0)
	if err != nil {
		t.Fatal(err)
	}
	d, _ := p.reduced()
	if strings.Contains(d.SDP, "rid") || strings.Contains(d.SDP, "simulcast") {
		t.Error(d.SDP)
	}
}

func TestPlanPublishTakesOneSectionOfAKind(t *testing.T) {
	screen := strings.Replace(videoSection("sendonly"), "a=mid:1", "a=mid:2", 1)
	unable := strings.NewReplacer("a=mid:1", "a=mid:2", "H264", "H263", "VP8", "VP1", "VP9", "VP1").Replace(videoSection("sendonly"))
	bundled := strings.Replace(base("sendonly"), "BUNDLE 0 1", "BUNDLE 0 1 2", 1)
	answer := func(p *plan) string { // as pion would give it
		d, err := p.reduced()
		if err != nil {
			t.Fatal(err)
		}
		a, err := p.complete(d.SDP, nil)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for _, c := range []struct {
		name, text string
		extra      int
		used       []string // mids
	}{
		{"camera and screen", bundled + screen, 1, []string{"0", "1"}},
		{"a first one whose codecs nobody has", strings.Replace(bundled, videoSection("sendonly"), unable+videoSection("sendonly"), 1), 0, []string{"0", "1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, infos, err := planPublish(mustRead(t, c.text), 0)
			if err != nil || len(infos) != len(c.used) || p.extra != c.extra {
				t.Fatalf("%v, %d tracks, %d refused", err, len(infos), p.extra)
			}
			for i, mid := range c.used {
				if p.used[i].section.mid != mid {
					t.Errorf("section %s is in use, want %s", p.used[i].section.mid, mid)
				}
			}
			a := answer(p)
			if n := strings.Count(a, "m=video 0 "); n != 1 || strings.Count(a, "m=") != 3 {
				t.Errorf("%d video sections are refused\n%s", n, a)
			}
		})
	}
}

func TestPlanPublishRefusals(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"an offer that only receives", base("recvonly"), CodeNoMedia},
		{"codecs that nobody can watch", strings.NewReplacer("opus", "speex", "H264", "H263", "VP8", "VP1", "VP9", "VP1").Replace(base("sendonly")), CodeCodec},
		{"two transports", strings.Replace(base("sendonly"), "BUNDLE 0 1", "BUNDLE 0", 1), CodeUnsupported},
		{"one payload type for two things", strings.NewReplacer("111", "96").Replace(base("sendonly")), CodeMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := CheckPublish(c.text)
			if got := code(t, err); got != c.want {
				t.Errorf("got %q (%v), want %q", got, err, c.want)
			}
		})
	}
}

func TestPlanView(t *testing.T) {
	vp9 := Source{Name: "main/video", Info: wire.TrackInfo{Kind: wire.Video, Mime: "video/VP9", Clock: 90000, Fmtp: "profile-id=2"}}
	noAudio := strings.Replace(base("recvonly"), "a=mid:0\r\na=rtcp-mux\r\na=recvonly", "a=mid:0\r\na=rtcp-mux\r\na=inactive", 1)
	for _, c := range []struct {
		name, text string
		sources    []Source
		used       int
		want       string
	}{
		{"sound and picture", base("recvonly"), []Source{h264Source, opusSource}, 2, ""},
		{"only a picture on the stage", base("recvonly"), []Source{h264Source}, 1, ""},
		{"a viewer without sound", noAudio, []Source{h264Source, opusSource}, 1, ""},
		{"two pictures and one section", base("recvonly"), []Source{h264Source, {Name: "screen/video", Info: h264Source.Info}}, 1, ""},
		{"a codec that the viewer lacks", base("recvonly"), []Source{vp9, opusSource}, 0, CodeCodec},
		{"an offer that only sends", base("sendonly"), []Source{h264Source}, 0, CodeNoMedia},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := planView(mustRead(t, c.text), c.sources)
			if got := code(t, err); got != c.want {
				t.Fatalf("got %q (%v), want %q", got, err, c.want)
			}
			if err == nil && len(p.used) != c.used {
				t.Errorf("%d sections in use, want %d", len(p.used), c.used)
			}
		})
	}
}

// TestARefusedSectionCanBeRead: a client that looks up what the formats of an answer mean
// (pion does) finds all of them, of refused sections too.
func TestARefusedSectionCanBeRead(t *testing.T) {
	for _, c := range []struct {
		name    string
		source  Source
		refused int
	}{{"sound answered without being used, since it is first", h264Source, 0}, {"picture refused", opusSource, 1}} {
		t.Run(c.name, func(t *testing.T) {
			p, err := planView(mustRead(t, base("recvonly")), []Source{c.source})
			if err != nil {
				t.Fatal(err)
			}
			reduced, err := p.reduced()
			if err != nil {
				t.Fatal(err)
			}
			answer, err := p.complete(reduced.SDP, nil) // as pion would give it
			if err != nil {
				t.Fatal(err)
			}
			var d sdp.SessionDescription
			if err := d.UnmarshalString(answer); err != nil {
				t.Fatal(err)
			}
			refused := 0
			for _, m := range d.MediaDescriptions {
				if m.MediaName.Port.Value == 0 {
					refused++
				}
				for _, f := range m.MediaName.Formats {
					alone := sdp.SessionDescription{MediaDescriptions: []*sdp.MediaDescription{m}}
					if pt, err := strconv.ParseUint(f, 10, 8); err != nil {
						t.Error(err)
					} else if codec, err := alone.GetCodecForPayloadType(uint8(pt)); err != nil || codec.Name == "" {
						t.Errorf("format %s of %s: %v", f, m.MediaName.Media, err)
					}
				}
			}
			if refused != c.refused {
				t.Errorf("%d sections are refused\n%s", refused, answer)
			}
		})
	}
}

func TestLabels(t *testing.T) {
	for name, want := range map[string]string{"main/video": "main", "main-video": "main", "screen-2/video": "screen-2", "odd": "odd", "video": "video"} {
		if got := streamOf(Source{Name: name, Info: h264Source.Info}); got != want {
			t.Errorf("stream of %s: %s", name, got)
		}
	}
	if got := label("ä b/c"); strings.ContainsAny(got, " /ä") {
		t.Error(got)
	}
}
