package main

import (
	"context"
	"fmt"
	"time"

	"stentor/bench/impair"
)

// hopScenario measures what a hop costs on a clean network: CPU, time, bytes.
type hopScenario struct {
	Seconds int    `help:"How long each measurement lasts." default:"5"`
	Rounds  int    `help:"How often all of it is done; medians count." default:"3"`
	Ways    []way  `help:"Which ways of carrying are compared." default:"relay,plain streams,plain datagrams"`
	Streams int    `help:"The cost per GB is measured with so many streams, too." default:"10"`
	Only    string `help:"Measure only what a node in the middle costs with one or many streams, or the bytes down a link (${enum})." enum:",one,many,bytes" default:""`
}

// What a packet needs around it on the wire: UDP and IPv4 headers, and the tag of SRTP with AES-GCM that the publisher's
// had (RFC 7714) and a hop's has not.
const (
	udpHeaders = 8 + 20
	srtpTag    = 16
)

// Run runs the scenario.
func (s *hopScenario) Run(ctx context.Context) error {
	b := &board{columns: s.Ways}
	fmt.Printf("One 4K stream (20 Mbps, 30 frames a second, a key frame of 750 kB each 2 s, frames written at once) over real sockets on loopback,\neach node a process: %d rounds of %d s.\n\n", s.Rounds, s.Seconds)
	for range s.Rounds {
		for _, w := range b.columns {
			if err := s.round(ctx, b, w); err != nil {
				return fmt.Errorf("%s: %w", w, err)
			}
		}
	}
	b.print()
	return nil
}

func (s *hopScenario) round(ctx context.Context, b *board, w way) error {
	if s.Only == "bytes" {
		if w == wayDatagrams {
			return nil
		}
		return s.tapped(ctx, b, w)
	}
	if s.Only != "many" {
		if err := s.chain(ctx, b, w, 1); err != nil {
			return err
		}
	}
	if s.Streams > 1 && s.Only != "one" {
		if err := s.chain(ctx, b, w, s.Streams); err != nil {
			return err
		}
	}
	if s.Only != "" || w == wayDatagrams { // its cost is compared, nothing else
		return nil
	}
	if err := s.pair(ctx, b, w); err != nil {
		return err
	}
	return s.tapped(ctx, b, w)
}

// chain measures the seat in the middle of three: that is a hop, with nothing else in the process.
func (s *hopScenario) chain(ctx context.Context, b *board, w way, streams int) error {
	l, err := openLine(ctx, w, videos(streams), []string{"origin", "middle", "leaf"}, nil)
	if err != nil {
		return err
	}
	defer l.stop()
	if err := l.measure(ctx, time.Duration(s.Seconds)*time.Second, nil); err != nil {
		return err
	}
	goals := []string{"below plain streams", "3.5 (design)", "3.4 (design)"}
	of := "one stream"
	if streams > 1 {
		of = fmt.Sprint(streams, " streams")
	}
	b.note("CPU s per GB of RTP, "+of+": a node in the middle (receive, ring, send)", "%.2f", goals[0], w, l.cost(1))
	b.note("... "+of+": the origin (write, ring, send)", "%.2f", goals[1], w, l.cost(0))
	b.note("... "+of+": the last node (receive, ring, read)", "%.2f", goals[2], w, l.cost(2))
	if streams > 1 {
		return nil
	}
	a, err := l.ages(ctx, 0)
	b.note("frames complete after two hops", "%.2f %%", "100 %", w, a.within(time.Hour))
	b.note("two hops, from a frame's last packet written to complete, p50", "%.2f ms", "", w, a.at(0.5))
	b.note("two hops, p99 (key frames)", "%.2f ms", "", w, a.at(0.99))
	return err
}

// pair measures the time that one hop adds.
func (s *hopScenario) pair(ctx context.Context, b *board, w way) error {
	l, err := openLine(ctx, w, []string{"video"}, []string{"origin", "leaf"}, nil)
	if err != nil {
		return err
	}
	defer l.stop()
	if err := l.measure(ctx, time.Duration(s.Seconds)*time.Second, nil); err != nil {
		return err
	}
	a, err := l.ages(ctx, 0)
	b.note("one hop, from a frame's last packet written to complete, p50", "%.2f ms", "<= 2 ms", w, a.at(0.5))
	b.note("one hop, p99 (key frames)", "%.2f ms", "<= 15 ms", w, a.at(0.99))
	b.note("one hop, worst", "%.2f ms", "", w, a.at(1))
	return err
}

// tapped counts what crosses one link with a proxy that does nothing else, and so sees packets as they are on the wire.
func (s *hopScenario) tapped(ctx context.Context, b *board, w way) error {
	t := &tap{}
	defer t.close()
	l, err := openLine(ctx, w, []string{"video"}, []string{"origin", "leaf"}, t.open(ctx, impair.Profile{}, 1))
	if err != nil {
		return err
	}
	defer l.stop()
	if err := l.measure(ctx, time.Duration(s.Seconds)*time.Second, t.mark); err != nil {
		return err
	}
	packets := float64(l.after[0].Sent-l.before[0].Sent) / videoPacket
	source := packets * (videoPacket + srtpTag + udpHeaders)
	down, up := t.moved()
	sent := t.sent()
	b.note("packets down the link / the source's", "%.3f", "", w, sent/packets)
	b.note("mean size of a packet down the link, without UDP and IP", "%.0f bytes", "", w, down/sent-udpHeaders)
	b.note("bytes down the link / the source's, on the wire with all headers", "%.4f", "<= 1.02", w, down/source)
	b.note("... what goes up counted too", "%.4f", "", w, (down+up)/source)
	return nil
}
