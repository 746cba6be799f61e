package relay

import (
	"testing"
	"time"
)

func TestTheRateOfALayerIsOfWhatIsShownAlsoWhereAParentsRingComesFirst(t *testing.T) {
	const frame, bytes = int64(time.Second) / 30, 10_000 // 2.4 Mbps
	for _, test := range []struct {
		name string
		held int64 // frames that come at once
	}{
		{"the layer came all the time", 0},
		{"the parent held two seconds of it", 60},
	} {
		t.Run(test.name, func(t *testing.T) {
			var s speed
			begin := int64(1e18)
			for i := int64(0); i < 60+test.held; i++ {
				s.got(bytes, begin+max(i-test.held, 0)*frame, i*frame)
				if bits := s.bits.Load(); bits > 0 && (bits < 2_300_000 || bits > 2_500_000) {
					t.Fatalf("%d bits a second after %d frames, want 2,400,000", bits, i)
				}
			}
			if s.bits.Load() == 0 {
				t.Error("nothing is measured")
			}
		})
	}
}
