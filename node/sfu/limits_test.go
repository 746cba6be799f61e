package sfu

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"stentor/relay/wire"
)

// code returns the code of an OfferError, "" for nil.
func code(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var o *OfferError
	if !errors.As(err, &o) {
		t.Fatalf("%v is no OfferError", err)
	}
	if o.Detail == "" {
		t.Errorf("%s has no sentence", o.Code)
	}
	return o.Code
}

func TestCheckOffer(t *testing.T) {
	section := "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"
	candidate := "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"
	for _, c := range []struct{ name, offer, want string }{
		{"a small one passes", "v=0\r\n" + section, ""},
		{"16 sections pass", "v=0\r\n" + strings.Repeat(section, 16), ""},
		{"17 sections do not", "v=0\r\n" + strings.Repeat(section, 17), CodeTooManySections},
		{"32 candidates pass", "v=0\r\n" + section + strings.Repeat(candidate, 32), ""},
		{"33 candidates do not, wherever they are", "v=0\r\n" + candidate + section + strings.Repeat(candidate, 32), CodeTooManyCandidates},
		{"64 KiB pass", pad("v=0\r\n", MaxOffer), ""},
		{"one byte more does not", pad("v=0\r\n", MaxOffer+1), CodeTooLarge},
		{"a line of 4 KiB passes", "v=0\r\na=" + strings.Repeat("x", maxLine-2) + "\r\n", ""},
		{"a longer one does not", "v=0\r\na=" + strings.Repeat("x", maxLine-1) + "\r\n", CodeTooLarge},
		{"too many lines", "v=0\r\n" + strings.Repeat("a\n", maxLines), CodeTooLarge},
		{"a section with more formats than RTP has", "v=0\r\nm=video 9 P" + strings.Repeat(" 1", maxFormats+1) + "\r\n", CodeMalformed},
		{"nothing", "", CodeMalformed},
		{"JSON", `{"type":"offer"}`, CodeMalformed},
		{"a zero byte", "v=0\r\na=\x00\r\n", CodeMalformed},
		{"not UTF-8", "v=0\r\na=\xff\r\n", CodeMalformed},
		{"a carriage return inside a line hides a section from nobody", "v=0\r\na=x\rm=video 9 P 96\r\n", CodeMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := code(t, CheckOffer(c.offer)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// pad makes a text n bytes long by harmless lines.
func pad(s string, n int) string {
	for len(s) < n {
		s += "a=" + strings.Repeat("x", min(1000, max(0, n-len(s)-3))) + "\n"
	}
	return s[:n]
}

// base is an offer with one section of each kind, as a browser sends it.
func base(direction string) string {
	head := "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n" +
		"a=fingerprint:sha-256 " + strings.TrimSuffix(strings.Repeat("AB:", 32), ":") + "\r\na=setup:actpass\r\n"
	return head + audioSection(direction) + videoSection(direction)
}

func audioSection(direction string) string {
	return "m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\na=" + direction + "\r\n" +
		"a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:0 PCMU/8000\r\n"
}

func videoSection(direction string) string {
	return "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 104 105\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=rtcp-mux\r\na=" + direction + "\r\n" +
		"a=extmap:3 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n" +
		"a=rtpmap:96 H264/90000\r\na=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n" +
		"a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 goog-remb\r\n" +
		"a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n" +
		"a=rtpmap:102 VP8/90000\r\na=fmtp:102 max-fs=12288;max-fr=60\r\na=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n" +
		"a=rtpmap:104 VP9/90000\r\na=fmtp:104 profile-id=0\r\na=rtpmap:105 H265/90000\r\n"
}

// FuzzOffer holds that no text makes the checks or the plans panic, that what
// passes is within the bounds, and that what is planned can be written and read.
func FuzzOffer(f *testing.F) {
	f.Add(base("sendonly"))
	f.Add(base("recvonly"))
	f.Add("v=0\r\n")
	f.Add("v=0\r\nm=video 9 P *\r\na=rtcp-fb:* nack\r\na=ssrc-group:FID 1\r\na=extmap:1\r\na=rtpmap:\r\n")
	sources := []Source{
		{Name: "main/video", Info: wire.TrackInfo{Kind: wire.Video, Mime: "video/H264", Clock: 90000, Fmtp: "profile-level-id=42e033;packetization-mode=1"}},
		{Name: "main/audio", Info: wire.TrackInfo{Kind: wire.Audio, Mime: "audio/opus", Clock: 48000, Channels: 2}},
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := readOffer(text)
		if err != nil {
			code(t, err)
			return
		}
		if len(text) > MaxOffer || len(o.sections) > MaxSections {
			t.Fatal("out of bounds")
		}
		if p, infos, err := planPublish(o, 8000); err == nil {
			writable(t, p)
			for _, i := range infos {
				if err := i.Check(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if p, err := planView(o, sources); err == nil {
			writable(t, p)
		}
	})
}

func writable(t *testing.T, p *plan) {
	t.Helper()
	d, err := p.reduced()
	if err != nil {
		t.Fatal(err)
	}
	again, err := d.Unmarshal()
	if err != nil {
		t.Fatalf("%v\n%s", err, d.SDP)
	}
	if len(again.MediaDescriptions) != len(p.used) {
		t.Fatalf("%d sections of %d", len(again.MediaDescriptions), len(p.used))
	}
	for _, m := range again.MediaDescriptions {
		if n := len(m.MediaName.Formats); n < 1 || n > 2 {
			t.Fatalf("%d formats in one section:\n%s", n, d.SDP)
		}
	}
}

func TestReadOffer(t *testing.T) {
	for _, c := range []struct {
		name, old, new, want string
	}{
		{"as a browser sends it", "", "", ""},
		{"without a mid", "a=mid:1\r\n", "", CodeMalformed},
		{"two sections of one mid", "a=mid:1\r\n", "a=mid:0\r\n", CodeMalformed},
		{"without ICE credentials", "a=ice-ufrag:abcd\r\n", "", CodeMalformed},
		{"without a fingerprint", "a=fingerprint", "a=x-fingerprint", CodeMalformed},
		{"from a lite agent", "a=setup:actpass\r\n", "a=setup:actpass\r\na=ice-lite\r\n", CodeUnsupported},
		{"that wants to be the DTLS server, as FFmpeg does", "a=mid:1\r\n", "a=mid:1\r\na=setup:passive\r\n", ""},
		{"that is cut off", "a=rtpmap:105 H265/90000\r\n", "m=", CodeMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(base("sendonly"), c.old, c.new, 1)
			_, err := readOffer(text)
			if got := code(t, err); got != c.want {
				t.Errorf("got %q (%v), want %q", got, err, c.want)
			}
		})
	}
}

func ExampleOfferError() {
	fmt.Println(CheckOffer("hello"))
	// Output: sfu: offer_malformed: A session description begins with v=0.
}
