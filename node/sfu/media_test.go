package sfu

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"stentor/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// metric sums a counter or a gauge over its labels that are given.
func metric(t *testing.T, reg *prometheus.Registry, name string, labels ...string) (sum float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "stentor_sfu_"+name {
			continue
		}
	metrics:
		for _, m := range f.GetMetric() {
			for _, want := range labels {
				found := false
				for _, l := range m.GetLabel() {
					found = found || l.GetValue() == want
				}
				if !found {
					continue metrics
				}
			}
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

func TestAViewerWhoJoinsLateBeginsWithTheNewestKeyFrame(t *testing.T) {
	s, reg := newSFU(t)
	st := newStage(t)
	cam := newCamera(t, s, st)
	cam.frame(true, 3)
	cam.frame(false, 5)
	first := len(cam.sent)
	cam.frame(true, 20)
	cam.frame(false, 5)
	cam.arrived(st)

	scr := newScreen(t, s, st)
	cam.frame(false, 7) // while it joins or after
	tr := wait(t, scr.remote, "the viewer's track")
	if tr.StreamID() != "main" || tr.ID() != "main-video" {
		t.Errorf("labels %q %q", tr.StreamID(), tr.ID())
	}
	if tr.Codec().MimeType != webrtc.MimeTypeH264 {
		t.Errorf("codec %s", tr.Codec().MimeType)
	}
	var before *uint16
	for i, want := range cam.sent[first:] {
		p := scr.next()
		if !bytes.Equal(p.Payload, want) {
			t.Fatalf("packet %d differs", i)
		}
		if before != nil && p.SequenceNumber != *before+1 {
			t.Fatalf("sequence number %d after %d", p.SequenceNumber, *before)
		}
		before = &p.SequenceNumber
	}
	if n := st.asked.Load(); n != 0 {
		t.Errorf("the join cost the publisher %d key frame requests", n)
	}
	// A packet is counted after it went out, so the viewer can have it first.
	until(t, "the count of what the viewer has", func() bool {
		return scr.view.Stats().Tracks[0].Packets == uint64(len(cam.sent)-first)
	})
	stats := scr.view.Stats()
	if !stats.Connected || stats.Tracks[0].FirstKey == 0 || stats.Tracks[0].Sender != "batched" || stats.Tracks[0].Packets != uint64(len(cam.sent)-first) {
		t.Errorf("%+v", stats)
	}
	for _, c := range []struct {
		name   string
		labels []string
		want   float64
	}{
		{"viewers", nil, 1}, {"publishers", nil, 1}, {"senders", []string{"batched"}, 1},
		{"packets_in_total", []string{"video"}, float64(len(cam.sent))},
		{"packets_out_total", []string{"video"}, float64(len(cam.sent) - first)},
		{"first_packet_seconds", nil, 1}, {"first_keyframe_seconds", nil, 1},
	} {
		if got := metric(t, reg, c.name, c.labels...); got != c.want {
			t.Errorf("%s%v is %v, want %v", c.name, c.labels, got, c.want)
		}
	}
}

func TestALostPacketComesAgainAsRTX(t *testing.T) {
	s, reg := newSFU(t)
	st := newStage(t)
	cam := newCamera(t, s, st)
	cam.frame(true, 30)
	cam.arrived(st)
	scr := newScreen(t, s, st)
	tr := wait(t, scr.remote, "the viewer's track")
	first := scr.next().SequenceNumber
	for range cam.sent[1:] {
		scr.next()
	}
	ask := func(n ...rtcp.NackPair) {
		t.Helper()
		err := scr.pc.WriteRTCP([]rtcp.Packet{&rtcp.TransportLayerNack{MediaSSRC: uint32(tr.SSRC()), Nacks: n}})
		if err != nil {
			t.Fatal(err)
		}
	}
	ask(rtcp.NackPair{PacketID: first + 3, LostPackets: 0b101})
	// A packet that came again is seen by pion when the next one comes, so the camera
	// goes on until it has been.
	repair := func() *rtp.Packet {
		t.Helper()
		for range 500 {
			cam.frame(false, 1)
			scr.next()
			select {
			case p := <-scr.again:
				return p
			case <-time.After(10 * time.Millisecond):
			}
		}
		t.Fatal("the repair did not come")
		return nil
	}
	for _, n := range []uint16{3, 4, 6} {
		p := repair()
		if p.SequenceNumber != first+n || !bytes.Equal(p.Payload, cam.sent[n]) || uint32(tr.SSRC()) != p.SSRC {
			t.Fatalf("asked for %d, got %d", first+n, p.SequenceNumber)
		}
	}
	// What never was is not sent, and neither is everything without end.
	ask(rtcp.NackPair{PacketID: first - 100})
	until(t, "the count of a request for nothing", func() bool { return metric(t, reg, "nacked_packets_total", "not_in_ring") == 1 })
	for range 80 {
		ask(rtcp.NackPair{PacketID: first + 3, LostPackets: 0xffff})
	}
	until(t, "the end of the budget", func() bool { return metric(t, reg, "nacked_packets_total", "over_budget") > 0 })
	if sent := metric(t, reg, "nacked_packets_total", "sent_again"); sent > repairBurst+float64(len(cam.sent)) {
		t.Errorf("%v packets sent again", sent)
	}
	if got := scr.view.Stats().Tracks[0]; got.RTX < 3 || got.NACKs < 4 {
		t.Errorf("%+v", got)
	}
}

func TestAViewerWithoutRTXGetsNothingAgain(t *testing.T) {
	s, reg := newSFU(t)
	st := newStage(t)
	cam := newCamera(t, s, st)
	cam.frame(true, 5)
	cam.arrived(st)
	pc := newClient(t, true)
	tr, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	if err != nil {
		t.Fatal(err)
	}
	var codecs []webrtc.RTPCodecParameters
	for _, c := range tr.Receiver().GetParameters().Codecs {
		if c.MimeType != webrtc.MimeTypeRTX {
			codecs = append(codecs, c)
		}
	}
	if err := tr.SetCodecPreferences(codecs); err != nil {
		t.Fatal(err)
	}
	arrived := make(chan *webrtc.TrackRemote, 1)
	pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { arrived <- tr })
	v, err := s.View(t.Context(), offerOf(t, pc), []Source{st.source("video", st.track("video").Info())})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(v.Answer(), "rtx") {
		t.Error("RTX in an answer to an offer without")
	}
	accept(t, pc, v.Answer())
	remote := wait(t, arrived, "the track")
	if err := pc.WriteRTCP([]rtcp.Packet{&rtcp.TransportLayerNack{MediaSSRC: uint32(remote.SSRC()), Nacks: []rtcp.NackPair{{PacketID: 1}}}}); err != nil {
		t.Fatal(err)
	}
	until(t, "the count", func() bool { return metric(t, reg, "nacked_packets_total", "no_rtx") == 1 })
}

func TestAKeyFrameRequestIsAnsweredFromTheRingOrMerged(t *testing.T) {
	var ahead atomic.Int64 // of the SFU's clock
	s, reg := newSFU(t)
	s.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	st := newStage(t)
	cam := newCamera(t, s, st)
	cam.frame(true, 3)
	cam.arrived(st)
	scr := newScreen(t, s, st)
	tr := wait(t, scr.remote, "the viewer's track")
	for range cam.sent {
		scr.next()
	}
	pli := func() {
		t.Helper()
		if err := scr.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(tr.SSRC())}}); err != nil {
			t.Fatal(err)
		}
	}
	answered := func(how string, n float64) {
		t.Helper()
		until(t, "an answer: "+how, func() bool { return metric(t, reg, "keyframe_requests_total", how) == n })
	}
	pli()
	answered("on_its_way", 1)
	if st.asked.Load() != 0 {
		t.Fatal("a viewer who asks before the key frame can be there costs the publisher one")
	}
	ahead.Store(int64(time.Second))
	for range 5 {
		pli()
	}
	answered("track", 5)
	wait(t, cam.plis, "the publisher hears of it")
	if n := st.asked.Load(); n != 1 {
		t.Errorf("five requests became %d", n)
	}
	cam.frame(true, 2)
	for range 2 {
		scr.next()
	}
}

