package client

import (
	"strings"
	"testing"
)

func TestRecordedFilesAreKnownByTheirNames(t *testing.T) {
	for file, kind := range map[string]string{
		"0001-main-video.webm": "video/webm", "0002-main-audio.webm": "audio/webm", "0001-main-video.mkv": "video/matroska",
		"0003-main-captions-de.vtt": "text/vtt; charset=utf-8",
	} {
		if got := MediaOf(file); got != kind {
			t.Errorf("%s is %s, want %s", file, got, kind)
		}
		c, _, _ := serve(t, 200, kind, "what is in it")
		var got strings.Builder
		if err := c.RecordedFile(t.Context(), "w_1", "r_1", "n1", file, &got); err != nil || got.String() != "what is in it" {
			t.Errorf("%s: %q, %v", file, got.String(), err)
		}
	}
}
