package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"stentor/control/api/webhook/guard"
	"stentor/control/controlpb"
	"stentor/control/personal"
)

// message is the body of a POST.
type message struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      data      `json:"data"`
}

// data says what happened, in IDs.
type data struct {
	Seq     uint64          `json:"seq"` // of the audit log
	Webinar string          `json:"webinar,omitempty"`
	Subject string          `json:"subject,omitempty"`
	By      string          `json:"by,omitempty"` // account, API token or participant
	Details json.RawMessage `json:"details,omitempty"`
}

// refusal is an answer that is not 2xx.
type refusal struct {
	status int
	after  time.Duration // that the address asked for
}

// Error names the status.
func (r *refusal) Error() string { return "webhook: the address answered " + strconv.Itoa(r.status) }

// gone reports whether nobody is to ask again (Standard Webhooks: 410).
func (r *refusal) gone() bool { return r.status == http.StatusGone }

// maxAfter bounds what an address can ask for by Retry-After.
const maxAfter = time.Hour

// post sends one entry. Nil means that it was taken.
func (w *Webhooks) post(ctx context.Context, h *controlpb.WebhookRecord, hook personal.Webhook, e *controlpb.AuditRecord) error {
	if err := guard.Check(h.GetUrl(), w.AllowPrivate); err != nil {
		return err
	}
	m := message{Type: e.GetAction(), Timestamp: time.Unix(0, e.GetAt()).UTC(), Data: data{
		Seq: e.GetSeq(), Webinar: e.GetWebinar(), Subject: e.GetSubject(), By: e.GetPrincipal(), Details: e.GetData(),
	}}
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.GetUrl(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	id := h.GetId() + "." + strconv.FormatUint(e.GetSeq(), 10) // the same at each attempt
	at := strconv.FormatInt(w.Now().Unix(), 10)
	signature, err := sign(hook.Secret, id, at, body)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Stentor")
	r.Header.Set("Webhook-Id", id)
	r.Header.Set("Webhook-Timestamp", at)
	r.Header.Set("Webhook-Signature", signature)
	answer, err := w.client.Do(r)
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	_, _ = io.CopyN(io.Discard, answer.Body, 4<<10) // enough to use the connection again
	_ = answer.Body.Close()
	if answer.StatusCode/100 == 2 {
		return nil // it was taken, whatever comes after the status
	}
	return &refusal{status: answer.StatusCode, after: retryAfter(answer.Header.Get("Retry-After"), w.Now())}
}

// sign signs a message (Standard Webhooks 1.0, symmetric: HMAC-SHA256 over id, timestamp
// and body, with dots between).
func sign(secret, id, at string, body []byte) (string, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) == 0 {
		return "", errors.New("webhook: the secret is no whsec_ and base64")
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte(id + "." + at + "."))
	h.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil)), nil
}

// retryAfter reads a Retry-After, in seconds or as a date (RFC 9110, section 10.2.3).
func retryAfter(s string, now time.Time) time.Duration {
	var d time.Duration
	if n, err := strconv.Atoi(s); err == nil {
		d = time.Duration(min(n, int(maxAfter/time.Second))) * time.Second
	} else if t, err := http.ParseTime(s); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, 0), maxAfter)
}

// withoutURL leaves the address out of an error: it may have a secret in it.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
