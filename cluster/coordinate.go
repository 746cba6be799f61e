package cluster

import (
	"encoding/binary"
	"math"

	"github.com/hashicorp/serf/coordinate"
)

const coordinateVersion = 1

// farthest bounds every component, in seconds: no node is a minute away, and one
// that says so would drag the others along.
const farthest = 60

// A coordinate on the wire: 1 | vector 8 x 8 | error 8 | adjustment 8 | height 8,
// as big-endian IEEE 754.
func appendCoordinate(b []byte, c *coordinate.Coordinate) []byte {
	b = append(b, coordinateVersion)
	for _, v := range append(append([]float64{}, c.Vec...), c.Error, c.Adjustment, c.Height) {
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

func parseCoordinate(b []byte) (*coordinate.Coordinate, bool) {
	if len(b) != 1+8*(dimensions+3) || b[0] != coordinateVersion {
		return nil, false
	}
	var v []float64
	for b = b[1:]; len(b) > 0; b = b[8:] {
		f := math.Float64frombits(binary.BigEndian.Uint64(b))
		if !(math.Abs(f) <= farthest) {
			return nil, false
		}
		v = append(v, f)
	}
	return &coordinate.Coordinate{Vec: v[:dimensions], Error: v[dimensions], Adjustment: v[dimensions+1], Height: v[dimensions+2]}, true
}
