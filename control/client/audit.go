package client

import (
	"context"
	"strconv"
)

// Audit returns a page of a webinar's audit log, newest first.
func (c *Client) Audit(ctx context.Context, id string, p Page) (Audit, error) {
	var out Audit
	err := c.call(ctx, "GET", path("webinars", id, "audit")+p.query(), nil, &out)
	return out, err
}

// AllAudit returns a page of the whole audit log, newest first. Needs the scope admin.
func (c *Client) AllAudit(ctx context.Context, p Page) (Audit, error) {
	var out Audit
	err := c.call(ctx, "GET", path("audit")+p.query(), nil, &out)
	return out, err
}

// AuditHead returns the end of the audit log, and the newest signature under it.
func (c *Client) AuditHead(ctx context.Context) (AuditHead, error) {
	var out AuditHead
	err := c.call(ctx, "GET", path("audit", "head"), nil, &out)
	return out, err
}

// Undo undoes an entry of the audit log: a ban is lifted, who was disconnected is
// invited again. Anything else is refused with the code "not_undoable".
func (c *Client) Undo(ctx context.Context, id string, seq uint64, options ...CallOption) (Undone, error) {
	var out Undone
	err := c.change(ctx, "POST", path("webinars", id, "audit", strconv.FormatUint(seq, 10), "undo"), nil, &out, options...)
	return out, err
}
