package rtp

import "encoding/binary"

// CaptureURI names the abs-capture-time header extension of libwebrtc
// (http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time).
const CaptureURI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"

// ntpToUnix is the number of seconds from 1900 to 1970.
const ntpToUnix = 2208988800

// ParseCapture reads abs-capture-time: when the first sample of the packet was captured, by the clock of the
// one who captured it, as Unix nanoseconds. The optional clock offset behind it is not used.
func ParseCapture(data []byte) (unixNano int64, ok bool) {
	if len(data) != 8 && len(data) != 16 {
		return 0, false
	}
	seconds := binary.BigEndian.Uint32(data)
	if seconds < ntpToUnix { // before 1970: not a clock
		return 0, false
	}
	fraction := uint64(binary.BigEndian.Uint32(data[4:]))
	nanos := (fraction*1e9 + 1<<31) >> 32
	return int64(seconds-ntpToUnix)*1e9 + int64(nanos), true
}

// AppendCapture writes abs-capture-time in its short form of eight bytes. Times before 1970 or after the end
// of NTP's era (2036) cannot be written and give zeros, which [ParseCapture] refuses.
func AppendCapture(dst []byte, unixNano int64) []byte {
	seconds, nanos := unixNano/1e9, unixNano%1e9
	if unixNano < 0 || seconds > 1<<32-1-ntpToUnix {
		return append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(seconds+ntpToUnix))
	return binary.BigEndian.AppendUint32(dst, uint32(uint64(nanos)<<32/1e9))
}
