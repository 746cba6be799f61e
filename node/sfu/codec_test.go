package sfu

import "testing"

func TestH264(t *testing.T) {
	const (
		cb       = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
		cbFFmpeg = "packetization-mode=1;profile-level-id=42c033"
		cb0      = "packetization-mode=0;profile-level-id=42e01f"
		baseline = "packetization-mode=1;profile-level-id=42001f"
		main     = "packetization-mode=1;profile-level-id=4d001f"
		high     = "packetization-mode=1;profile-level-id=640033"
		chigh    = "packetization-mode=1;profile-level-id=640c1f"
	)
	for _, c := range []struct {
		name, viewer, source string
		want                 bool
	}{
		{"the same", cb, cb, true},
		{"constrained baseline has two spellings, and the level says nothing", cb, cbFFmpeg, true},
		{"main takes constrained baseline", main, cb, true},
		{"high takes main", high, main, true},
		{"high takes constrained high", high, chigh, true},
		{"constrained baseline does not take high", cb, high, false},
		{"constrained high does not take high", chigh, high, false},
		{"baseline does not take main", baseline, main, false},
		{"what calls itself baseline is constrained baseline in practice", cb, baseline, true},
		{"packetization mode 1 takes mode 0", cb, cb0, true},
		{"and not the other way round", cb0, cb, false},
		{"no parameters at all", "", "", true},
		{"an id that is none", "packetization-mode=1;profile-level-id=xyz", cb, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := format{mime: "video/h264", clock: 90000, fmtp: c.viewer}
			if got := canReceive(f, "video/H264", 90000, c.source); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestCanReceive(t *testing.T) {
	for _, c := range []struct {
		name         string
		viewer       format
		mime, source string
		want         bool
	}{
		{"VP8", format{mime: "video/VP8", clock: 90000}, "video/VP8", "", true},
		{"another codec", format{mime: "video/VP8", clock: 90000}, "video/VP9", "", false},
		{"VP9 without a profile is profile 0", format{mime: "video/VP9", clock: 90000}, "video/VP9", "profile-id=0", true},
		{"VP9 of another profile", format{mime: "video/VP9", clock: 90000, fmtp: "profile-id=2"}, "video/VP9", "profile-id=0", false},
		{"AV1 of another level", format{mime: "video/AV1", clock: 90000, fmtp: "level-idx=5;profile=0;tier=0"}, "video/AV1", "level-idx=13;profile=0", true},
		{"another clock", format{mime: "video/VP8", clock: 48000}, "video/VP8", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := canReceive(c.viewer, c.mime, 90000, c.source); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestNormalise(t *testing.T) {
	vp8 := normalise(format{mime: "video/vp8", fmtp: "max-fs=12288; max-fr=60"})
	if vp8.mime != "video/VP8" || vp8.fmtp != "" {
		t.Errorf("VP8: %q %q", vp8.mime, vp8.fmtp)
	}
	h := normalise(format{mime: "video/H264"})
	if h.fmtp != "packetization-mode=0;profile-level-id=42e01f" {
		t.Errorf("H.264: %q", h.fmtp)
	}
}
