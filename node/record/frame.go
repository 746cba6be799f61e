package record

import "stentor/relay/rtp"

// A frame is one picture, or one packet of sound, as a file holds it.
type frame struct {
	first *rtp.Packet // whose times are the frame's
	data  []byte
	key   bool
}

// maxFrame bounds what a publisher can make a recorder hold: a key frame of 8K at the worst has a few megabytes.
const maxFrame = 32 << 20

// A gather puts the packets of one layer together to frames. After a loss nothing is of use before a key frame.
type gather struct {
	codec codec
	audio bool
	drop  func(reason string, n uint64)

	wantsKey string // why nothing before a key frame is of use; "" it is
	time     uint64
	packets  []*rtp.Packet // of the frame that goes on
	size     int
	skipped  uint64 // RTP time of the frame that was counted as dropped last, plus one
}

// add takes the next packet, before which lost ones are missing, and calls done with each frame that is whole.
func (g *gather) add(p *rtp.Packet, lost uint64, done func(frame)) {
	if g.audio {
		g.sound(p, lost, done)
		return
	}
	if lost > 0 {
		g.broken(dropLost)
	}
	if len(g.packets) > 0 && p.Time != g.time { // its marker was not set
		g.finish(done)
	}
	if g.wantsKey != "" && !p.Key && len(g.packets) == 0 {
		if g.skipped != p.Time+1 && len(p.Payload()) > 0 {
			g.skipped = p.Time + 1
			g.drop(g.wantsKey, 1)
		}
		return
	}
	g.time = p.Time
	if n := len(p.Payload()); n > 0 { // padding has none
		g.packets, g.size = append(g.packets, p), g.size+n
	}
	switch {
	case g.size > maxFrame:
		g.broken(dropBad)
	case p.Marker && len(g.packets) > 0:
		g.finish(done)
	}
}

func (g *gather) sound(p *rtp.Packet, lost uint64, done func(frame)) {
	if lost > 0 {
		g.drop(dropLost, lost)
	}
	if len(p.Payload()) == 0 {
		return
	}
	data, key, err := g.codec.frame([][]byte{p.Payload()})
	if err != nil {
		g.drop(dropBad, 1)
		return
	}
	done(frame{first: p, data: data, key: key})
}

// broken drops the frame that goes on, and all until the next key frame.
func (g *gather) broken(why string) {
	if len(g.packets) > 0 {
		g.drop(why, 1)
		g.skipped = g.time + 1
	}
	g.packets, g.size = g.packets[:0], 0
	g.wantsKey = dropKey
}

// finish makes a frame of the packets.
func (g *gather) finish(done func(frame)) {
	payloads := make([][]byte, len(g.packets))
	for i, p := range g.packets {
		payloads[i] = p.Payload()
	}
	first := g.packets[0]
	g.packets, g.size = g.packets[:0], 0
	data, key, err := g.codec.frame(payloads)
	switch {
	case err != nil || len(data) == 0:
		g.drop(dropBad, 1)
		g.wantsKey = dropKey
	case g.wantsKey != "" && !key:
		g.drop(g.wantsKey, 1)
	default:
		g.wantsKey = ""
		done(frame{first: first, data: data, key: key})
	}
}
