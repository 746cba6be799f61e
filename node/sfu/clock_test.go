package sfu

import (
	"math/rand/v2"
	"testing"
	"time"

	"stentor/relay/rtp"
)

// The reports for sound and picture must agree on when things happened, whatever
// the network did to the packets of each.
func TestClockKeepsSoundAndPictureTogether(t *testing.T) {
	start := time.Unix(1_700_000_000, 0).UnixNano()
	ms := int64(time.Millisecond)
	for _, c := range []struct {
		name    string
		capture bool
		jitter  int64 // at most, in ms
		within  int64 // ms
	}{
		{"by arrival, on a quiet network", false, 0, 1},
		{"by arrival, with 80 ms of jitter", false, 80, 8},
		{"by capture time, whatever the jitter", true, 300, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			w := &wall{}
			video, audio := clock{wall: w, rate: 90000}, clock{wall: w, rate: 48000}
			packet := func(made, base int64) *rtp.Packet {
				p := &rtp.Packet{Arrived: start + made + base}
				if c.jitter > 0 {
					p.Arrived += rng.Int64N(c.jitter * ms)
				}
				if c.capture {
					p.Capture = start + made - 3600e9 // the publisher's clock is an hour slow
				}
				return p
			}
			var made int64
			for i := range 3000 { // a minute
				made = int64(i) * 20 * ms
				audio.sent(packet(made, 10*ms), uint32(int64(4294e6)+made/1000*48/1000)) // wraps on the way
				if i%2 == 0 {
					video.sent(packet(made, 10*ms), uint32(7+made/1000*90/1000))
				}
			}
			// At one instant, how old is what each report says is played now?
			now := time.Unix(0, start+made+500*ms)
			v := int64(video.rtpTime(now)-7) * 1000 / 90 * 1000
			a := int64(audio.rtpTime(now)-uint32(4294e6)) * 1000 / 48 * 1000
			if d := (v - a) / ms; d > c.within || d < -c.within {
				t.Errorf("sound and picture are %d ms apart", d)
			}
		})
	}
}

// The first packet of a picture that says when it was taken is believed; what the others say changes nothing.
func TestAPictureIsTakenOnce(t *testing.T) {
	c := clock{wall: &wall{}, rate: 90000}
	c.sent(&rtp.Packet{Arrived: 5_000_000, Capture: 1_000_000}, 90)
	before := c
	c.sent(&rtp.Packet{Arrived: 6_000_000, Capture: 3_000_000}, 90)
	if c != before {
		t.Errorf("%+v, before %+v", c, before)
	}
	c.sent(&rtp.Packet{Arrived: 38_000_000, Capture: 34_000_000}, 90+3000)
	if c == before {
		t.Error("the next picture says nothing")
	}
}

func TestNTP(t *testing.T) {
	if got := ntp(time.Unix(0, 500_000_000)); got != 2208988800<<32|1<<31 {
		t.Errorf("%x", got)
	}
	for _, at := range []int64{0, 250_000_000, 1_800_000_000_750_000_000, 2_085_978_496_500_000_000} { // the last one after NTP begins anew
		if got := unixOf(ntp(time.Unix(0, at))); got != at {
			t.Errorf("%d comes back as %d", at, got)
		}
	}
}
