package trees

import (
	"bytes"
	"fmt"
	"math"
	"strings"
)

const (
	width, height = 1600.0, 790.0
	north, south  = 84.0, -57.0 // what is drawn of the world
	bar           = 90.0        // height of the text above it
)

// colours of the first, second, third hop and of those that are too many: seen apart by
// those who see red and green as one, too.
var colours = []string{"#d1495b", "#2274a5", "#e5a823", "#6b4c9a"}

// Draw returns the tree as SVG: the world in equirectangular projection, links along
// great circles in the colour of their hop, nodes by how many they feed.
func (m *Mesh) Draw(title string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%g" height="%g" fill="#f7f9fb"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<clipPath id="map"><rect y="%g" width="%g" height="%g"/></clipPath><g clip-path="url(#map)">`+"\n", bar, width, height-bar)
	drawLand(&b)
	m.drawLinks(&b)
	m.drawNodes(&b)
	b.WriteString("</g>\n")
	m.drawText(&b, title)
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// at is where a place is on the picture.
func at(lat, lon float64) (x, y float64) {
	return (lon + 180) / 360 * width, bar + (north-lat)/(north-south)*(height-bar)
}

func drawLand(b *bytes.Buffer) {
	b.WriteString(`<g fill="#e3e8ed" stroke="#d3dae1" stroke-width="1" stroke-linejoin="round">` + "\n")
	for _, outline := range land {
		b.WriteString(`<path d="`)
		for i := 0; i < len(outline); i += 2 {
			x, y := at(outline[i+1], outline[i])
			fmt.Fprintf(b, "%c%.0f %.0f", "ML"[min(i, 1)], x, y)
		}
		b.WriteString(`Z"/>` + "\n")
	}
	b.WriteString("</g>\n")
}

// drawLinks draws the last hop first, so that the few long ones lie above the many.
func (m *Mesh) drawLinks(b *bytes.Buffer) {
	crowd := math.Sqrt(float64(len(m.Nodes)))
	for hop := m.depth(); hop >= 1; hop-- {
		wide := max(0.7, min(2.2, 40/crowd)/(0.7+0.3*float64(hop)))
		clear := max(0.7, 0.95-0.1*float64(hop-1))
		fmt.Fprintf(b, `<g fill="none" stroke="%s" stroke-width="%.2f" stroke-opacity="%.2f" stroke-linecap="round">`+"\n", colour(hop), wide, clear)
		seen := map[[2]int]bool{} // of many links between two cities one is seen
		for _, n := range m.Nodes {
			if n.parent == nil || n.hops != hop || n.city == n.parent.city {
				continue
			}
			k := [2]int{min(n.city, n.parent.city), max(n.city, n.parent.city)}
			if !seen[k] {
				seen[k] = true
				fmt.Fprintf(b, `<path d="%s"/>`+"\n", arc(n.parent.City, n.City))
			}
		}
		b.WriteString("</g>\n")
	}
}

func colour(hop int) string { return colours[min(hop, len(colours))-1] }

func (m *Mesh) depth() (d int) {
	for _, n := range m.Nodes {
		d = max(d, n.hops)
	}
	return d
}

// arc is the great circle between two cities, broken where it leaves the picture.
func arc(a, b *City) string {
	steps := max(2, int(Distance(a, b)/250))
	va, vb := vector(a), vector(b)
	angle := Distance(a, b) / earth
	var d strings.Builder
	last := math.NaN()
	for i := range steps + 1 {
		f := float64(i) / float64(steps)
		wa, wb := 1-f, f
		if angle > 1e-6 {
			wa, wb = math.Sin((1-f)*angle)/math.Sin(angle), math.Sin(f*angle)/math.Sin(angle)
		}
		x, y, z := wa*va[0]+wb*vb[0], wa*va[1]+wb*vb[1], wa*va[2]+wb*vb[2]
		lat, lon := math.Atan2(z, math.Hypot(x, y))*180/math.Pi, math.Atan2(y, x)*180/math.Pi
		px, py := at(lat, lon)
		verb := 'L'
		if i == 0 || math.Abs(lon-last) > 180 {
			verb = 'M'
		}
		fmt.Fprintf(&d, "%c%.1f %.1f", verb, px, py)
		last = lon
	}
	return d.String()
}

func vector(c *City) [3]float64 {
	lat, lon := c.Lat*math.Pi/180, c.Lon*math.Pi/180
	return [3]float64{math.Cos(lat) * math.Cos(lon), math.Cos(lat) * math.Sin(lon), math.Sin(lat)}
}

// drawNodes draws one dot for all nodes of a city, in the colour of the nearest to the
// origin, as large as what they feed.
func (m *Mesh) drawNodes(b *bytes.Buffer) {
	type dot struct{ hops, children int }
	dots := map[int]dot{}
	for _, n := range m.Nodes {
		if !n.up {
			continue
		}
		d, ok := dots[n.city]
		if !ok || n.hops < d.hops {
			d.hops = n.hops
		}
		d.children += len(n.children)
		dots[n.city] = d
	}
	least := max(1.8, 3.4-0.3*math.Log2(float64(len(m.Nodes))/10+1))
	for city := range Cities {
		d, ok := dots[city]
		if !ok {
			continue
		}
		x, y := at(Cities[city].Lat, Cities[city].Lon)
		fill := "#17202a"
		if d.hops > 0 {
			fill = colour(d.hops)
		}
		r := least + min(5, 0.55*math.Sqrt(float64(d.children)))
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s" stroke="#fff" stroke-width="0.6"/>`+"\n", x, y, r, fill)
	}
	o := m.Nodes[0].City
	x, y := at(o.Lat, o.Lon)
	fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="9" fill="none" stroke="#17202a" stroke-width="2"/>`+"\n", x, y)
}

func (m *Mesh) drawText(b *bytes.Buffer, title string) {
	s := m.Score()
	fmt.Fprintf(b, `<text x="24" y="38" font-size="24" font-weight="600" fill="#17202a">%s</text>`+"\n", escape(title))
	fmt.Fprintf(b, `<text x="24" y="68" font-size="17" fill="#4a5763">%s</text>`+"\n", escape(fmt.Sprintf(
		"%s copies of the stream, %d of them between regions, %d out of the origin · depth %d · p99 latency %.2f of the direct one",
		Thousands(s.Copies), s.Abroad, s.Origin, s.Depth, s.Stretch)))
	hops := []string{"1st hop", "2nd hop", "3rd hop", "4th and more"}[:min(4, max(1, s.Depth))]
	x := width - 16 - 130*float64(len(hops))
	for i, h := range hops {
		fmt.Fprintf(b, `<line x1="%.0f" y1="32" x2="%.0f" y2="32" stroke="%s" stroke-width="4" stroke-linecap="round"/>`+"\n", x, x+28, colour(i+1))
		fmt.Fprintf(b, `<text x="%.0f" y="38" font-size="17" fill="#4a5763">%s</text>`+"\n", x+40, h)
		x += 130
	}
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// Thousands writes a number with a comma before its last three digits.
func Thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
