package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"stentor/control/cli"
	"stentor/control/client"
)

// infoFile is what Info is kept in, for programs.
const infoFile = "demo.json"

// Info is a running demo: everything that it prints, for programs. It holds
// secrets: the file is its owner's alone.
type Info struct {
	PID             int     `json:"pid"` // of the demo itself
	Data            string  `json:"data"`
	Nodes           []Node  `json:"nodes"`
	Webinar         Webinar `json:"webinar"`
	Guest           string  `json:"guest_url"`     // the guest page at the last node
	Host            string  `json:"host_url"`      // the host page at node 1, signed in
	Presenter       string  `json:"presenter_url"` // the guest page at node 1, as the invited presenter
	API             string  `json:"api_url"`
	HostToken       string  `json:"host_token"`
	AdminToken      string  `json:"admin_token"`
	WHIP            string  `json:"whip_url"` // at node 1
	PresenterSecret string  `json:"presenter_secret"`
	WHEP            string  `json:"whep_url"` // at the last node; the PIN is a bearer
	Context         string  `json:"context_file"`
}

// Webinar is the webinar of the demo.
type Webinar struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Link  string `json:"link"`
	PIN   string `json:"pin"`
}

// webinar plans the webinar through the API, or finds the one of last time, and
// writes the context file of the command line.
func (m *mesh) webinar(ctx context.Context, f *folder) (*Info, error) {
	last, err := client.New(m.nodes[len(m.nodes)-1].URL, "")
	if err != nil {
		return nil, err
	}
	m.last = last
	if f.previous != nil {
		info := *f.previous
		info.PID, info.Nodes = os.Getpid(), m.nodes
		return &info, nil
	}
	admin, err := m.token()
	if err != nil {
		return nil, err
	}
	token, err := m.admin.CreateToken(ctx, client.CreateToken{Name: "demo host", Scopes: []string{"host"}})
	if err != nil {
		return nil, fmt.Errorf("demo: a token for the host: %w", err)
	}
	host, err := client.New(m.nodes[0].URL, token.Token) // whoever plans a webinar is its host
	if err != nil {
		return nil, err
	}
	w, err := host.CreateWebinar(ctx, client.CreateWebinar{Title: "Stentor demo", GeneratePIN: true})
	if err != nil {
		return nil, fmt.Errorf("demo: plan the webinar: %w", err)
	}
	presenter, err := host.Invite(ctx, w.ID, client.CreateInvite{Name: "Demo presenter", Role: "presenter"})
	if err != nil {
		return nil, fmt.Errorf("demo: invite the presenter: %w", err)
	}
	info := newInfo(f.path, m.nodes, w, presenter, token.Token, admin)
	if err := (cli.Context{Server: info.API, Token: admin}).Save(info.Context); err != nil {
		return nil, err
	}
	return info, nil
}

// newInfo puts the links together.
func newInfo(dir string, nodes []Node, w client.Webinar, presenter client.Invite, host, admin string) *Info {
	first, last := nodes[0], nodes[len(nodes)-1]
	return &Info{
		PID: os.Getpid(), Data: dir, Nodes: nodes,
		Webinar:   Webinar{ID: w.ID, Title: w.Title, Link: w.Link, PIN: w.PIN},
		Guest:     last.URL + w.JoinPath,
		Host:      first.URL + "/host#token=" + host,
		Presenter: first.URL + presenter.LinkPath,
		API:       first.URL, HostToken: host, AdminToken: admin,
		WHIP: first.URL + presenter.WHIPPath, PresenterSecret: presenter.Secret,
		WHEP:    last.URL + "/whep/" + w.Link,
		Context: filepath.Join(dir, "context.yaml"),
	}
}

// save writes the file for programs, whole or not at all.
func (i *Info) save(dir string) error {
	b, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	f, err := os.CreateTemp(dir, ".demo-*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer os.Remove(f.Name()) // nothing is there any more once it was renamed
	_, err = f.Write(append(b, '\n'))
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, infoFile))
	}
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}

func loadInfo(dir string) (*Info, error) {
	b, err := os.ReadFile(filepath.Join(dir, infoFile))
	if err != nil {
		return nil, err
	}
	i := &Info{}
	if err := json.Unmarshal(b, i); err != nil {
		return nil, err
	}
	if len(i.Nodes) == 0 || i.Webinar.Link == "" {
		return nil, fmt.Errorf("%s names no nodes or no webinar", infoFile)
	}
	return i, nil
}

// print shows a person what there is to open.
func (i *Info) print(w io.Writer, stream bool) {
	first, last := i.Nodes[0].Name, i.Nodes[len(i.Nodes)-1].Name
	fmt.Fprintf(w, `
The webinar is on. PIN: %s

  Watch, at %-10s  %s
  Host, at %-10s   %s
  Present, at %-10s%s
  Control API          %s/api/v1/openapi.json
  Host's API token     %s
  WHIP (publish)       %s
       bearer          %s
  WHEP (play)          %s
       bearer          %s   (the PIN)

On the command line:
  export STENTOR_CONTEXT=%s
  stentor status
  stentor webinar list
  curl -H 'Authorization: Bearer %s' %s/api/v1/webinars
`, i.Webinar.PIN, last+":", i.Guest, first+":", i.Host, first+":", i.Presenter, i.API, i.HostToken,
		i.WHIP, i.PresenterSecret, i.WHEP, i.Webinar.PIN, i.Context, i.HostToken, i.API)
	if stream {
		fmt.Fprintf(w, "\nOBS: Settings > Stream > WHIP, server %s?takeover=true and the bearer above,\n     replaces the clip; keyframe interval 1 s, no B-frames.\n", i.WHIP)
	} else {
		fmt.Fprintf(w, "\nNothing is on stage yet. Open the presenter's link, or\n  OBS: Settings > Stream > WHIP, with the address and bearer above; keyframe interval 1 s, no B-frames\n  FFmpeg (8 or newer): ffmpeg -re -i FILE -c:v libx264 -profile:v baseline -tune zerolatency -g 30 -c:a libopus -ar 48000 -ac 2 -f whip -authorization %s %s\n", i.PresenterSecret, i.WHIP)
	}
	fmt.Fprintf(w, "\nEverything for programs is in %s. Ctrl-C stops it all.\n", filepath.Join(i.Data, infoFile))
}
