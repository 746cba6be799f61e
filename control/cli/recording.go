package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	"stentor/control/client"
)

// RecordingCommands record a webinar.
type RecordingCommands struct {
	Start    RecordingStart    `cmd:"" help:"Write what publishers send into files, at the nodes where they are; everybody inside is told."`
	Stop     RecordingStop     `cmd:"" help:"End the recording."`
	List     RecordingList     `cmd:"" help:"List what was recorded, on every node."`
	Download RecordingDownload `cmd:"" help:"Get a recorded file."`
}

// RecordingStart begins a recording.
type RecordingStart struct{ oneWebinar }

// Run begins it.
func (c *RecordingStart) Run(ctx context.Context, e *Env) error {
	return c.one(e, func(api *client.Client) (client.Webinar, error) { return api.StartRecording(ctx, c.Webinar) })
}

// RecordingStop ends a recording.
type RecordingStop struct{ oneWebinar }

// Run ends it.
func (c *RecordingStop) Run(ctx context.Context, e *Env) error {
	return c.one(e, func(api *client.Client) (client.Webinar, error) { return api.StopRecording(ctx, c.Webinar) })
}

// RecordingList lists recorded files.
type RecordingList struct{ oneWebinar }

// Run prints the list.
func (c *RecordingList) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	l, err := api.Recordings(ctx, c.Webinar)
	if err != nil {
		return err
	}
	if len(l.Unreachable) > 0 {
		defer e.hint("no answer from %s: what was recorded there is missing here", strings.Join(l.Unreachable, ", "))
	}
	type row struct {
		client.Recorded
		file client.RecordedFile
	}
	var rows []row
	for _, r := range l.Items {
		if r.Problem != "" {
			defer e.hint("%s: %s", r.Node, r.Problem)
		}
		for _, f := range r.Files {
			rows = append(rows, row{r, f})
		}
	}
	return view[row]{
		heading: "RECORDING NODE FILE BEGAN LENGTH BYTES STATE PARTICIPANT", empty: "Nothing was recorded.",
		id: func(r row) string { return r.ID + "/" + r.Node + "/" + r.file.Name },
		row: func(r row) []string {
			f := r.file
			began := f.Zero.Add(time.Duration(f.First) * time.Millisecond)
			length := (time.Duration(f.Last-f.First) * time.Millisecond).Round(time.Second)
			return []string{r.ID, r.Node, f.Name, when(began), length.String(), strconv.FormatInt(f.Bytes, 10), f.State, f.Participant}
		},
	}.print(e, c.Remote, rows, l)
}

// RecordingDownload gets a file.
type RecordingDownload struct {
	Export
	Webinar   string `arg:"" help:"Id of the webinar."`
	Recording string `arg:"" help:"Id of the recording, as the list shows it."`
	Node      string `arg:"" help:"Name of the node that has the file."`
	File      string `arg:"" help:"Name of the file."`
}

// Run writes the file.
func (c *RecordingDownload) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	return c.write(e, func(w *sink) error {
		w.plain = false // no text
		return api.RecordedFile(ctx, c.Webinar, c.Recording, c.Node, c.File, w)
	})
}
