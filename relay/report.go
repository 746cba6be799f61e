package relay

// A SenderReport ties the RTP time of one layer to the clock of its publisher (RFC 3550, section 6.4.1).
type SenderReport struct {
	SSRC uint32
	Time uint32 // RTP time
	At   int64  // what the publisher's clock showed then, Unix nanoseconds
}

// Report notes what the publisher said last about a layer's clock. It stays at this node.
func (t *Track) Report(layer int, r SenderReport) {
	if layer >= 0 && layer < len(t.layers) {
		t.layers[layer].report.Store(&r)
	}
}

// Reported returns what the publisher said last about a layer's clock, the zero report before it said anything and
// where the track came over a link.
func (t *Track) Reported(layer int) SenderReport {
	if layer >= 0 && layer < len(t.layers) {
		if r := t.layers[layer].report.Load(); r != nil {
			return *r
		}
	}
	return SenderReport{}
}
