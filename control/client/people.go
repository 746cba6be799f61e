package client

import (
	"context"
	"io"
)

// Invite makes a personal link.
func (c *Client) Invite(ctx context.Context, id string, in CreateInvite, options ...CallOption) (Invite, error) {
	var out Invite
	err := c.change(ctx, "POST", path("webinars", id, "invites"), in, &out, options...)
	return out, err
}

// InviteAll makes up to 500 personal links: all of them, or none.
func (c *Client) InviteAll(ctx context.Context, id string, in CreateInvites, options ...CallOption) (CreatedInvites, error) {
	var out CreatedInvites
	err := c.change(ctx, "POST", path("webinars", id, "invites", "batch"), in, &out, options...)
	return out, err
}

// Invites returns a page of a webinar's invites, without their secrets.
func (c *Client) Invites(ctx context.Context, id string, p Page) (Invites, error) {
	var out Invites
	err := c.call(ctx, "GET", path("webinars", id, "invites")+p.query(), nil, &out)
	return out, err
}

// RevokeInvite makes a personal link open nothing any more, and ends the sessions that
// came by it.
func (c *Client) RevokeInvite(ctx context.Context, id, invite string, options ...CallOption) error {
	return c.change(ctx, "DELETE", path("webinars", id, "invites", invite), nil, nil, options...)
}

// Participants returns who is inside a webinar now, over the whole mesh.
func (c *Client) Participants(ctx context.Context, id string) (Participants, error) {
	var out Participants
	err := c.call(ctx, "GET", path("webinars", id, "participants"), nil, &out)
	return out, err
}

// EditParticipant changes what holds for a participant; what in leaves out stays.
func (c *Client) EditParticipant(ctx context.Context, id, participant string, in EditParticipant, options ...CallOption) (EditedParticipant, error) {
	var out EditedParticipant
	err := c.change(ctx, "PATCH", path("webinars", id, "participants", participant), in, &out, options...)
	return out, err
}

// Disconnect ends the sessions of a participant; with Ban it keeps the person
// out as well.
func (c *Client) Disconnect(ctx context.Context, id, participant string, in Disconnect, options ...CallOption) (Disconnected, error) {
	var out Disconnected
	err := c.change(ctx, "POST", path("webinars", id, "participants", participant, "disconnect"), in, &out, options...)
	return out, err
}

// Reinvite lets somebody in again who was disconnected, and lifts their bans.
func (c *Client) Reinvite(ctx context.Context, id, participant string, options ...CallOption) (Reinvited, error) {
	var out Reinvited
	err := c.change(ctx, "POST", path("webinars", id, "participants", participant, "reinvite"), nil, &out, options...)
	return out, err
}

// Unconnected returns a page of those who were disconnected and not asked back.
func (c *Client) Unconnected(ctx context.Context, id string, p Page) (UnconnectedList, error) {
	var out UnconnectedList
	err := c.call(ctx, "GET", path("webinars", id, "unconnected")+p.query(), nil, &out)
	return out, err
}

// Lobby returns who waits to be admitted, over the whole mesh.
func (c *Client) Lobby(ctx context.Context, id string) (Lobby, error) {
	var out Lobby
	err := c.call(ctx, "GET", path("webinars", id, "lobby"), nil, &out)
	return out, err
}

// Admit lets people in who wait in the lobby.
func (c *Client) Admit(ctx context.Context, id string, in Admit, options ...CallOption) (Admitted, error) {
	var out Admitted
	err := c.change(ctx, "POST", path("webinars", id, "lobby", "admit"), in, &out, options...)
	return out, err
}

// RaiseHand raises or lowers the hand of the participant whose session token the
// client holds.
func (c *Client) RaiseHand(ctx context.Context, id string, in RaiseHand, options ...CallOption) (EditedParticipant, error) {
	var out EditedParticipant
	err := c.change(ctx, "PUT", path("webinars", id, "hand"), in, &out, options...)
	return out, err
}

// Bans returns a page of a webinar's bans.
func (c *Client) Bans(ctx context.Context, id string, p Page) (Bans, error) {
	var out Bans
	err := c.call(ctx, "GET", path("webinars", id, "bans")+p.query(), nil, &out)
	return out, err
}

// LiftBan lets a banned person in again.
func (c *Client) LiftBan(ctx context.Context, id, ban string, options ...CallOption) error {
	return c.change(ctx, "DELETE", path("webinars", id, "bans", ban), nil, nil, options...)
}

// Attendance returns a page of who was inside, and when.
func (c *Client) Attendance(ctx context.Context, id string, p Page) (AttendanceList, error) {
	var out AttendanceList
	err := c.call(ctx, "GET", path("webinars", id, "attendance")+p.query(), nil, &out)
	return out, err
}

// ExportChat writes the chat and the questions into w, as CSV. It is refused once the webinar
// has ended: nothing of them is kept.
func (c *Client) ExportChat(ctx context.Context, id string, w io.Writer) error {
	return c.download(ctx, path("webinars", id, "chat.csv"), "text/csv", w)
}

// ExportAttendance writes who was inside, and when, to w, as CSV.
func (c *Client) ExportAttendance(ctx context.Context, id string, w io.Writer) error {
	return c.download(ctx, path("webinars", id, "attendance.csv"), "text/csv", w)
}
