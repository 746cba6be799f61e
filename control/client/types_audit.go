package client

import (
	"encoding/json"
	"time"
)

// AuditEntry is one entry of the audit log. Hash covers the one before, so that
// none can be changed or left out without a trace.
type AuditEntry struct {
	Seq      uint64          `json:"seq"`
	At       time.Time       `json:"at"`
	By       string          `json:"by" doc:"Who did it: an API token, an account or a participant."`
	Action   string          `json:"action" example:"participant.banned"`
	Webinar  string          `json:"webinar,omitempty"`
	Subject  string          `json:"subject,omitempty" doc:"Whom or what it was done to."`
	Data     json.RawMessage `json:"data,omitempty" doc:"More about it, without personal data."`
	Index    uint64          `json:"index" doc:"The state that holds it."`
	Hash     string          `json:"hash" doc:"SHA-256 of the hash before and of this entry, in hex."`
	Undoable bool            `json:"undoable" doc:"It can be undone by POST .../audit/{seq}/undo."`
}

// Audit is one page of the audit log, newest first.
type Audit struct {
	Items []AuditEntry `json:"items" nullable:"false"`
	Next  string       `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
}

// AuditHead is the end of the audit log, and the newest signature under it.
type AuditHead struct {
	Seq    uint64          `json:"seq" doc:"Of the newest entry; 0: there is none."`
	Hash   string          `json:"hash" doc:"Of the newest entry, in hex."`
	First  uint64          `json:"first" doc:"The oldest entry that is kept."`
	Before string          `json:"before" doc:"The hash before the oldest entry, in hex."`
	Signed *AuditSignature `json:"signed,omitempty"`
}

// AuditSignature is the leader's signature under the audit log as it was at Seq.
type AuditSignature struct {
	Seq         uint64 `json:"seq"`
	Hash        string `json:"hash" doc:"What was signed, in hex."`
	Signature   string `json:"signature" doc:"In base64."`
	Certificate string `json:"certificate" doc:"Of the node that signed: DER in base64."`
}

// Undone is the answer to an undo.
type Undone struct {
	Seq    uint64 `json:"seq" doc:"The entry that is undone."`
	Action string `json:"action" doc:"What was done to undo it." example:"ban.lifted"`
	Index  uint64 `json:"index" doc:"The state that holds this."`
}

// CreateWebhook tells a server of ours what happens, as Standard Webhooks say.
type CreateWebhook struct {
	URL     string   `json:"url" minLength:"8" maxLength:"2000" format:"uri" doc:"Where it is told, by https."`
	Webinar string   `json:"webinar,omitempty" maxLength:"64" doc:"One webinar; absent: all of those that the caller made."`
	Events  []string `json:"events,omitempty" maxItems:"50" maxLength:"64" pattern:"^[a-z_]+[.][a-z_]+$" nullable:"false" doc:"Actions of the audit log; absent: all." example:"[\"registrant.registered\"]"`
}

// Webhook is a server that is told what happens. Secret is there only in the
// answer that made it.
type Webhook struct {
	ID        string     `json:"id"`
	Owner     string     `json:"owner"`
	Webinar   string     `json:"webinar,omitempty"`
	URL       string     `json:"url"`
	Events    []string   `json:"events" nullable:"false"`
	CreatedAt time.Time  `json:"created_at"`
	Seq       uint64     `json:"seq" doc:"Entry of the audit log up to which it was told."`
	Failures  int        `json:"failures" minimum:"0" doc:"In a row."`
	NextAt    *time.Time `json:"next_at,omitempty" doc:"When it is tried again."`
	Disabled  bool       `json:"disabled" doc:"It failed for too long, or its address is gone."`
	Secret    string     `json:"secret,omitempty" doc:"whsec_...: what signatures are made with."`
}

// Webhooks is one page of webhooks, in the order of their ids.
type Webhooks struct {
	Items []Webhook `json:"items" nullable:"false"`
	Next  string    `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
}

// Event is what a host's page hears over server-sent events: that something
// changed, and what it is now. The event's name is Type.
type Event struct {
	Type        string             `json:"type" enum:"webinar,participant,registrant,ban,unconnected,invite,audit,reset"`
	Index       uint64             `json:"index" doc:"The state that holds it; also the id of the event."`
	Removed     bool               `json:"removed,omitempty" doc:"What ID names is not there any more."`
	ID          string             `json:"id,omitempty" doc:"Of what changed."`
	Webinar     *Webinar           `json:"webinar,omitempty"`
	Participant *EditedParticipant `json:"participant,omitempty"`
	Registrant  *DecidedRegistrant `json:"registrant,omitempty" doc:"Without what they gave: get-registrant has that."`
	Ban         *Ban               `json:"ban,omitempty"`
	Unconnected *Unconnected       `json:"unconnected,omitempty"`
	Invite      *Invite            `json:"invite,omitempty"`
	Audit       *AuditEntry        `json:"audit,omitempty"`
}
