package parity

import (
	"fmt"
	"testing"
)

func BenchmarkGuard(b *testing.B) {
	for _, parity := range []int{1, 3, 6} {
		b.Run(fmt.Sprintf("parity=%d", parity), func(b *testing.B) {
			g := newGuard(&coder{}, parity, 0)
			sent := data(seeded(6), group, 1452)
			b.SetBytes(group * 1452)
			b.ReportAllocs()
			for b.Loop() {
				for _, d := range sent {
					g.add(d)
				}
				if _, err := g.close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMender(b *testing.B) {
	for _, lost := range []int{0, 1, 3} {
		b.Run(fmt.Sprintf("lost=%d", lost), func(b *testing.B) {
			r := seeded(7)
			g, m := newGuard(&coder{}, 3, 0), newMender(&coder{})
			sent := data(r, group, 1452)
			all := rows(b, g, sent)
			var parsed []row
			for _, p := range all {
				row, _ := parseRow(p)
				parsed = append(parsed, row)
			}
			b.SetBytes(group * 1452)
			b.ReportAllocs()
			for n := uint32(0); b.Loop(); n++ {
				for range recent / group { // forget the last round
					for i, d := range sent {
						if i >= depth*lost {
							m.data(d)
						}
					}
				}
				for _, row := range parsed {
					row.block += n * depth
					m.row(row)
				}
			}
		})
	}
}
