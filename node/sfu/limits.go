package sfu

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// The bounds of what is parsed at all. The largest honest offers seen (Chromium
// with eight sections) are below 30 KiB, with lines below 300 bytes; a session
// description is quadratic in places for whoever parses it, so none of this is
// left to pion.
const (
	MaxOffer      = 64 << 10 // bytes of an offer or of a trickle fragment
	MaxSections   = 16       // media sections
	MaxCandidates = 32       // ICE candidates, over all sections
	maxLine       = 4 << 10  // bytes of one line
	maxLines      = 4096
	maxFormats    = 128 // payload types of one section: all that RTP has
)

// OfferError says why an offer cannot be answered. Detail is a sentence for
// whoever wrote the client.
type OfferError struct {
	Code   string
	Detail string
}

// Error returns the code and the sentence.
func (e *OfferError) Error() string { return "sfu: " + e.Code + ": " + e.Detail }

// The codes of an OfferError.
const (
	CodeTooLarge          = "offer_too_large"
	CodeTooManySections   = "offer_too_many_sections"
	CodeTooManyCandidates = "offer_too_many_candidates"
	CodeMalformed         = "offer_malformed"    // not a session description
	CodeUnsupported       = "offer_unsupported"  // a good one that this server cannot answer
	CodeNoMedia           = "offer_no_media"     // nothing in it to send or to receive
	CodeCodec             = "codec_not_accepted" // the codecs of the two sides do not meet
)

func refuse(code, format string, args ...any) *OfferError {
	return &OfferError{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// CheckOffer reports whether a session description is within bounds, as nil or an
// [*OfferError]. It reads the text once and parses nothing.
func CheckOffer(offer string) error {
	if err := checkText(offer); err != nil {
		return err
	}
	if !strings.HasPrefix(offer, "v=0") {
		return refuse(CodeMalformed, "A session description begins with v=0.")
	}
	return nil
}

// CheckFragment does the same for an SDP fragment (RFC 8840), as a client sends
// it to trickle candidates.
func CheckFragment(fragment string) error { return checkText(fragment) }

func checkText(text string) error {
	if len(text) > MaxOffer {
		return refuse(CodeTooLarge, "The session description has %d bytes; at most %d are accepted.", len(text), MaxOffer)
	}
	if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
		return refuse(CodeMalformed, "The session description is not UTF-8 text.")
	}
	var lines, sections, candidates int
	for line := range strings.Lines(text) {
		lines++
		line = strings.TrimRight(line, "\r\n")
		// A lone carriage return ends a line for some parsers and not for others.
		if strings.IndexByte(line, '\r') >= 0 {
			return refuse(CodeMalformed, "Line %d contains a stray carriage return.", lines)
		}
		switch {
		case len(line) > maxLine:
			return refuse(CodeTooLarge, "Line %d has %d bytes; at most %d are accepted.", lines, len(line), maxLine)
		case strings.HasPrefix(line, "m="):
			sections++
			if n := strings.Count(line, " "); n > maxFormats+2 {
				return refuse(CodeMalformed, "Media section %d lists %d formats.", sections, n-2)
			}
		case strings.HasPrefix(line, "a=candidate:"):
			candidates++
		}
	}
	switch {
	case lines > maxLines:
		return refuse(CodeTooLarge, "The session description has %d lines; at most %d are accepted.", lines, maxLines)
	case sections > MaxSections:
		return refuse(CodeTooManySections, "The session description has %d media sections; at most %d are accepted.", sections, MaxSections)
	case candidates > MaxCandidates:
		return refuse(CodeTooManyCandidates, "The session description has %d candidates; at most %d are accepted.", candidates, MaxCandidates)
	}
	return nil
}