func TestAViewerGoesOnWhenThePublisherComesAnew(t *testing.T) {
	s, _ := newSFU(t)
	st := newStage(t)
	cam := newCamera(t, s, st)
	cam.frame(true, 4)
	cam.arrived(st)
	scr := newScreen(t, s, st)
	var last uint16
	var at uint32
	for range cam.sent {
		p := scr.next()
		last, at = p.SequenceNumber, p.Timestamp
	}
	cam.pub.Close()
	wait(t, cam.pub.Gone(), "the end of the first publisher")
	select {
	case <-st.track("video").Done():
	default:
		t.Fatal("the track outlives its publisher")
	}
	cam = newCamera(t, s, st)
	cam.frame(true, 4)
	for i := range cam.sent {
		p := scr.next()
		if p.SequenceNumber != last+uint16(i)+1 || !bytes.Equal(p.Payload, cam.sent[i]) {
			t.Fatalf("packet %d: number %d after %d", i, p.SequenceNumber, last)
		}
		if d := int32(p.Timestamp - at); d <= 0 || d > 90000*60 {
			t.Fatalf("RTP time moved by %d", d)
		}
	}
}

func TestCloseEndsMediaWithinTheCall(t *testing.T) {
	s, reg := newSFU(t)
	st := newStage(t)
	cam := newCamera(t, s, st)
	cam.frame(true, 2)
	cam.arrived(st)
	scr := newScreen(t, s, st)
	scr.next()
	scr.view.Close()
	if state := scr.view.peer.pc.ConnectionState(); state != webrtc.PeerConnectionStateClosed {
		t.Errorf("after Close the connection is %s", state)
	}
	sent := metric(t, reg, "packets_out_total")
	cam.frame(true, 50)
	cam.arrived(st)
	if n := metric(t, reg, "packets_out_total"); n != sent {
		t.Errorf("%v packets after Close", n-sent)
	}
	wait(t, scr.view.Gone(), "the end of the viewer")
	if metric(t, reg, "viewers") != 0 || metric(t, reg, "senders") != 0 {
		t.Error("a viewer who is gone is counted")
	}
	cam.pub.Close()
	wait(t, cam.pub.Gone(), "the end of the publisher")
	if metric(t, reg, "publishers") != 0 {
		t.Error("a publisher who is gone is counted")
	}
}

