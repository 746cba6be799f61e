package cli

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"stentor/control/client"
)

// hopLine is one hop of the drawing: the branch with the node, and its figures.
type hopLine struct {
	branch  string
	figures []string
}

// printTrack draws how a track travels, as a tree that grows from its origin.
func printTrack(w io.Writer, t client.Track) error {
	fmt.Fprintf(w, "\n%s  (epoch %d)\n", plain(t.Webinar+" "+t.Stream+"/"+t.Track), t.Epoch)
	lines := drawHops(t.Hops)
	widths := make([]int, 9)
	for _, l := range lines {
		widths[0] = max(widths[0], utf8.RuneCountInString(l.branch))
		for i, f := range l.figures {
			widths[i+1] = max(widths[i+1], utf8.RuneCountInString(f))
		}
	}
	for _, l := range lines {
		var b strings.Builder
		b.WriteString(pad(l.branch, widths[0]))
		for i, f := range l.figures {
			b.WriteString("  " + pad(f, widths[i+1]))
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// drawHops orders hops as a tree. A hop whose parent is not among them (that
// node did not answer) stands at the root, with the parent's name; each hop is
// drawn once, whatever the server says.
func drawHops(hops []client.Hop) []hopLine {
	known, drawn := map[string]bool{}, map[string]bool{}
	for _, h := range hops {
		known[h.Node] = true
	}
	below := func(parent string) []client.Hop {
		var found []client.Hop
		for _, h := range hops {
			if h.Parent == parent && !drawn[h.Node] {
				found = append(found, h)
			}
		}
		slices.SortStableFunc(found, func(a, b client.Hop) int { return strings.Compare(a.Node, b.Node) })
		return found
	}
	var lines []hopLine
	var draw func(h client.Hop, first, rest string)
	draw = func(h client.Hop, first, rest string) {
		if drawn[h.Node] {
			return
		}
		drawn[h.Node] = true
		lines = append(lines, hopLine{first + plain(h.Node), figures(h, known)})
		children := below(h.Node)
		for i, c := range children {
			if i < len(children)-1 {
				draw(c, rest+"├─ ", rest+"│  ")
			} else {
				draw(c, rest+"└─ ", rest+"   ")
			}
		}
	}
	for _, h := range hops {
		if h.Parent == "" || !known[h.Parent] {
			draw(h, "  ", "  ")
		}
	}
	for _, h := range hops { // a circle among the parents would be left out
		draw(h, "  ", "  ")
	}
	return lines
}

func figures(h client.Hop, known map[string]bool) []string {
	role := h.Role
	if h.Parent != "" && !known[h.Parent] {
		role += " from " + plain(h.Parent)
	}
	f := []string{role, count(h.Readers, "reader", "readers"), size(h.Bytes), rate(h.Bitrate), "holds " + millis(h.Buffer), "", "", ""}
	if h.Parent == "" {
		return f
	}
	f[5] = "RTT " + millis(h.RTT) + ", loss " + percent(h.Loss)
	f[6] = strconv.FormatUint(h.Recovered, 10) + " recovered, " + strconv.FormatUint(h.Late, 10) + " late"
	var notes []string
	if h.Standby != "" {
		notes = append(notes, "standby "+plain(h.Standby))
	}
	if h.Shed > 0 {
		notes = append(notes, count(h.Shed, "layer", "layers")+" shed")
	}
	f[7] = strings.Join(notes, ", ")
	return f
}

// percent writes a share in words of the field: 0.0123 is "1.2 %".
func percent(share float64) string { return strconv.FormatFloat(share*100, 'f', 1, 64) + " %" }
