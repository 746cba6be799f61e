package signal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"stentor/control/webinar"
	"stentor/node/session"
	"stentor/node/sfu"
)

// whipPost begins to publish.
func (s *Server) whipPost(w http.ResponseWriter, r *http.Request) error {
	offer, err := body(w, r, sfu.MaxOffer, typeSDP)
	if err != nil {
		w.Header().Set("Accept-Post", typeSDP)
		return err
	}
	stream := r.PathValue("stream")
	if stream == "" {
		stream = DefaultStream
	}
	if !streamName(stream) {
		return problem{
			Status: http.StatusUnprocessableEntity, Code: "stream_invalid",
			Detail: "A stream's name is 1 to 32 letters, digits, dots, hyphens or underscores.",
		}
	}
	if stream == webinar.TalkStream {
		return problem{Status: http.StatusUnprocessableEntity, Code: "stream_invalid", Detail: "The name talk is taken by the webinar's chat. Use another one."}
	}
	takeover, err := flag(r.URL.Query(), "takeover")
	if err != nil {
		return err
	}
	resume, err := epoch(r.URL.Query())
	if err != nil {
		return err
	}
	if gone, err := s.sendOn(w, r, session.Publish, takeover); gone || err != nil {
		return err
	}
	link := r.PathValue("link")
	sess, err := s.cfg.Door.Open(r.Context(), link, bearer(r), remote(r), session.Publish)
	if err != nil {
		return nameless(r, err)
	}
	// Before the claim: one that takes over ends another publisher.
	if err := sfu.CheckPublish(offer); err != nil {
		sess.End()
		return err
	}
	claim, err := s.claim(r.Context(), Bid{Webinar: sess.Webinar, Stream: stream, Participant: sess.Participant, Takeover: takeover, Resume: resume})
	if err != nil {
		sess.End()
		return decided(err)
	}
	over := func() { claim.Release(); sess.End() }
	res := s.open(r, sess, "/whip/"+url.PathEscape(link)+"/"+stream)
	res.claim = claim
	context.AfterFunc(claim.Context(), func() { res.cancel(context.Cause(claim.Context())) })
	pub, err := s.cfg.Media.Publish(res.ctx, offer, claim, sess.Media)
	if err == nil {
		sess.Carry(pub.Flowing)
		if err = s.keep(res, pub, offer, over); err != nil {
			pub.Close()
		}
	}
	if err != nil {
		res.cancel(err)
		over()
		return err
	}
	s.log.Info("publishing", "webinar", sess.Webinar, "stream", stream, "participant", sess.Participant, "resumed", resume)
	s.created(w, res)
	return nil
}

// decided is an error of the stage: a refusal as it stands, and where nobody could
// decide (no quorum, no time) that it is worth coming again.
func decided(err error) error {
	var d *webinar.Denial
	if err == nil || errors.As(err, &d) {
		return err
	}
	return fmt.Errorf("%w: %w", webinar.ErrUnavailable, err)
}

// nameless tells a publisher who brought no credential to bring one, rather than
// that a guest may not publish.
func nameless(r *http.Request, err error) error {
	if bearer(r) == "" && errors.Is(err, webinar.ErrNotAllowed) {
		return problem{Status: http.StatusUnauthorized, Code: "credentials_required", Detail: "Send the secret of your personal link as a bearer."}
	}
	return err
}

// streamName reports whether a stream may be called so.
func streamName(s string) bool {
	if len(s) < 1 || len(s) > 32 {
		return false
	}
	return !strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_')
	})
}

// flag reads a query parameter that is there or not. Others are left alone:
// encoders add some of their own.
func flag(q url.Values, name string) (bool, error) {
	switch v := q.Get(name); v {
	case "", "false", "0":
		return false, nil
	case "true", "1":
		return true, nil
	}
	return false, problem{Status: http.StatusBadRequest, Code: "query_invalid", Detail: name + " is true or false."}
}
