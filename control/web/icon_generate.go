//go:build ignore

// Icon_generate draws static/icon.svg as the PNG files that phones ask for when
// the pages are installed: a source and two waves, in signed distances.
package main

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log"
	"math"
	"os"
)

func main() {
	for _, size := range []int{180, 192, 512} {
		f, err := os.Create(fmt.Sprintf("static/icon-%d.png", size))
		if err != nil {
			log.Fatal(err)
		}
		if err := png.Encode(f, draw(size)); err != nil {
			log.Fatal(err)
		}
		if err := f.Close(); err != nil {
			log.Fatal(err)
		}
	}
}

// draw fills the whole square: phones cut their own corners.
func draw(size int) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, size, size))
	scale := 512 / float64(size)
	for y := range size {
		for x := range size {
			d := distance((float64(x)+.5)*scale, (float64(y)+.5)*scale) / scale
			a := min(max(.5-d, 0), 1)
			img.SetNRGBA(x, y, color.NRGBA{mix(0x0e, 0xff, a), mix(0x11, 0xb2, a), mix(0x16, 0x24, a), 255})
		}
	}
	return img
}

func mix(from, to, a float64) uint8 { return uint8(from + (to-from)*a + .5) }

// distance is how far (x, y) is outside the nearest shape, in units of 512.
func distance(x, y float64) float64 {
	const cx, cy = 176, 256
	r, angle := math.Hypot(x-cx, y-cy), math.Abs(math.Atan2(y-cy, x-cx))
	d := r - 52
	for _, wave := range []float64{120, 198} {
		const spread = .86
		if angle <= spread {
			d = min(d, math.Abs(r-wave)-18)
			continue
		}
		d = min(d, math.Hypot(x-cx-wave*math.Cos(spread), math.Abs(y-cy)-wave*math.Sin(spread))-18)
	}
	return d
}
