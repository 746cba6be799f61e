package relay

import "stentor/relay/rtp"

// recentFrames is how many frames back a late packet still finds its frame: four seconds at 30 a second,
// longer than a publisher answers NACKs.
const recentFrames = 128

// frames knows the newest frames of a layer. The origin numbers them with it: packets of one RTP time are one
// frame, and a frame is called by the sequence number with which it was first seen. Such numbers grow in decode order
// whatever the RTP times do (B-frames) and whichever frame comes late, and every node gets them from the origin.
type frames struct {
	ring [recentFrames]frameInfo
	n    int // how many there were
}

type frameInfo struct {
	frame, time uint64
	key         bool // its first decodable packet was seen
}

// number gives p its frame. It reports false when the frame is not known and older than all that are.
func (f *frames) number(p *rtp.Packet) bool {
	for i := f.n - 1; i >= 0 && i >= f.n-recentFrames; i-- {
		if info := &f.ring[i%recentFrames]; info.time == p.Time {
			p.Frame = info.frame
			return true
		}
	}
	if f.n >= recentFrames && p.Seq < f.oldest() {
		return false
	}
	p.Frame = p.Seq
	f.push(frameInfo{frame: p.Frame, time: p.Time})
	return true
}

// key notes what a detector said about a packet of the frame, and reports whether the packet is the frame's first
// at which it said yes.
func (f *frames) key(frame uint64, detected bool) bool {
	if !detected {
		return false
	}
	for i := f.n - 1; i >= 0 && i >= f.n-recentFrames; i-- {
		if info := &f.ring[i%recentFrames]; info.frame == frame {
			first := !info.key
			info.key = true
			return first
		}
	}
	f.push(frameInfo{frame: frame, key: true})
	return true
}

func (f *frames) push(info frameInfo) {
	f.ring[f.n%recentFrames] = info
	f.n++
}

func (f *frames) oldest() uint64 {
	least := f.ring[0].frame
	for _, info := range f.ring[1:] {
		least = min(least, info.frame)
	}
	return least
}
