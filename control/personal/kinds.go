package personal

import (
	"encoding/base64"
	"fmt"
	"io"

	"stentor/control/webinar"
)

// Registrant is what somebody gave when they signed up.
type Registrant struct {
	webinar.Answers
	Locale string // of the page that they used: en, de, es, fr, ru or ar
}

// Invited is where an invite goes to. Its secret is here because it is sent later, by
// whoever leads then; the state keeps the hash of it.
type Invited struct {
	Email  string
	Secret string // "sti_..."
	Locale string
}

// Named is the name of somebody who was there.
type Named struct {
	Name string
}

// Webhook is what the messages to a webhook are signed with.
type Webhook struct {
	Secret string // "whsec_" and base64 of 32 bytes
}

// NewWebhook draws the secret of a webhook, as Standard Webhooks 1.0 writes it.
func NewWebhook(random io.Reader) (Webhook, error) {
	b := make([]byte, 32)
	if _, err := io.ReadFull(random, b); err != nil {
		return Webhook{}, fmt.Errorf("personal: draw: %w", err)
	}
	return Webhook{Secret: "whsec_" + base64.StdEncoding.EncodeToString(b)}, nil
}
