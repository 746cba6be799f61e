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

func TestALinkThatEndsTakesNothingOffTheLoad(t *testing.T) {
	var s sentBytes
	for _, c := range []struct {
		name  string
		links []relay.LinkStatus
		want  uint64
	}{
		{"two links", []relay.LinkStatus{{Peer: "a", BytesOut: 100}, {Peer: "b", BytesOut: 10}}, 110},
		{"one is gone", []relay.LinkStatus{{Peer: "b", BytesOut: 30}}, 20},
		{"one began anew", []relay.LinkStatus{{Peer: "b", BytesOut: 5}}, 5},
		{"one is new", []relay.LinkStatus{{Peer: "b", BytesOut: 5}, {Peer: "a", BytesOut: 7}}, 7},
	} {
		if got := s.relayed(c.links); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestTheFullestTrackCounts(t *testing.T) {
	if got := mostChildren([]relay.TrackStatus{{Children: []string{"a"}}, {Children: []string{"a", "b", "c"}}, {}}); got != 3 {
		t.Errorf("%d children", got)
	}
}
