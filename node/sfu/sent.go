package sfu

import dto "github.com/prometheus/client_model/go"

// Sent is how many bytes of RTP have gone out to viewers since the start.
func (s *SFU) Sent() uint64 {
	var sum float64
	for _, kind := range []string{"audio", "video", "rtx"} {
		var m dto.Metric
		if c, err := s.metrics.bytesOut.GetMetricWithLabelValues(kind); err == nil && c.Write(&m) == nil {
			sum += m.GetCounter().GetValue()
		}
	}
	return uint64(sum)
}
