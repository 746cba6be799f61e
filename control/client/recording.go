package client

import (
	"context"
	"io"
	"strings"
	"time"
)

// Recording says that a webinar is being recorded.
type Recording struct {
	ID    string    `json:"id" example:"r_mfrggzdfmztwq2lk"`
	Since time.Time `json:"since"`
}

// Recordings are the recordings of a webinar, the oldest first.
type Recordings struct {
	Items       []Recorded `json:"items" nullable:"false"`
	Unreachable []string   `json:"unreachable" nullable:"false" doc:"Nodes that did not say what they have."`
}

// Recorded is what one node has of a recording.
type Recorded struct {
	ID      string         `json:"id"`
	Node    string         `json:"node"`
	Running bool           `json:"running" doc:"Something is being recorded at this node."`
	Problem string         `json:"problem,omitempty" doc:"Why this node has stopped before anybody asked it to, as a sentence."`
	Files   []RecordedFile `json:"files" nullable:"false" doc:"The oldest first."`
}

// RecordedFile is one flow of one publisher, or the captions beside it.
type RecordedFile struct {
	Name        string    `json:"name" example:"0001-main-video.webm"`
	Path        string    `json:"path" doc:"Where it is downloaded, on any node; parts by Range."`
	Stream      string    `json:"stream"`
	Track       string    `json:"track" enum:"audio,video,captions" doc:"Captions are what was spoken meanwhile, in one language: WebVTT."`
	Participant string    `json:"participant"`
	Codec       string    `json:"codec" example:"video/VP8"`
	Language    string    `json:"language,omitempty" doc:"Of captions: a language tag." example:"de"`
	Width       int       `json:"width,omitempty"`
	Height      int       `json:"height,omitempty"`
	Zero        time.Time `json:"zero" doc:"From which the times in the file count; the same for all files of one publisher's connection."`
	First       int64     `json:"first_ms" doc:"Time of the first frame or caption, in milliseconds."`
	Last        int64     `json:"last_ms" doc:"Time of the last frame, or the end of the last caption, in milliseconds."`
	Bytes       int64     `json:"bytes"`
	Dropped     uint64    `json:"dropped" doc:"Frames that are missing."`
	State       string    `json:"state" enum:"growing,whole,cut_off" doc:"A file that was cut off, since its node ended, plays up to then."`
}

// StartRecording has what publishers send written into files, at the nodes where they are. Everybody inside is told.
func (c *Client) StartRecording(ctx context.Context, id string, options ...CallOption) (Webinar, error) {
	var out Webinar
	err := c.change(ctx, "POST", path("webinars", id, "recording", "start"), nil, &out, options...)
	return out, err
}

// StopRecording ends the recording that goes on.
func (c *Client) StopRecording(ctx context.Context, id string, options ...CallOption) (Webinar, error) {
	var out Webinar
	err := c.change(ctx, "POST", path("webinars", id, "recording", "stop"), nil, &out, options...)
	return out, err
}

// Recordings lists what was recorded of a webinar, on every node.
func (c *Client) Recordings(ctx context.Context, id string) (Recordings, error) {
	var out Recordings
	err := c.call(ctx, "GET", path("webinars", id, "recordings"), nil, &out)
	return out, err
}

// RecordedFile writes a recorded file to w.
func (c *Client) RecordedFile(ctx context.Context, id, recording, node, file string, w io.Writer) error {
	kind, _, _ := strings.Cut(MediaOf(file), ";")
	return c.download(ctx, path("webinars", id, "recordings", recording, node, file), kind, w)
}

// MediaOf is the media type of a recorded file, by its name.
func MediaOf(file string) string {
	if strings.HasSuffix(file, ".vtt") {
		return "text/vtt; charset=utf-8"
	}
	kind := "video/"
	if strings.Contains(file, "-audio.") {
		kind = "audio/"
	}
	if strings.HasSuffix(file, ".webm") {
		return kind + "webm"
	}
	return kind + "matroska"
}
