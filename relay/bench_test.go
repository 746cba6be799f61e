package relay

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// BenchmarkRing writes 4K frames of 64 packets and lets readers drain them; the figure is per packet written.
func BenchmarkRing(b *testing.B) {
	for _, readers := range []int{0, 1, 30} {
		b.Run(fmt.Sprintf("readers=%d", readers), func(b *testing.B) {
			track := newVideo()
			cam := camera{}
			var wg sync.WaitGroup
			for range readers {
				r := track.Reader(0)
				wg.Go(func() {
					defer r.Close()
					for {
						if _, err := r.Next(context.Background()); err != nil {
							return
						}
					}
				})
			}
			b.ReportAllocs()
			b.SetBytes(1200)
			for n := 0; n < b.N; {
				b.StopTimer()
				frame := cam.frame(n%8192 == 0, 64)
				b.StartTimer()
				for _, p := range frame {
					_ = track.Write(0, p, time.Now())
					n++
				}
			}
			track.Close()
			wg.Wait()
		})
	}
}
