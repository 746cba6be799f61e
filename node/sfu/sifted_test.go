package sfu

import (
	"bytes"
	"testing"
)

func TestOnlyWhatIsSpokenOnTheMediaPortGoesFurther(t *testing.T) {
	packet := func(first byte, n int) []byte { return append([]byte{first}, bytes.Repeat([]byte{1}, n-1)...) }
	for _, c := range []struct {
		name   string
		packet []byte
		want   bool
	}{
		{"nothing", nil, false},
		{"one byte", []byte{0}, false},
		{"a STUN check", packet(0, 20), true},
		{"less than a STUN header", packet(0, 19), false},
		{"a ZRTP hello", packet(16, 40), false},
		{"a DTLS record", packet(22, 13), true},
		{"TURN channel data", packet(64, 40), false},
		{"RTP", packet(128, 40), true},
		{"a QUIC long header", packet(0xc3, 1200), false},
	} {
		if got := plausible(c.packet); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
