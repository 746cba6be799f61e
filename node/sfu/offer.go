package sfu

import (
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// An offer is a session description that was checked and read: what the plans
// for publishers and for viewers choose from.
type offer struct {
	desc     *sdp.SessionDescription
	sections []section
	bundled  map[string]bool // mids of the BUNDLE group
	tag      string          // the first of them, "" without: the transport of all is that of its section
	passive  bool            // its side waits for the DTLS handshake
	chromium bool            // written by libwebrtc, which understands x-google-*
}

// A section is one m= line and what it offers.
type section struct {
	index     int
	kind      string // "audio", "video" or whatever else stands there
	mid       string
	direction string
	formats   []format
	exts      map[string]uint8 // extension URI -> id
	ssrc, rtx uint32           // the declared source and its repair stream; 0: not declared
	media     *sdp.MediaDescription
}

// A format is one payload type of a section.
type format struct {
	payload  uint8
	mime     string // "video/H264"
	clock    uint32
	channels uint16
	fmtp     string
	feedback []webrtc.RTCPFeedback
	rtx      uint8 // payload type of its repair format, 0: none
}

// readOffer checks a text against the bounds and reads it.
func readOffer(text string) (*offer, error) {
	if err := CheckOffer(text); err != nil {
		return nil, err
	}
	desc := &sdp.SessionDescription{}
	if err := desc.UnmarshalString(text); err != nil {
		return nil, refuse(CodeMalformed, "The session description cannot be parsed: %v.", err)
	}
	o := &offer{desc: desc, bundled: make(map[string]bool)}
	seen := make(map[string]bool)
	for i, m := range desc.MediaDescriptions {
		s := readSection(i, m)
		if s.mid == "" || len(s.mid) > 32 || seen[s.mid] || strings.ContainsAny(s.mid, " \t") {
			return nil, refuse(CodeMalformed, "Media section %d needs a mid (a=mid) of its own.", i+1)
		}
		seen[s.mid] = true
		o.sections = append(o.sections, s)
	}
	if len(o.sections) == 0 {
		return nil, refuse(CodeNoMedia, "The session description has no media section.")
	}
	for _, a := range desc.Attributes {
		if group, ok := strings.CutPrefix(a.Value, "BUNDLE"); ok && a.Key == sdp.AttrKeyGroup {
			for mid := range strings.FieldsSeq(group) {
				if len(o.bundled) == 0 {
					o.tag = mid
				}
				o.bundled[mid] = true
			}
		}
	}
	o.chromium = strings.Contains(text, "goog-remb") && strings.Contains(text, "extmap-allow-mixed")
	return o, o.checkTransport()
}

// tagged reports whether a section is the one whose transport the others share (RFC 9143,
// section 7.2). Chromium with max-bundle has none any more when that one is refused, so it is
// answered also where nothing is to be sent in it, unless the other side has switched it off.
func (o *offer) tagged(s section) bool {
	return s.mid == o.tag && !s.refused() && len(s.formats) > 0 && (s.kind == "audio" || s.kind == "video")
}

// checkTransport refuses what pion would only stumble over later.
func (o *offer) checkTransport() error {
	has := func(key string) bool {
		if _, ok := o.desc.Attribute(key); ok {
			return true
		}
		for _, s := range o.sections {
			if _, ok := s.media.Attribute(key); ok {
				return true
			}
		}
		return false
	}
	for _, key := range []string{"ice-ufrag", "ice-pwd", "fingerprint"} {
		if !has(key) {
			return refuse(CodeMalformed, "The session description has no a=%s.", key)
		}
	}
	for _, s := range o.sections {
		if v, _ := s.media.Attribute("setup"); v == "passive" {
			o.passive = true // against RFC 8842 section 5.2, but FFmpeg 8 does it
		}
	}
	if _, ok := o.desc.Attribute("ice-lite"); ok {
		return refuse(CodeUnsupported, "Both sides are ICE-lite, so nobody would begin.")
	}
	return nil
}

func readSection(index int, m *sdp.MediaDescription) section {
	s := section{index: index, kind: m.MediaName.Media, media: m, direction: "sendrecv", exts: make(map[string]uint8)}
	formats := make(map[uint8]*format)
	var order []uint8
	for _, f := range m.MediaName.Formats {
		if pt, err := strconv.ParseUint(f, 10, 7); err == nil && formats[uint8(pt)] == nil {
			formats[uint8(pt)] = &format{payload: uint8(pt)}
			order = append(order, uint8(pt))
		}
	}
	var groups []string
	for _, a := range m.Attributes {
		switch a.Key {
		case "mid":
			s.mid = a.Value
		case "sendrecv", "sendonly", "recvonly", "inactive":
			s.direction = a.Key
		case "rtpmap", "fmtp", "rtcp-fb":
			readFormat(s.kind, formats, a)
		case "extmap":
			s.readExtension(a.Value)
		case "ssrc":
			id, _, _ := strings.Cut(a.Value, " ")
			if v, err := strconv.ParseUint(id, 10, 32); err == nil && s.ssrc == 0 {
				s.ssrc = uint32(v)
			}
		case "ssrc-group":
			groups = append(groups, a.Value)
		}
	}
	s.readGroups(groups)
	s.formats = pairRTX(order, formats)
	return s
}

// readFormat reads one attribute of a payload type. "*" stands for all of them.
func readFormat(kind string, formats map[uint8]*format, a sdp.Attribute) {
	id, value, _ := strings.Cut(a.Value, " ")
	var each []*format
	if id == "*" {
		for _, f := range formats {
			each = append(each, f)
		}
	} else if pt, err := strconv.ParseUint(id, 10, 7); err == nil && formats[uint8(pt)] != nil {
		each = append(each, formats[uint8(pt)])
	}
	for _, f := range each {
		switch a.Key {
		case "rtpmap":
			name, rest, _ := strings.Cut(value, "/")
			clock, channels, _ := strings.Cut(rest, "/")
			c, _ := strconv.ParseUint(clock, 10, 32)
			ch, _ := strconv.ParseUint(channels, 10, 16)
			f.mime, f.clock, f.channels = kind+"/"+name, uint32(c), uint16(ch)
		case "fmtp":
			f.fmtp = strings.TrimSpace(value)
		case "rtcp-fb":
			typ, param, _ := strings.Cut(value, " ")
			f.feedback = append(f.feedback, webrtc.RTCPFeedback{Type: typ, Parameter: param})
		}
	}
}

// readExtension reads "3 urn:..." or "3/recvonly urn:...".
func (s *section) readExtension(value string) {
	id, uri, _ := strings.Cut(value, " ")
	id, direction, _ := strings.Cut(id, "/")
	uri, _, _ = strings.Cut(uri, " ")
	n, err := strconv.ParseUint(id, 10, 8)
	if err != nil || n == 0 || n == 15 || uri == "" || direction == "inactive" {
		return
	}
	if _, twice := s.exts[uri]; !twice {
		s.exts[uri] = uint8(n)
	}
}

// readGroups finds the repair stream of the first declared source.
func (s *section) readGroups(groups []string) {
	for _, g := range groups {
		f := strings.Fields(g)
		if len(f) != 3 || f[0] != "FID" {
			continue
		}
		media, err1 := strconv.ParseUint(f[1], 10, 32)
		rtx, err2 := strconv.ParseUint(f[2], 10, 32)
		if err1 == nil && err2 == nil && (s.ssrc == uint32(media) || s.ssrc == 0) && media != rtx {
			s.ssrc, s.rtx = uint32(media), uint32(rtx)
			return
		}
	}
}

// pairRTX returns the formats that carry media in the order of the offer, each
// with its repair format.
func pairRTX(order []uint8, formats map[uint8]*format) []format {
	for _, pt := range order {
		f := formats[pt]
		if !strings.EqualFold(f.mime, webrtc.MimeTypeRTX) {
			continue
		}
		apt, err := strconv.ParseUint(param(f.fmtp, "apt"), 10, 7)
		if main := formats[uint8(apt)]; err == nil && main != nil && main.rtx == 0 {
			main.rtx = pt
		}
	}
	var out []format
	for _, pt := range order {
		if f := formats[pt]; f.mime != "" && !strings.EqualFold(f.mime, webrtc.MimeTypeRTX) {
			out = append(out, *f)
		}
	}
	return out
}

// sends and receives say what the offering side would do in this section.
func (s *section) sends() bool    { return s.direction == "sendonly" || s.direction == "sendrecv" }
func (s *section) receives() bool { return s.direction == "recvonly" || s.direction == "sendrecv" }

// refused reports whether the offering side itself switched the section off.
func (s *section) refused() bool {
	if s.media.MediaName.Port.Value != 0 {
		return false
	}
	_, bundleOnly := s.media.Attribute("bundle-only")
	return !bundleOnly
}
