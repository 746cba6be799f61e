package cli

import (
	"context"
	"strconv"

	"stentor/control/client"
)

// AuditCommands read, verify and undo from the audit log.
type AuditCommands struct {
	List   AuditList   `cmd:"" help:"List what was done, by whom, the newest first."`
	Verify AuditVerify `cmd:"" help:"Check that no entry was changed or left out, and who signed them."`
	Undo   AuditUndo   `cmd:"" help:"Undo an entry: lift a ban, or let somebody in again."`
}

// AuditList lists entries.
type AuditList struct {
	Listing
	Webinar string `arg:"" optional:"" help:"Id of the webinar; else all of them, which needs the scope admin."`
}

// Run prints the list.
func (c *AuditList) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	page := func(p client.Page) (client.Audit, error) { return api.AllAudit(ctx, p) }
	if c.Webinar != "" {
		page = func(p client.Page) (client.Audit, error) { return api.Audit(ctx, c.Webinar, p) }
	}
	return printList(e, c.Listing, view[client.AuditEntry]{
		heading: "SEQ AT BY ACTION WEBINAR SUBJECT UNDO", empty: "Nothing was done.",
		id: func(a client.AuditEntry) string { return strconv.FormatUint(a.Seq, 10) },
		row: func(a client.AuditEntry) []string {
			undo := ""
			if a.Undoable {
				undo = "yes"
			}
			return []string{strconv.FormatUint(a.Seq, 10), when(a.At), a.By, a.Action, a.Webinar, a.Subject, undo}
		},
	}, page)
}

// AuditUndo undoes an entry.
type AuditUndo struct {
	Remote
	Webinar string `arg:"" help:"Id of the webinar."`
	Seq     uint64 `arg:"" help:"Number of the entry."`
}

// Run undoes the entry.
func (c *AuditUndo) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	u, err := api.Undo(ctx, c.Webinar, c.Seq)
	if err != nil {
		return err
	}
	return c.say(e, u, "", "undone", strconv.FormatUint(u.Seq, 10), "by", u.Action)
}
