package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"stentor/control/client"
	"stentor/control/controlpb"
)

// Recordings are what the nodes have recorded.
type Recordings interface {
	// Recordings returns what all nodes have of a webinar's recordings, and the nodes that did not say.
	Recordings(ctx context.Context, webinar string) (all []client.Recorded, unreachable []string, err error)
	// ServeRecording answers with a recorded file of a node, or with a part of it (RFC 9110, section 14). It fails with
	// [ErrNoRecording] when there is none, and with any other error when the node does not answer; then it has written
	// nothing.
	ServeRecording(w http.ResponseWriter, r *http.Request, webinar, recording, node, file string) error
}

// ErrNoRecording is [Recordings.ServeRecording]'s answer when there is no such file.
var ErrNoRecording = errors.New("api: no such recording")

func (a *API) recordings() {
	add(a, "start-recording", func(ctx context.Context, in *recordingInput) (*oneWebinarAnswer, error) {
		return a.setRecording(ctx, "start-recording", in, true)
	})
	add(a, "stop-recording", func(ctx context.Context, in *recordingInput) (*oneWebinarAnswer, error) {
		return a.setRecording(ctx, "stop-recording", in, false)
	})
	add(a, "list-recordings", a.listRecordings)
	add(a, "get-recorded-file", a.getRecordedFile)
}

type recordingInput struct {
	InWebinar
	Keyed
}

// setRecording begins or ends the recording, at whatever nodes there are publishers.
func (a *API) setRecording(ctx context.Context, operation string, in *recordingInput, on bool) (*oneWebinarAnswer, error) {
	change := &changeWebinarInput{InWebinar: in.InWebinar, Keyed: in.Keyed}
	return a.changeWebinar(ctx, operation, change, func(r *request) (*controlpb.Command, error) {
		c := &controlpb.SetRecording{Webinar: in.ID, On: on}
		if on {
			id, err := NewID(r.rand, recordingID)
			if err != nil {
				return nil, err
			}
			c.Id = id
		}
		return &controlpb.Command{Kind: &controlpb.Command_SetRecording{SetRecording: c}}, nil
	})
}

type listRecordingsAnswer struct{ Body client.Recordings }

func (a *API) listRecordings(ctx context.Context, in *InWebinar) (*listRecordingsAnswer, error) {
	w, err := a.find(a.Store.State(), principal(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	out := client.Recordings{Items: []client.Recorded{}, Unreachable: []string{}}
	if a.Recordings == nil {
		return &listRecordingsAnswer{out}, nil
	}
	all, unreachable, err := a.Recordings.Recordings(ctx, w.ID)
	if err != nil {
		return nil, fmt.Errorf("api: recordings: %w", err)
	}
	for _, r := range all {
		for i := range r.Files {
			f := &r.Files[i]
			f.Path = strings.Join([]string{"/api/v1/webinars", url.PathEscape(w.ID), "recordings", url.PathEscape(r.ID), url.PathEscape(r.Node), url.PathEscape(f.Name)}, "/")
		}
		out.Items = append(out.Items, r)
	}
	out.Unreachable = notNil(unreachable)
	return &listRecordingsAnswer{out}, nil
}

type recordedFileInput struct {
	InWebinar
	Recording string `path:"recording" maxLength:"64" pattern:"^[A-Za-z0-9_.:-]+$" doc:"Id of the recording."`
	Node      string `path:"node" maxLength:"64" pattern:"^[A-Za-z0-9_.:-]+$" doc:"Name of the node that has it."`
	File      string `path:"file" maxLength:"128" pattern:"^[A-Za-z0-9_-]+[.](webm|mkv|vtt)$" doc:"Name of the file."`
}

type recordedFileAnswer struct{ Body func(huma.Context) }

// getRecordedFile answers with a file, as long as it is by now, or a part of it.
func (a *API) getRecordedFile(ctx context.Context, in *recordedFileInput) (*recordedFileAnswer, error) {
	w, err := a.find(a.Store.State(), principal(ctx), in.ID)
	switch {
	case err != nil:
		return nil, err
	case a.Recordings == nil:
		return nil, refuse(codeRecordingNotFound, "")
	}
	return &recordedFileAnswer{func(c huma.Context) {
		r, raw := humago.Unwrap(c)
		h := raw.Header()
		h.Set("Content-Type", client.MediaOf(in.File))
		h.Set("Content-Disposition", `attachment; filename="`+in.Recording+"-"+in.File+`"`)
		err := a.Recordings.ServeRecording(&passing{raw, c}, r, w.ID, in.Recording, in.Node, in.File)
		if err == nil {
			return
		}
		h.Del("Content-Disposition")
		code := codeNodeSilent
		if errors.Is(err, ErrNoRecording) {
			code = codeRecordingNotFound
		} else {
			a.Logger.Warn("a node did not give a recorded file", "node", in.Node, "err", err)
		}
		a.write(c, refuse(code, ""))
	}}, nil
}

// passing tells huma of the status that somebody else writes.
type passing struct {
	http.ResponseWriter
	to huma.Context
}

// WriteHeader writes the status.
func (c *passing) WriteHeader(status int) { c.to.SetStatus(status) }

// Unwrap is for http.ResponseController.
func (c *passing) Unwrap() http.ResponseWriter { return c.ResponseWriter }
