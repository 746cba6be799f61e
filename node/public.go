package node

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/netip"
	"strings"

	"golang.org/x/mod/semver"

	"stentor/control/api"
	"stentor/control/api/mail"
	"stentor/control/web"
	"stentor/control/webinar"
	"stentor/node/session"
	"stentor/node/sfu"
	"stentor/node/signal"
)

// openPublic makes what people and their programs reach over HTTP: the door, WHIP
// and WHEP, the pages, and the control API.
func (n *Node) openPublic(Parts) error {
	if n.voter != nil {
		a, err := api.New(api.Config{
			Store: n.voter, Roster: n, Mesh: n, Recordings: n, Captions: n, Talks: n, PINKey: n.keys.PINKey, CA: n.keys.Authority.Digest(),
			Keeper: n.personal, Accounts: n.accounts, Participant: n.participant, Pass: n.door.Pass,
			ICS:  func(w *webinar.Webinar, uid string) []byte { return mail.ICS(w, n.cfg.baseURL(), uid) },
			Mail: n.mailer != nil, Done: n.stopping, Now: n.now, Rand: rand.Reader, Version: n.build.Version, Logger: n.log, Registerer: n.reg,
		})
		if err != nil {
			return err
		}
		n.api = a.Handler()
	}
	mux := http.NewServeMux()
	if n.sfu != nil {
		ice, err := iceServers(n.cfg.ICEServers)
		if err != nil {
			return err
		}
		n.signal = signal.New(signal.Config{
			Door: n.door, Stage: n.stage, Media: n.sfu, Talk: n.talk, Node: n.cfg.Name, Version: n.shownVersion(),
			URL: n.cfg.baseURL(), Elsewhere: n.another, Viewers: n.viewers, ICEServers: ice, Origins: n.ofTheMesh, Logger: n.log,
		})
		h := n.signal.Handler()
		for _, prefix := range []string{"/whip/", "/whep/", "/api/v1/door/"} {
			mux.Handle(prefix, h)
		}
		mux.Handle("POST /preflight/{way}", http.NewCrossOriginProtection().Handler(newProbes(n.sfu.Publish)))
	}
	control := n.api
	if control == nil {
		control = n.proxyAPI()
	}
	mux.Handle("/api/", control)
	mux.Handle("/api/v1/webinars/{id}/hand", n.shared(control))
	mux.HandleFunc("GET /livez", n.health)
	mux.HandleFunc("GET /readyz", n.health)
	mux.Handle("/", web.New(web.Config{
		Version: n.build.Version, ShowVersion: !n.cfg.HideVersion, Door: n.describe, API: control, Edges: n.edges, Logger: n.log,
	}))
	n.public = fromOutside(n.cfg.BehindProxy, mux)
	return nil
}

// participant returns who holds a session token, which this node's door knows.
func (n *Node) participant(ctx context.Context, token string, remote netip.Addr) (api.Bearer, error) {
	b, err := n.door.Bearer(ctx, token, remote)
	return api.Bearer{Webinar: b.Webinar, Standing: b.Standing, Name: b.Name, Trusted: b.Trusted}, err
}

// shownVersion is the version that visitors may see (S9).
func (n *Node) shownVersion() string {
	if n.cfg.HideVersion {
		return ""
	}
	return n.build.Version
}

// describe is what the guest page shows before anybody is let in.
func (n *Node) describe(link string) (web.Webinar, error) {
	w, err := n.door.Entrance(link)
	if d := (*webinar.Denial)(nil); errors.As(err, &d) {
		return web.Webinar{}, &web.Refusal{Code: d.Code, Detail: d.Detail}
	} else if err != nil {
		return web.Webinar{}, err
	}
	_, closed := n.door.Webinar(link)
	out := web.Webinar{
		Title: w.Title, Mode: string(w.Mode), State: string(w.State), PINRequired: w.PINRequired, Live: w.Live,
		Locked: closed != nil, Registration: w.Registration,
	}
	if full := n.State().Webinar(w.ID); full != nil {
		out.Description, out.EmbedOrigins = full.Description, full.EmbedOrigins
		out.Accounts = w.Accounts
		if start, _, ok := full.Occurrence(n.now()); ok {
			out.Start, out.Zone = start, full.Schedule.Zone
		}
	}
	return out, nil
}

func (n *Node) voterAddresses() string {
	var out []string
	for _, v := range n.voters() {
		if m, ok := n.gossip.Member(v); ok {
			out = append(out, m.Mesh)
		}
	}
	return strings.Join(out, ", ")
}

// compareVersions compares semantic versions; what is none is older than all.
func compareVersions(a, b string) int { return semver.Compare(a, b) }

var (
	errNotAlive = errors.New("node: not alive")

	_ signal.Door  = (*session.Door)(nil)
	_ signal.Stage = (*stage)(nil)
	_ signal.Media = (*sfu.SFU)(nil)
	_ api.Roster   = (*Node)(nil)
	_ api.Mesh     = (*Node)(nil)
)
