package node

import (
	"context"
	"io"
	"net/http"

	"stentor/control/api"
	"stentor/control/client"
	"stentor/control/webinar"
	"stentor/node/signal"
	"stentor/node/talk"
)

// talkLevel is the feature level from which a claim of the talk's name puts nobody on air. Before that, nodes of the last
// version would take it for a publisher.
const talkLevel = 3

// openTalk makes what the people of webinars write to each other.
func (n *Node) openTalk(Parts) error {
	n.talk = talk.New(talk.Config{
		Node: n.cfg.Name, Webinar: func(id string) *webinar.Webinar { return n.store.State().Webinar(id) }, Changed: n.store.Changed,
		Claim: func(ctx context.Context, id string, takeover bool) (talk.Claim, error) {
			if n.store.State().Cluster().FeatureLevel < talkLevel {
				return nil, talk.ErrLevel
			}
			return n.stage.Claim(ctx, signal.Bid{Webinar: id, Stream: webinar.TalkStream, Participant: webinar.TalkStream, Takeover: takeover})
		},
		Subscribe: n.relay.Subscribe, Dead: n.dead,
		Ask: func(ctx context.Context, node string, body []byte) ([]byte, error) {
			return n.request(ctx, n.peers, node, http.MethodPost, "/talk", body)
		},
		Logger: n.log, Registerer: n.reg, Now: n.now,
	})
	return nil
}

// Talk is the talks that this node takes part in.
func (n *Node) Talk() *talk.Talk { return n.talk }

// Caption shows what software of the host's writes along (POST /api/v1/webinars/{id}/captions).
func (n *Node) Caption(ctx context.Context, webinar, by string, c client.WriteCaption) error {
	return n.talk.Caption(ctx, webinar, by, talk.Said{Key: c.Key, Language: c.Language, Text: c.Text, Draft: c.Draft})
}

var _ api.Captions = (*Node)(nil)

// serveTalk takes what somebody says at another node, whose door has let them in. Whether they may say it is asked
// again here.
func (n *Node) serveTalk(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, talk.MaxCall))
	if err != nil {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	out, err := n.talk.Serve(body)
	if err != nil {
		http.Error(w, "malformed", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(out)
}
