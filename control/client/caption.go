package client

import "context"

// WriteCaption is a line of what is spoken in a webinar, for those who read along.
type WriteCaption struct {
	Language string `json:"language" minLength:"2" maxLength:"35" doc:"The language of the text, as a tag (RFC 5646), such as de or pt-BR."`
	Text     string `json:"text" minLength:"1" maxLength:"800" doc:"One line of at most 200 characters."`
	Draft    bool   `json:"draft,omitempty" doc:"It is spoken still: the next one with the same key takes its place. Without it the caption stays."`
	Key      string `json:"key,omitempty" maxLength:"64" doc:"The caller's own name of the caption. Without it each is a new one."`
}

// WriteCaption shows a caption to everybody inside who reads along. It is not kept beyond the webinar.
func (c *Client) WriteCaption(ctx context.Context, id string, in WriteCaption) error {
	return c.change(ctx, "POST", path("webinars", id, "captions"), in, nil)
}