func TestTheContextEndsTheConnection(t *testing.T) {
	s, _ := newSFU(t)
	st := newStage(t)
	cam := newCamera(t, s, st)
	cam.frame(true, 2)
	cam.arrived(st)
	ctx, cancel := context.WithCancelCause(t.Context())
	pc := newClient(t, true)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo); err != nil {
		t.Fatal(err)
	}
	offer := offerOf(t, pc)
	v, err := s.View(ctx, offer, []Source{st.source("video", st.track("video").Info())})
	if err != nil {
		t.Fatal(err)
	}
	kicked := errors.New("kicked")
	cancel(kicked)
	wait(t, v.Gone(), "the end of a viewer who never connected")
	if v.Err() != kicked {
		t.Errorf("ended by %v", v.Err())
	}
	if _, err := s.View(ctx, offer, nil); err != kicked {
		t.Errorf("a view after the end: %v", err)
	}
}

func TestTheOtherSideHangsUp(t *testing.T) {
	s, _ := newSFU(t)
	st := newStage(t)
	cam := newCamera(t, s, st)
	cam.frame(true, 2)
	cam.arrived(st)
	scr := newScreen(t, s, st)
	scr.next()
	_ = scr.pc.Close()
	wait(t, scr.view.Gone(), "the end of a viewer whose page was closed")
	_ = cam.pc.Close()
	wait(t, cam.pub.Gone(), "the end of a publisher who left")
	wait(t, st.track("video").Done(), "the end of its track")
}

func TestWhatThePeerIsTold(t *testing.T) {
	s, _ := newSFU(t)
	st := newStage(t)
	p, err := s.Publish(t.Context(), base("sendonly")+"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=sctp-port:5000\r\n", st, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	a := p.Answer()
	for _, want := range []string{
		"a=ice-lite", "a=setup:passive", "a=group:BUNDLE 0 1\r\n", "127.0.0.1 ", "a=end-of-candidates", "typ host",
		"x-google-start-bitrate=8000", "m=application 0 UDP/DTLS/SCTP webrtc-datachannel", "a=recvonly",
		"a=rtcp-fb:96 nack pli",
	} {
		if !strings.Contains(a, want) {
			t.Errorf("no %q in the answer", want)
		}
	}
	for _, not := range []string{"max-fs", "VP8", "goog-remb", "simulcast", "0.0.0.0 udp", "srflx"} {
		if strings.Contains(a, not) {
			t.Errorf("%q in the answer:\n%s", not, a)
		}
	}
	if n := strings.Count(a, "m="); n != 3 {
		t.Errorf("%d sections answer 3", n)
	}
}

func TestASinkThatRefusesEndsThePublisher(t *testing.T) {
	s, _ := newSFU(t)
	st := newStage(t)
	cam := newCamera(t, s, st)
	defer cam.pub.Close()
	st.epoch.Store(0) // the second one comes with the same epoch
	pc := newClient(t, false)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
		t.Fatal(err)
	}
	p, err := s.Publish(t.Context(), offerOf(t, pc), st, nil)
	if err != nil {
		t.Fatal(err)
	}
	accept(t, pc, p.Answer())
	wait(t, p.Gone(), "the end of a publisher whose track is taken")
	if p.Err() == nil {
		t.Error("no reason")
	}
}

