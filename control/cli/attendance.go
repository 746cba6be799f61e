package cli

import (
	"context"

	"stentor/control/client"
)

// AttendanceCommands say who was inside, and when.
type AttendanceCommands struct {
	List   AttendanceList   `cmd:"" help:"List who was inside, and when."`
	Export AttendanceExport `cmd:"" help:"Write who was inside, and when, as CSV."`
}

// AttendanceList lists stays.
type AttendanceList struct {
	Listing
	Webinar string `arg:"" help:"Id of the webinar."`
}

// Run prints the list.
func (c *AttendanceList) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	return printList(e, c.Listing, view[client.Attendance]{
		heading: "PARTICIPANT ROLE NODE JOINED LEFT STAYED NAME", empty: "Nobody was inside.",
		id: func(a client.Attendance) string { return a.ID },
		row: func(a client.Attendance) []string {
			left, stayed := "inside", long(e.Now().Sub(a.JoinedAt))
			if a.LeftAt != nil {
				left, stayed = when(*a.LeftAt), long(a.LeftAt.Sub(a.JoinedAt))
			}
			return []string{a.Participant, a.Role, a.Node, when(a.JoinedAt), left, stayed, a.Name}
		},
	}, func(p client.Page) (client.AttendanceList, error) { return api.Attendance(ctx, c.Webinar, p) })
}

// AttendanceExport exports stays.
type AttendanceExport struct {
	Export
	Webinar string `arg:"" help:"Id of the webinar."`
}

// Run writes the table.
func (c *AttendanceExport) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	return c.write(e, func(w *sink) error { return api.ExportAttendance(ctx, c.Webinar, w) })
}
