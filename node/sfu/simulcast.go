package sfu

import (
	"slices"
	"strings"

	"github.com/pion/sdp/v3"

	"stentor/relay/wire"
)

// Simulcast (RFC 8853): a publisher sends one picture in several sizes, each an RTP stream
// of its own that an RTP header extension names (RID, RFC 8852).

// MaxRIDs is how many sizes of a picture are taken: three, as browsers send. Of an offer
// with more the first are.
const MaxRIDs = 3

const (
	extMID         = sdp.SDESMidURI
	extRID         = sdp.SDESRTPStreamIDURI
	extRepairedRID = sdp.SDESRepairRTPStreamIDURI
)

// readRIDs returns what a section offers to send at once, in the order of its
// a=simulcast line: of alternatives the first, paused ones too. Nil where there are not
// at least two that a packet can name.
func readRIDs(s *section) []string {
	if s.exts[extMID] == 0 || s.exts[extRID] == 0 {
		return nil
	}
	declared := make(map[string]bool)
	var line string
	for _, a := range s.media.Attributes {
		switch a.Key {
		case "rid":
			if id, rest, _ := strings.Cut(a.Value, " "); strings.HasPrefix(rest, "send") {
				declared[id] = true
			}
		case "simulcast":
			line = a.Value
		}
	}
	fields := strings.Fields(line)
	at := slices.Index(fields, "send") + 1
	if at == 0 || at >= len(fields) {
		return nil
	}
	var rids []string
	for each := range strings.SplitSeq(fields[at], ";") {
		id, _, _ := strings.Cut(each, ",")
		id = strings.TrimPrefix(id, "~")
		if len(rids) < MaxRIDs && declared[id] && isRID(id) && !slices.Contains(rids, id) {
			rids = append(rids, id)
		}
	}
	if len(rids) < 2 {
		return nil
	}
	return rids
}

// isRID reports whether a name can stand in a header extension of one byte's length
// (RFC 8285 section 4.2) and means the same to everybody who reads a line of SDP.
func isRID(id string) bool {
	if id == "" || len(id) > 16 {
		return false
	}
	return strings.IndexFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' && r != '_'
	}) < 0
}

// simulcast adds to a section what says that all its sizes are taken.
func (c *chosen) simulcast(add func(key, format string, args ...any)) {
	if _, named := c.section.media.Attribute("msid"); !named { // pion tells nothing of a track without
		add("msid", "stentor %s", c.section.kind)
	}
	for _, id := range c.rids {
		add("rid", "%s send", id)
	}
	add("simulcast", "send %s", strings.Join(c.rids, ";"))
}

// onlyNamed has a plan take one size of each picture where another of its sections sends a
// stream that neither its description nor its packets name: pion tells undeclared streams
// apart by what packets say, in all sections of a transport or in none.
func (p *plan) onlyNamed() {
	if !slices.ContainsFunc(p.used, func(c chosen) bool { return c.rids == nil && c.section.ssrc == 0 }) {
		return
	}
	for i := range p.used {
		if c := &p.used[i]; c.rids != nil {
			c.rids, c.exts = nil, slices.DeleteFunc(c.exts, namesStream)
			if c.section.ssrc == 0 || c.section.rtx == 0 {
				c.format.rtx = 0
			}
		}
	}
}

func namesStream(uri string) bool { return uri == extMID || uri == extRID || uri == extRepairedRID }

// arrange orders encodings by size, smallest first, and returns what the track says of
// them. Some may not have come yet (a browser begins with the small ones while it does not
// know its network): those take the place that the order of the offer gives them, which
// runs either way; what has come tells which.
func arrange(all []*encoding) []wire.Layer {
	up := true
	var first, last, seen int
	for _, e := range all {
		if n := e.pixels(); n > 0 {
			if seen == 0 {
				first = n
			}
			last = n
			seen++
		}
	}
	switch {
	case seen > 1:
		up = first <= last
	case seen == 1 && len(all) > 1:
		up = all[len(all)-1].pixels() == 0
	}
	ordered := slices.Clone(all)
	if !up {
		slices.Reverse(ordered)
	}
	slices.SortStableFunc(ordered, func(a, b *encoding) int {
		if a.pixels() == 0 || b.pixels() == 0 {
			return 0
		}
		return a.pixels() - b.pixels()
	})
	layers := make([]wire.Layer, len(ordered))
	for i, e := range ordered {
		e.layer = i
		w, h := e.dimensions()
		layers[i] = wire.Layer{RID: e.rid, Width: uint32(w), Height: uint32(h)}
	}
	copy(all, ordered)
	return layers
}
