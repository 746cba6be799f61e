package node

import (
	"cmp"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"stentor/cluster"
)

// mostEdges bounds the other nodes that a page is told of. One that dies takes a few
// neighbours with it at worst (a rack, a region); a handful beyond that costs a page's
// header nothing.
const mostEdges = 6

// edges are the public origins of other nodes where a page of this node may go on when
// this node dies: those with room first, then the nearest. A page of HTTPS cannot speak
// with one that has none.
func (n *Node) edges() []string {
	own := n.cfg.baseURL()
	scheme, _, _ := strings.Cut(own, ":")
	members := slices.DeleteFunc(slices.Clone(n.gossip.Members()), func(m cluster.Member) bool {
		return m.Node == n.cfg.Name || !m.Alive || m.Draining || originOf(m.HTTP) == "" || scheme == "https" && !strings.HasPrefix(m.HTTP, "https:")
	})
	slices.SortFunc(members, func(a, b cluster.Member) int {
		return cmp.Or(cmp.Compare(busy(a), busy(b)), cmp.Compare(trip(a), trip(b)), cmp.Compare(a.Node, b.Node))
	})
	var out []string
	for _, m := range members[:min(len(members), mostEdges)] {
		out = append(out, originOf(m.HTTP))
	}
	return out
}

// ofTheMesh reports whether an origin is that of a node that is alive, or was.
func (n *Node) ofTheMesh(origin string) bool {
	return slices.ContainsFunc(n.gossip.Members(), func(m cluster.Member) bool { return originOf(m.HTTP) == origin && origin != "" })
}

// hostShape is a host and a port without anything that would mean something in a header.
var hostShape = regexp.MustCompile(`^[A-Za-z0-9.\-]{1,253}(:[0-9]{1,5})?$|^\[[0-9a-fA-F:.]{2,45}\](:[0-9]{1,5})?$`)

// originOf is the origin (RFC 6454) of a public URL, and "" where it has none: the URL is
// the other node's own word, and stands in headers. A node behind a path of a proxy is
// left out, since a page would have to know the path.
func originOf(public string) string {
	u, err := url.Parse(public)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || strings.Trim(u.Path, "/") != "" || !hostShape.MatchString(u.Host) {
		return ""
	}
	return u.Scheme + "://" + strings.ToLower(u.Host)
}

// shared lets pages of other nodes of this mesh ask what is behind next. They send a
// bearer, which no browser adds by itself, and no cookie.
func (n *Node) shared(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		if origin == "" || !n.ofTheMesh(origin) {
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "Retry-After")
		if r.Method != http.MethodOptions {
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Methods", "PUT")
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
		h.Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
	})
}
