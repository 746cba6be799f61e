package record

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	bytes, frames, dropped, failures *prometheus.CounterVec
	running, free                    prometheus.Gauge
}

// Why frames are dropped.
const (
	dropLost    = "lost"     // a packet of it never came
	dropOverrun = "overrun"  // the disk was too slow, and the ring has overtaken the recorder
	dropKey     = "wait_key" // it came before the key frame that what was lost made necessary
	dropBad     = "bad"      // what it holds is not what its codec says
	dropFull    = "full"     // a caption for which its file, or the number of languages, is too large
)

func newMetrics(reg prometheus.Registerer) *metrics {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "stentor_record_" + name, Help: help}, labels)
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "stentor_record_" + name, Help: help})
	}
	m := &metrics{
		bytes:    vec("bytes_total", "Bytes that were written into files of recordings.", "kind"),
		frames:   vec("frames_total", "Frames of video, packets of audio and captions that were written into files of recordings.", "kind"),
		dropped:  vec("dropped_frames_total", "Frames and captions that are missing in files of recordings, by why.", "kind", "reason"),
		failures: vec("failures_total", "Recordings that ended at this node although they were wanted, by why.", "reason"),
		running:  gauge("running_tracks", "Tracks, and languages of captions, that are being recorded at this node now."),
		free:     gauge("disk_free_bytes", "Room on the disk of recordings, while something is recorded."),
	}
	if reg != nil {
		reg.MustRegister(m.bytes, m.frames, m.dropped, m.failures, m.running, m.free)
	}
	return m
}
