package relay

import (
	"testing"
	"time"

	"stentor/relay/wire"
)

func TestLayersAreMeasuredEachOnItsOwn(t *testing.T) {
	info := videoInfo
	info.Layers = []wire.Layer{{RID: "q"}, {RID: "f"}}
	track := NewTrack(videoID, info, 1)
	defer track.Close()
	cams := [2]camera{{ssrc: 1}, {ssrc: 2, seq: 9000}}
	at := time.Unix(1000, 0)
	var bytes [2]int
	for i := range 61 {
		for layer := range cams {
			for _, p := range cams[layer].frame(i%30 == 0, 2+layer*6) {
				if i >= 30 && i < 60 {
					bytes[layer] += len(p)
				}
				if err := track.Write(layer, p, at); err != nil {
					t.Fatal(err)
				}
			}
		}
		at = at.Add(time.Second / 30)
	}
	for layer := range cams {
		s := track.LayerState(layer)
		if want := float64(8 * bytes[layer]); s.Bitrate < want*.9 || s.Bitrate > want*1.1 {
			t.Errorf("layer %d: %v bits a second, want %v", layer, s.Bitrate, want)
		}
		if !s.Newest.Equal(at.Add(-time.Second / 30)) {
			t.Errorf("layer %d: the newest came at %v", layer, s.Newest)
		}
		key := track.NewestKey(layer)
		if key == nil || !key.Key || key.Arrived != time.Unix(1000, 0).Add(60*(time.Second/30)).UnixNano() {
			t.Errorf("layer %d: newest key frame %+v", layer, key)
		}
	}
	if s := track.LayerState(2); s != (LayerState{}) || track.NewestKey(2) != nil || track.NewestKey(-1) != nil {
		t.Error("something is known of a layer that is not there")
	}
}
