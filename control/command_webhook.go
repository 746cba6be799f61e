package control

import (
	"strings"

	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
)

// The bounds of a webhook.
const (
	maxURL    = 2_000
	maxEvents = 50
)

// createWebhook tells an address what happens from now on: its place in the audit log is
// the end.
func (d *draft) createWebhook(c *controlpb.CreateWebhook) (string, error) {
	err := first(checkID("id", c.GetId()), checkText("owner", c.GetOwner(), true), checkURL(c.GetUrl()),
		checkSealed("sealed", c.GetSealed()))
	if c.GetWebinar() != "" && err == nil {
		_, err = d.webinar(c.GetWebinar())
	}
	if len(c.GetEvents()) > maxEvents {
		err = first(err, invalid("events", "A webhook chooses up to 50 events."))
	}
	for _, e := range c.GetEvents() {
		err = first(err, checkID("events", e))
	}
	switch {
	case err != nil:
		return "", err
	case len(c.GetSealed()) == 0:
		return "", invalid("sealed", "A webhook has a secret.")
	case d.next.Webhook(c.GetId()) != nil:
		return "", ErrExists
	case d.next.plain[KindWebhook-KindAttendance].Len() >= maxWebhooks:
		return "", tooMany("webhooks", maxWebhooks)
	}
	return c.GetId(), first(
		d.putWebhook(&controlpb.WebhookRecord{
			Id: c.GetId(), Owner: c.GetOwner(), Webinar: c.GetWebinar(), Url: c.GetUrl(), Sealed: c.GetSealed(),
			Events: c.GetEvents(), Seq: d.next.AuditHead().GetSeq(), Created: nanos(d.at),
		}),
		d.audit("webhook.created", c.GetWebinar(), c.GetId(), nil),
	)
}

// checkURL looks at what every version of every node judges alike, whatever its library
// makes of URLs: the scheme, a host, no password, and plain characters. Whoever proposes
// has parsed it.
func checkURL(s string) error {
	rest, ok := strings.CutPrefix(s, "https://")
	if !ok {
		rest, ok = strings.CutPrefix(s, "http://")
	}
	host, _, _ := strings.Cut(rest, "/")
	odd := func(r rune) bool { return r <= ' ' || r > '~' }
	if !ok || len(s) > maxURL || host == "" || strings.ContainsRune(host, '@') || strings.ContainsFunc(s, odd) {
		return invalid("url", "A webhook has an http or https address of up to 2000 characters, without a password in it.")
	}
	return nil
}

func (d *draft) deleteWebhook(c *controlpb.DeleteWebhook) (string, error) {
	h := d.next.Webhook(c.GetId())
	if h == nil {
		return "", ErrNoSuchWebhook
	}
	return h.GetId(), first(d.remove(Key{Kind: KindWebhook, ID: h.GetId()}), d.audit("webhook.deleted", h.GetWebinar(), h.GetId(), nil))
}

// advanceWebhook notes up to where a webhook was told. That does not go back, and not
// beyond the audit log.
func (d *draft) advanceWebhook(c *controlpb.AdvanceWebhook) (string, error) {
	h := d.next.Webhook(c.GetId())
	switch {
	case h == nil:
		return "", ErrNoSuchWebhook
	case c.GetSeq() < h.GetSeq() || c.GetSeq() > d.next.AuditHead().GetSeq():
		return "", invalid("seq", "A webhook goes on where it was, up to the end of the audit log.")
	}
	r := proto.CloneOf(h)
	r.Seq, r.Failures, r.Next, r.Disabled = c.GetSeq(), c.GetFailures(), c.GetNext(), c.GetDisabled()
	err := d.putWebhook(r)
	if c.GetDisabled() && !h.GetDisabled() {
		err = first(err, d.audit("webhook.disabled", h.GetWebinar(), h.GetId(), nil))
	}
	return h.GetId(), err
}

func (d *draft) putWebhook(h *controlpb.WebhookRecord) error {
	return d.put(&controlpb.Record{Kind: &controlpb.Record_Webhook{Webhook: h}})
}
