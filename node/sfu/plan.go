package sfu

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// A plan says which sections of an offer are used, and how. What pion sees is
// the offer reduced to that: one codec per section (so that a packet's payload
// type alone says where it belongs), no candidates (an ICE-lite server learns
// where the other side is from its checks, and resolves no names for strangers),
// of simulcast what is taken, no data channel. Refused sections are put back into the answer
// with port 0, as RFC 8829 asks.
type plan struct {
	offer *offer
	used  []chosen     // in the order of the offer
	spare []chosen     // viewers: sections that nothing is for yet, which pion is not told of; in the order of the offer
	extra int          // publishers: sections that send more than a stream has
	again *credentials // of the other side since it began ICE anew; nil: those of the offer
}

// chosen is one section in use.
type chosen struct {
	section *section
	format  format
	formats []format // viewers: all that may go out in it, format among them; nil: that alone
	exts    []string // URIs of the extensions that we accept
	rids    []string // publishers: the sizes of one picture that are taken; nil: one
	source  int      // viewers: index of the source that it carries
	watches bool     // a viewer's: whatever it offers beside receiving, it will not send
}

// The header extensions that matter to us, RFC or draft beside each.
const (
	extAbsCaptureTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
	extPlayoutDelay   = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
	extOrientation    = "urn:3gpp:video-orientation"                                                              // 3GPP TS 26.114
	extAudioLevel     = sdp.AudioLevelURI                                                                         // RFC 6464
	extDependency     = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension" // AV1 RTP
	extTransportCC    = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"               // publishers only
)

// mediaExts are the extensions that travel with the media, from the publisher
// through the mesh to the viewer.
func mediaExts(kind string) []string {
	if kind == "audio" {
		return []string{extAbsCaptureTime, extAudioLevel}
	}
	return []string{extAbsCaptureTime, extPlayoutDelay, extOrientation, extDependency}
}

// offered returns those of uris that the section offers.
func (s *section) offered(uris ...string) []string {
	var out []string
	for _, u := range uris {
		if s.exts[u] != 0 {
			out = append(out, u)
		}
	}
	return out
}

// checkBundle refuses a plan that would need more than one transport.
func (p *plan) checkBundle() error {
	for _, c := range p.used {
		if len(p.used) > 1 && !p.offer.bundled[c.section.mid] {
			return refuse(CodeUnsupported, "All media sections must be in one BUNDLE group (RFC 9143).")
		}
	}
	payloads := make(map[uint8]string)
	for _, c := range p.used {
		was, twice := payloads[c.format.payload]
		if now := c.format.mime + c.format.fmtp; twice && was != now {
			return refuse(CodeMalformed, "Payload type %d stands for two formats in one BUNDLE group.", c.format.payload)
		} else {
			payloads[c.format.payload] = now
		}
	}
	p.agree(payloads)
	return nil
}

// reduced is the offer that pion answers.
func (p *plan) reduced() (webrtc.SessionDescription, error) {
	d := *p.offer.desc
	var mids []string
	d.MediaDescriptions = nil
	for _, c := range p.used {
		d.MediaDescriptions = append(d.MediaDescriptions, c.reduced())
		mids = append(mids, c.section.mid)
	}
	d.Attributes = slices.DeleteFunc(slices.Clone(d.Attributes), func(a sdp.Attribute) bool {
		return a.Key == sdp.AttrKeyGroup || a.Key == "candidate"
	})
	d.Attributes = append(d.Attributes, sdp.Attribute{Key: sdp.AttrKeyGroup, Value: "BUNDLE " + strings.Join(mids, " ")})
	if p.again != nil {
		withCredentials(&d, *p.again)
	}
	b, err := d.Marshal()
	if err != nil {
		return webrtc.SessionDescription{}, fmt.Errorf("sfu: %w", err)
	}
	return webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: string(b)}, nil
}

// kept are the attributes of a section that pion sees as they came.
var kept = map[string]bool{
	"mid": true, "sendrecv": true, "sendonly": true, "recvonly": true, "ice-ufrag": true, "ice-pwd": true,
	"ice-options": true, "fingerprint": true, "setup": true, "rtcp-mux": true, "rtcp-rsize": true, "msid": true,
	"bundle-only": true, "extmap-allow-mixed": true,
}

func (c *chosen) reduced() *sdp.MediaDescription {
	m := *c.section.media
	f := c.format
	m.Attributes = nil
	add := func(key, format string, args ...any) {
		m.Attributes = append(m.Attributes, sdp.Attribute{Key: key, Value: fmt.Sprintf(format, args...)})
	}
	for _, a := range c.section.media.Attributes {
		if kept[a.Key] && !(c.watches && a.Key == "sendrecv") {
			m.Attributes = append(m.Attributes, a)
		}
	}
	if c.watches && c.section.direction == "sendrecv" {
		m.Attributes = append(m.Attributes, sdp.Attribute{Key: "recvonly"})
	}
	for _, uri := range c.exts {
		add("extmap", "%d %s", c.section.exts[uri], uri)
	}
	m.MediaName.Formats = []string{strconv.Itoa(int(f.payload))}
	add("rtpmap", "%d %s", f.payload, rtpmap(f))
	if f.fmtp != "" {
		add("fmtp", "%d %s", f.payload, f.fmtp)
	}
	for _, fb := range f.feedback {
		add("rtcp-fb", "%d %s", f.payload, strings.TrimSpace(fb.Type+" "+fb.Parameter))
	}
	if f.rtx != 0 {
		m.MediaName.Formats = append(m.MediaName.Formats, strconv.Itoa(int(f.rtx)))
		add("rtpmap", "%d rtx/%d", f.rtx, f.clock)
		add("fmtp", "%d apt=%d", f.rtx, f.payload)
	}
	if c.rids != nil {
		c.simulcast(add)
		return &m
	}
	if s := c.section; s.sends() && s.ssrc != 0 {
		if s.rtx != 0 && f.rtx != 0 {
			add("ssrc-group", "FID %d %d", s.ssrc, s.rtx)
			add("ssrc", "%d cname:stentor", s.rtx)
		}
		add("ssrc", "%d cname:stentor", s.ssrc)
	}
	return &m
}

