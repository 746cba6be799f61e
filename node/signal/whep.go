package signal

import (
	"net/http"
	"net/url"

	"stentor/node/session"
	"stentor/node/sfu"
)

// whepPost begins to watch.
func (s *Server) whepPost(w http.ResponseWriter, r *http.Request) error {
	offer, err := body(w, r, sfu.MaxOffer, typeSDP)
	if err != nil {
		w.Header().Set("Accept-Post", typeSDP)
		return err
	}
	takeover, err := flag(r.URL.Query(), "takeover")
	if err != nil {
		return err
	}
	if gone, err := s.sendOn(w, r, session.Watch, takeover); gone || err != nil {
		return err
	}
	open := s.cfg.Door.Open
	if takeover {
		open = s.cfg.Door.TakeOver
	}
	link := r.PathValue("link")
	sess, err := open(r.Context(), link, bearer(r), remote(r), session.Watch)
	if err != nil {
		return err
	}
	if err := sfu.CheckOffer(offer); err != nil {
		sess.End()
		return err
	}
	sources, err := s.cfg.Stage.Sources(r.Context(), sess.Webinar)
	if err := notLive(sources, err); err != nil {
		sess.End()
		return err
	}
	res := s.open(r, sess, "/whep/"+url.PathEscape(link))
	view, err := s.cfg.Media.View(res.ctx, offer, sources)
	if err == nil {
		view.Bound(func() (height, kilobits int) {
			c := sess.Situation().Ceiling
			return c.Height, c.Bitrate
		})
		sess.Carry(view.Flowing)
		res.pictures = pictures(offer)
		if err = s.keep(res, view, offer, sess.End); err != nil {
			view.Close()
		}
	}
	if err != nil {
		res.cancel(err)
		sess.End()
		return err
	}
	s.log.Debug("watching", "webinar", sess.Webinar, "participant", sess.Participant)
	s.created(w, res)
	s.attend(res)
	return nil
}

// whepHead says that there is a webinar behind the link, and what to send.
func (s *Server) whepHead(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.cfg.Door.Webinar(r.PathValue("link")); err != nil {
		return err
	}
	w.Header().Set("Content-Type", typeSDP)
	w.Header().Set("Accept-Post", typeSDP)
	w.WriteHeader(http.StatusOK)
	return nil
}
