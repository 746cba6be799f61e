package node

import (
	"fmt"

	"stentor/node/session"
)

// Door bounds what one network may ask of this node's door: see [session.Limits], whose
// defaults these are. Negative is no limit.
type Door struct {
	// Burst is how many may join at once, and PerSecond how many after that.
	Burst     int     `yaml:"burst"`
	PerSecond float64 `yaml:"per_second"`
	// Sessions bounds the live sessions of guests in one webinar whom nothing else names.
	Sessions int `yaml:"sessions"`
}

func (d Door) limits() session.Limits {
	return session.Limits{Burst: d.Burst, PerSecond: d.PerSecond, Sessions: d.Sessions}
}

// check refuses what would keep everybody out: session.Limits has zero for its default,
// and an operator who writes it means something else.
func (d Door) check() error {
	for _, v := range []struct {
		key     string
		value   float64
		instead string
	}{{"burst", float64(d.Burst), "120"}, {"per_second", d.PerSecond, "4"}, {"sessions", float64(d.Sessions), "400"}} {
		if !(v.value > 0 || v.value < 0) {
			return usage(fmt.Errorf("door: %s is %v, so nobody could come in", v.key, v.value), "set door."+v.key+" to "+v.instead+", or to -1 for no limit")
		}
	}
	return nil
}
