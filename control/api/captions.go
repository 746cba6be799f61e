package api

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"stentor/control/client"
	"stentor/control/webinar"
)

// Captions shows what is spoken to those who read along.
type Captions interface {
	// Caption shows a caption of by's in a webinar that there is. The error is a [*webinar.Denial] if it cannot be shown.
	Caption(ctx context.Context, webinar, by string, c client.WriteCaption) error
}

// captionsAgain is when a program may go on that wrote too many captions: until then a node has forgotten half of them.
const captionsAgain = time.Second

// captionKey begins the keys of captions that have none of their own.
const captionKey = "cap_"

type writeCaptionInput struct {
	InWebinar
	Keyed
	Body client.WriteCaption
}

func (a *API) captions() { add(a, "write-caption", a.writeCaption) }

// writeCaption is no command: a caption is said in the talk, and gone with it.
func (a *API) writeCaption(ctx context.Context, in *writeCaptionInput) (*struct{}, error) {
	p := principal(ctx)
	w, err := a.find(a.Store.State(), p, in.ID)
	switch {
	case err != nil:
		return nil, err
	case a.Captions == nil:
		return nil, refuse(codeNodeSilent, "")
	}
	if in.Body.Key == "" && in.IdempotencyKey != "" {
		sum := Hash(in.IdempotencyKey)
		in.Body.Key = captionKey + hex.EncodeToString(sum[:16])
	}
	if in.Body.Key == "" {
		if in.Body.Key, err = NewID(a.Rand, captionKey); err != nil {
			return nil, err
		}
	}
	err = a.Captions.Caption(ctx, w.ID, p.ID, in.Body)
	var d *webinar.Denial
	if errors.As(err, &d) {
		switch d.Code {
		case "too_fast":
			return nil, tooManyRequests(captionsAgain)
		case "cut_off", "talk_later":
			return nil, refuse(codeNodeSilent, d.Detail)
		}
	}
	return nil, err
}
