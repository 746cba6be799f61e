package trees

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"stentor/cluster/route"
)

func city(t *testing.T, name string) *City {
	t.Helper()
	i := slices.IndexFunc(Cities, func(c City) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("no %s", name)
	}
	return &Cities[i]
}

func TestCities(t *testing.T) {
	if len(Cities) < 200 {
		t.Errorf("%d cities", len(Cities))
	}
	seen, regions := map[string]bool{}, map[string]int{}
	for _, c := range Cities {
		switch {
		case seen[c.Name]:
			t.Errorf("%s is there twice", c.Name)
		case math.Abs(c.Lat) > 65 || math.Abs(c.Lon) > 180 || c.People <= 0 || c.People > 40:
			t.Errorf("%+v", c)
		}
		seen[c.Name] = true
		regions[c.Region]++
		for _, other := range Cities {
			if c.Region == other.Region && Distance(&c, &other) > 10000 {
				t.Errorf("%s and %s in one region: %.0f km", c.Name, other.Name, Distance(&c, &other))
			}
		}
	}
	for r, n := range regions {
		if n < 3 {
			t.Errorf("%s has %d cities", r, n)
		}
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		km   float64
	}{
		{"London", "New York", 5570}, {"Frankfurt", "Singapore", 10270}, {"Sydney", "Los Angeles", 12070}, {"Tokyo", "San Francisco", 8280},
		{"Johannesburg", "Sao Paulo", 7430}, {"Paris", "Paris", 0},
	}
	for _, test := range tests {
		if km := Distance(city(t, test.a), city(t, test.b)); math.Abs(km-test.km) > 0.02*test.km {
			t.Errorf("%s to %s: %.0f km, not %.0f", test.a, test.b, km, test.km)
		}
	}
	m := &Mesh{legs: legs()}
	nodes := Place(2, "London", 1)
	nodes[1].City, nodes[1].city = city(t, "New York"), slices.IndexFunc(Cities, func(c City) bool { return c.Name == "New York" })
	if l := m.latency(nodes[0], nodes[1]); l < 45*time.Millisecond || l > 52*time.Millisecond {
		t.Errorf("London to New York takes %v", l)
	}
}

// sound holds that the tree is one: nobody without a parent, no loop, nobody too deep or
// with too many children, delays that add up.
func sound(t *testing.T, m *Mesh) {
	t.Helper()
	for i, n := range m.Nodes {
		switch {
		case !n.up:
			if n.parent != nil || len(n.children) > 0 {
				t.Fatalf("%s is dead and has neighbours", n.Name)
			}
			continue
		case i == 0:
			continue
		case n.parent == nil || !n.parent.up:
			t.Fatalf("%s has no parent", n.Name)
		}
		hops, delay := 0, time.Duration(0)
		for at := n; at.parent != nil; at = at.parent {
			delay += m.latency(at, at.parent)
			if hops++; hops > len(m.Nodes) {
				t.Fatalf("%s is in a loop", n.Name)
			}
		}
		if n.hops != hops || n.delay != delay {
			t.Fatalf("%s: %d hops and %v, not %d and %v", n.Name, n.hops, n.delay, hops, delay)
		}
		if hops > route.MaxHops || len(n.children) > limit || !slices.Contains(n.parent.children, n) {
			t.Fatalf("%s: %d hops, %d children", n.Name, hops, len(n.children))
		}
	}
}

func TestGrow(t *testing.T) {
	for _, n := range []int{1, 2, 10, 300} {
		m := Grow(Place(n, "Nairobi", 7), 7, 10)
		sound(t, m)
		s := m.Score()
		if m.Nodes[0].City.Name != "Nairobi" || s.Nodes != n || s.Copies != n-1 || s.Dark != 0 {
			t.Errorf("%d nodes: origin %s, %+v", n, m.Nodes[0].City.Name, s)
		}
		if again := Grow(Place(n, "Nairobi", 7), 7, 10).Score(); again != s {
			t.Errorf("%d nodes grow into another tree: %+v, %+v", n, again, s)
		}
	}
}

