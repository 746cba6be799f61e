package node

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"
)

// elsewhereWithin is how long a person with a personal link waits for the other nodes to
// say whether they are inside on another device already: a round trip to the other side
// of the world. Who does not answer says no.
const elsewhereWithin = 250 * time.Millisecond

// inside asks after one participant, and never lists anybody: it is also edges that ask.
type inside struct {
	Webinar     string `json:"webinar"`
	Participant string `json:"participant"`
	Device      string `json:"device"`
}

// elsewhere asks all other nodes at once whether a participant is inside there on another
// device, and returns the first that says yes.
func (n *Node) elsewhere(ctx context.Context, webinar, participant, device string) (string, bool) {
	ctx, cancel := context.WithTimeout(ctx, elsewhereWithin)
	defer cancel()
	found := make(chan string, 1)
	n.askAll(ctx, "/inside", inside{webinar, participant, device}, func(node string, body []byte) {
		var yes bool
		if json.Unmarshal(body, &yes) == nil && yes {
			select {
			case found <- node:
				cancel()
			default:
			}
		}
	})
	select {
	case node := <-found:
		return node, true
	default:
		return "", false
	}
}

// supersede has all other nodes end a participant's sessions on other devices.
func (n *Node) supersede(ctx context.Context, webinar, participant, device string) {
	ctx, cancel := context.WithTimeout(ctx, elsewhereWithin)
	defer cancel()
	n.askAll(ctx, "/supersede", inside{webinar, participant, device}, func(string, []byte) {})
}

// askAll posts a question to every other node that gossip believes alive, and returns
// when all have answered or ctx is done.
func (n *Node) askAll(ctx context.Context, path string, question any, heard func(node string, body []byte)) {
	body, err := json.Marshal(question)
	if err != nil {
		return
	}
	var wg sync.WaitGroup
	for _, m := range n.gossip.Members() {
		if m.Node == n.cfg.Name || !m.Alive {
			continue
		}
		wg.Go(func() {
			out, err := n.request(ctx, n.peers, m.Node, http.MethodPost, path, body)
			if err != nil {
				n.log.Debug("not answered", "peer", m.Node, "path", path, "err", err)
				return
			}
			heard(m.Node, out)
		})
	}
	wg.Wait()
}

// aboutOne reads a question after one participant.
func aboutOne(answerTo func(inside) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q inside
		if err := json.NewDecoder(io.LimitReader(r.Body, 4<<10)).Decode(&q); err != nil {
			http.Error(w, "malformed", http.StatusBadRequest)
			return
		}
		answer(w, answerTo(q))
	}
}
