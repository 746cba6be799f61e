package node

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"stentor/control/api"
	"stentor/control/webinar"
	"stentor/node/talk"
)

// Said is what was said in a webinar: the origin of its talk knows all of it. Where there is
// none just now, or it does not answer, what the other nodes know is put together.
func (n *Node) Said(ctx context.Context, id string) ([]api.Said, error) {
	own, path := n.talk.Written(id), "/said?webinar="+url.QueryEscape(id)
	if w := n.store.State().Webinar(id); w != nil {
		if s, held := w.Stream(webinar.TalkStream); held && s.Origin == n.cfg.Name {
			return said(own), nil
		} else if held {
			var all []talk.Written
			if n.call(ctx, s.Origin, path, &all) == nil {
				return said(all), nil
			}
		}
	}
	by := make(map[string]talk.Written)
	each(ctx, n, path, own, func(_ string, some []talk.Written) {
		for _, s := range some {
			by[s.ID] = s
		}
	})
	all := slices.SortedFunc(maps.Values(by), func(a, b talk.Written) int { return int(a.At - b.At) })
	return said(all), nil
}

// serveSaid tells a voter what this node knows of a talk.
func (n *Node) serveSaid(w http.ResponseWriter, r *http.Request) {
	answer(w, n.talk.Written(r.URL.Query().Get("webinar")))
}

func said(all []talk.Written) []api.Said {
	out := make([]api.Said, len(all))
	for i, s := range all {
		out[i] = api.Said{
			Kind: string(s.Kind), At: time.UnixMilli(s.At).UTC(), Participant: s.By, Name: s.Name, Role: s.Role,
			Text: s.Text, Status: string(s.Status), Answer: s.Answer, Votes: s.Votes,
		}
	}
	return out
}
