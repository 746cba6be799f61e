package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/pion/rtp/codecs"
)

// A size is one encoding of a simulcast camera: RFC 8853's RID, lines of 16:9, and bits a second.
type size struct {
	rid     string
	lines   int
	bitrate int
}

// sizes are what a page sends (src/guest/publisher.ts), the smallest first.
var sizes = []size{{"q", 540, 500_000}, {"h", 1080, 2_000_000}, {"f", 2160, 12_000_000}}

const (
	filmRate    = 30 // frames a second
	filmSeconds = 6  // of the loop
	filmKeys    = 60 // frames from one key frame to the next
	filmPacket  = 1180
)

// A picture is one coded frame in packets' payloads (RFC 6184).
type picture [][]byte

// encode makes a loop of moving test picture in one size, by ffmpeg: constant bit rate, baseline, no delay, as a
// browser's encoder works.
func encode(ctx context.Context, dir string, s size) ([]picture, error) {
	file := filepath.Join(dir, s.rid+".h264")
	rate := strconv.Itoa(s.bitrate)
	cmd := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-f", "lavfi",
		"-i", fmt.Sprintf("testsrc2=size=%dx%d:rate=%d:duration=%d,noise=alls=12:allf=t", s.lines*16/9, s.lines, filmRate, filmSeconds),
		"-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "baseline",
		"-b:v", rate, "-maxrate", rate, "-bufsize", strconv.Itoa(s.bitrate/2), "-g", strconv.Itoa(filmKeys),
		"-x264-params", "aud=1:scenecut=0:repeat-headers=1", "-f", "h264", file)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("ffmpeg (make deps installs it): %w: %s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var film []picture
	payloader := &codecs.H264Payloader{}
	for _, frame := range bytes.Split(b, []byte{0, 0, 0, 1, 9})[1:] { // access unit delimiters
		if len(frame) < 2 {
			return nil, errors.New("ffmpeg made a frame of nothing")
		}
		// What is behind the delimiter's one byte of payload begins with a start code again.
		film = append(film, payloader.Payload(filmPacket, frame[1:]))
	}
	if len(film) != filmRate*filmSeconds {
		return nil, fmt.Errorf("ffmpeg made %d frames of %d", len(film), filmRate*filmSeconds)
	}
	return film, nil
}

// loop calls write for each packet of a film, round after round, until ctx ends: a frame's packets within half of its
// time, as browsers pace them. The number counts frames and goes on from round to round. When a key frame is asked for
// the film goes on at its next one, as an encoder makes one with the next frame.
func loop(ctx context.Context, film []picture, keys <-chan struct{}, write func(frame int, payload []byte, last bool) error) error {
	begin := time.Now()
	for n, at := 0, 0; ; n, at = n+1, at+1 {
		due := begin.Add(time.Duration(n) * time.Second / filmRate)
		select {
		case <-keys:
			at = (at + filmKeys - 1) / filmKeys * filmKeys
		default:
		}
		packets := film[at%len(film)]
		const bursts = 8
		for i, payload := range packets {
			if i%max(1, len(packets)/bursts) == 0 {
				at := due.Add(time.Duration(i) * time.Second / filmRate / 2 / time.Duration(len(packets)))
				if err := sleep(ctx, time.Until(at)); err != nil {
					return nil
				}
			}
			if err := write(n, payload, i == len(packets)-1); err != nil {
				return err
			}
		}
	}
}
