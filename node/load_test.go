package node

import (
	"testing"
	"time"

	"stentor/relay"
)

func TestALoadIsAShareOfTheUplink(t *testing.T) {
	for _, c := range []struct {
		name   string
		bytes  uint64
		uplink int
		want   float32
	}{
		{"nothing", 0, 1000, 0},
		{"half of 100 Mbit/s in two seconds", 12_500_000, 100, 0.5},
		{"more than there is", 1 << 40, 100, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := share(c.bytes, 2*time.Second, c.uplink); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestTheFullestTrackCounts(t *testing.T) {
	if got := mostChildren([]relay.TrackStatus{{Children: []string{"a"}}, {Children: []string{"a", "b", "c"}}, {}}); got != 3 {
		t.Errorf("%d children", got)
	}
}