func TestAViewerIsToldTheTime(t *testing.T) {
	s, _ := newSFU(t)
	st := newStage(t)
	cam := newCamera(t, s, st)
	cam.frame(true, 1)
	cam.arrived(st)
	scr := newScreen(t, s, st)
	tr := wait(t, scr.remote, "the viewer's track")
	p := scr.next()
	report, ok := wait(t, scr.rtcp, "a report").(*rtcp.SenderReport)
	if !ok || report.SSRC != uint32(tr.SSRC()) || report.PacketCount != 1 || report.OctetCount != 1000 {
		t.Fatalf("%+v", report)
	}
	if d := time.Since(time.Unix(int64(report.NTPTime>>32)-2208988800, 0)); d < 0 || d > time.Minute {
		t.Errorf("the report is %v old", d)
	}
	if d := int32(report.RTPTime - p.Timestamp); d < 0 || d > 90000*20 {
		t.Errorf("now is %d ticks after the packet", d)
	}
	name, ok := wait(t, scr.rtcp, "a name").(*rtcp.SourceDescription)
	if !ok || len(name.Chunks) != 1 || name.Chunks[0].Items[0].Text != "main" || !strings.Contains(scr.view.Answer(), "cname:main") {
		t.Errorf("%+v", name)
	}
}

// Recorders lay sound beside picture by what a publisher says of its clock.
func TestATrackKnowsItsPublishersLastSenderReport(t *testing.T) {
	s, _ := newSFU(t)
	st := newStage(t)
	cam := newCamera(t, s, st)
	cam.frame(true, 1)
	cam.arrived(st)
	at := time.Unix(1_800_000_000, 250_000_000)
	ssrc := uint32(cam.pc.GetSenders()[0].GetParameters().Encodings[0].SSRC)
	if got := st.track("video").Reported(0); got.Time == 77 {
		t.Fatal("it is known before it was said")
	}
	until(t, "the report", func() bool { // again and again: RTCP may be lost, and pion's own reports overwrite it
		err := cam.pc.WriteRTCP([]rtcp.Packet{
			&rtcp.SenderReport{SSRC: ssrc + 1, NTPTime: ntp(at.Add(time.Hour)), RTPTime: 88},
			&rtcp.SenderReport{SSRC: ssrc, NTPTime: ntp(at), RTPTime: 77},
		})
		if err != nil {
			t.Fatal(err)
		}
		got := st.track("video").Reported(0)
		if got.Time == 88 {
			t.Fatalf("somebody else's: %+v", got)
		}
		return got == relay.SenderReport{SSRC: ssrc, Time: 77, At: at.UnixNano()}
	})
}

func TestAPublisherThatDoesNotDeclareItsSources(t *testing.T) {
	s, _ := newSFU(t)
	st := newStage(t)
	cam := newCamera(t, s, st, func(offer string) string {
		var out strings.Builder
		for line := range strings.Lines(offer) {
			if !strings.HasPrefix(line, "a=ssrc") {
				out.WriteString(line)
			}
		}
		return out.String()
	})
	cam.frame(true, 3)
	cam.arrived(st)
}

func TestAPublisherIsAskedForWhatWasLost(t *testing.T) {
	s, reg := newSFU(t)
	st := newStage(t)
	cam := newCamera(t, s, st)
	cam.frame(true, 3)
	cam.seq += 2 // lost on the way
	until(t, "the question", func() bool {
		cam.frame(false, 1)
		return metric(t, reg, "nacked_packets_total", "sent") >= 2
	})
}

func TestAPacketThatComesLateOnTheMediaSSRCIsNoReplay(t *testing.T) {
	s, _ := newSFU(t)
	st := newStage(t)
	cam := newCamera(t, s, st)
	cam.frame(true, 1)
	lost := cam.seq
	cam.seq++     // a publisher without RTX sends it again on the media SSRC
	for range 4 { // in bursts that a socket's buffer holds
		cam.frame(false, 25)
		cam.arrived(st)
	}
	err := cam.track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: lost, Timestamp: cam.time - 4*3000}, Payload: []byte{0x61, 1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	cam.frame(false, 1)
	cam.arrived(st)
	track := st.track("video")
	r := track.Reader(0)
	defer r.Close()
	found := false
	for p := r.Try(); p != nil; p = r.Try() {
		found = found || uint16(p.Seq) == lost
	}
	if !found {
		t.Error("the repair was discarded")
	}
}