// What routing is for: hubs of regions, that is few long copies, and no long ways around.
func TestATreeIsBetterThanAStar(t *testing.T) {
	for seed := range uint64(3) {
		s := Grow(Place(400, "Frankfurt", seed), seed, 10).Score()
		switch {
		case s.Length > s.Star/4:
			t.Errorf("%.0f of the star's %.0f thousand kilometres", s.Length, s.Star)
		case s.Abroad > 4*s.Regions:
			t.Errorf("%d copies between %d regions", s.Abroad, s.Regions)
		case s.Stretch > 2 || s.Median > 1.25 || s.Stretch < 1:
			t.Errorf("latency stretched by %.2f at the median, %.2f at p99", s.Median, s.Stretch)
		case s.Origin > limit:
			t.Errorf("the origin feeds %d", s.Origin)
		case s.Settling > 0.2:
			t.Errorf("%.2f moves per node until it settled", s.Settling)
		}
	}
}

func TestChurn(t *testing.T) {
	m := Grow(Place(200, "Sao Paulo", 3), 3, 10)
	forced, chosen := m.Churn(300)
	sound(t, m)
	if forced <= 0 || forced > 4 || chosen > 1 {
		t.Errorf("%.2f forced moves a change, %.2f chosen", forced, chosen)
	}
	died := m.Nodes[0].children[0]
	before := len(died.children)
	for _, n := range m.Nodes {
		if len(n.children) > before && n != m.Nodes[0] {
			died, before = n, len(n.children)
		}
	}
	was := m.forced
	m.die(died)
	if m.forced-was < before {
		t.Errorf("%d children of a dead node, %d moved", before, m.forced-was)
	}
	sound(t, m)
}

func TestDraw(t *testing.T) {
	m := Grow(Place(60, "Frankfurt", 2), 2, 10)
	svg := m.Draw("60 <nodes> & a publisher")
	dec := xml.NewDecoder(bytes.NewReader(svg))
	elements := map[string]int{}
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		if e, ok := token.(xml.StartElement); ok {
			elements[e.Name.Local]++
		}
	}
	cities, links := map[int]bool{}, map[[3]int]bool{}
	for _, n := range m.Nodes {
		cities[n.city] = true
		if n.parent != nil && n.city != n.parent.city {
			links[[3]int{n.hops, min(n.city, n.parent.city), max(n.city, n.parent.city)}] = true
		}
	}
	if got, want := elements["path"], len(land)+len(links); got != want {
		t.Errorf("%d paths, %d outlines and %d links", got, len(land), len(links))
	}
	if got := elements["circle"]; got != len(cities)+1 {
		t.Errorf("%d circles for %d cities and the ring of the origin", got, len(cities))
	}
	if !bytes.Contains(svg, []byte("60 &lt;nodes&gt; &amp; a publisher")) {
		t.Error("the title is not escaped, or not there")
	}
	for hop := 1; hop <= m.depth(); hop++ {
		if !bytes.Contains(svg, []byte(colour(hop))) {
			t.Errorf("no link has the colour of hop %d", hop)
		}
	}
}

func TestArc(t *testing.T) {
	if d := arc(city(t, "Tokyo"), city(t, "Los Angeles")); strings.Count(d, "M") != 2 {
		t.Errorf("a way over the Pacific leaves the picture on one side and comes back on the other: %s", d)
	}
	if d := arc(city(t, "Frankfurt"), city(t, "New York")); strings.Count(d, "M") != 1 {
		t.Errorf("a way over the Atlantic is one line: %s", d)
	}
	if d := arc(city(t, "Essen"), city(t, "Essen")); strings.Contains(d, "NaN") {
		t.Errorf("no way at all: %s", d)
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{5: "5", 999: "999", 1000: "1,000", 5000: "5,000", 12345: "12,345"} {
		if s := Thousands(n); s != want {
			t.Errorf("%d is written %s", n, s)
		}
	}
}