func rtpmap(f format) string {
	_, name, _ := strings.Cut(f.mime, "/")
	if f.channels > 1 {
		return fmt.Sprintf("%s/%d/%d", name, f.clock, f.channels)
	}
	return fmt.Sprintf("%s/%d", name, f.clock)
}

// complete puts the refused sections back into the answer to the others, and our
// candidates into the first of those.
func (p *plan) complete(answer string, candidates []string) (string, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(answer); err != nil {
		return "", fmt.Errorf("sfu: %w", err)
	}
	in := p.accepted()
	if len(d.MediaDescriptions) != len(in) {
		return "", fmt.Errorf("sfu: pion answered %d of %d sections", len(d.MediaDescriptions), len(in))
	}
	accepted := d.MediaDescriptions
	for _, m := range accepted {
		m.Attributes = slices.DeleteFunc(m.Attributes, func(a sdp.Attribute) bool {
			return a.Key == "candidate" || a.Key == "end-of-candidates"
		})
	}
	for _, c := range candidates {
		accepted[0].WithValueAttribute("candidate", c)
	}
	accepted[0].WithPropertyAttribute("end-of-candidates")
	d.MediaDescriptions = make([]*sdp.MediaDescription, len(p.offer.sections))
	for i, c := range in {
		d.MediaDescriptions[c.section.index] = accepted[i]
	}
	for i, s := range p.offer.sections {
		switch {
		case d.MediaDescriptions[i] != nil:
		case p.offer.tagged(s):
			d.MediaDescriptions[i] = idle(s, accepted[0], &d)
		default:
			d.MediaDescriptions[i] = rejected(s)
		}
	}
	b, err := d.Marshal()
	if err != nil {
		return "", fmt.Errorf("sfu: %w", err)
	}
	return string(b), nil
}

func rejected(s section) *sdp.MediaDescription {
	formats := s.media.MediaName.Formats
	if len(formats) > 1 {
		formats = formats[:1]
	}
	attributes := []sdp.Attribute{{Key: "mid", Value: s.mid}, {Key: "inactive"}}
	if len(s.formats) > 0 { // with its name: pion's clients cannot read an answer without
		formats = []string{strconv.Itoa(int(s.formats[0].payload))}
		attributes = append(attributes, sdp.Attribute{Key: "rtpmap", Value: formats[0] + " " + rtpmap(s.formats[0])})
	}
	return &sdp.MediaDescription{
		MediaName: sdp.MediaName{Media: s.kind, Protos: s.media.MediaName.Protos, Formats: formats},
		// Firefox cannot parse a section without one.
		ConnectionInformation: &sdp.ConnectionInformation{
			NetworkType: "IN", AddressType: "IP4", Address: &sdp.Address{Address: "0.0.0.0"},
		},
		Attributes: attributes,
	}
}

// engine is the media engine of one connection: it knows what the plan uses and
// nothing else, with the payload types and the fmtp of the offer.
func (p *plan) engine(direction webrtc.RTPTransceiverDirection) (*webrtc.MediaEngine, error) {
	m := &webrtc.MediaEngine{}
	for _, c := range p.used {
		kind := webrtc.NewRTPCodecType(c.section.kind)
		for _, codec := range c.codecs() {
			if err := m.RegisterCodec(codec, kind); err != nil {
				return nil, fmt.Errorf("sfu: %w", err)
			}
		}
		for _, uri := range c.exts {
			ext := webrtc.RTPHeaderExtensionCapability{URI: uri}
			if err := m.RegisterHeaderExtension(ext, kind, direction); err != nil {
				return nil, fmt.Errorf("sfu: %w", err)
			}
		}
	}
	return m, nil
}

// codecs is the format in pion's words, its repair format after it.
func (c *chosen) codecs() []webrtc.RTPCodecParameters {
	f := c.format
	out := []webrtc.RTPCodecParameters{{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: f.mime, ClockRate: f.clock, Channels: f.channels, SDPFmtpLine: f.fmtp, RTCPFeedback: f.feedback,
		},
		PayloadType: webrtc.PayloadType(f.payload),
	}}
	if f.rtx != 0 {
		out = append(out, webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeRTX, ClockRate: f.clock, SDPFmtpLine: fmt.Sprintf("apt=%d", f.payload),
			},
			PayloadType: webrtc.PayloadType(f.rtx),
		})
	}
	return out
}

// feedback keeps those of the offered feedback messages that this side speaks.
func feedback(offered []webrtc.RTCPFeedback, spoken ...string) []webrtc.RTCPFeedback {
	var out []webrtc.RTCPFeedback
	for _, fb := range offered {
		if slices.Contains(spoken, strings.TrimSpace(fb.Type+" "+fb.Parameter)) {
			out = append(out, fb)
		}
	}
	return out
}

// normalise makes a format one that pion's comparison understands and that no
// browser turns against us: H.264 always says its two parameters, and max-fs is
// left out, since Firefox scales 4K down to the limit that it reads in an answer.
func normalise(f format) format {
	f.mime = canonicalMime(f.mime)
	f.fmtp = withoutParams(f.fmtp, "max-fs", "max-fr")
	if f.mime == webrtc.MimeTypeH264 {
		f.fmtp = withParam(f.fmtp, "packetization-mode", "0")
		f.fmtp = withParam(f.fmtp, "profile-level-id", "42e01f")
	}
	return f
}
