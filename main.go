// Command stentor is a webinar system in one binary: a node of the mesh, the demo,
// and the commands of hosts and operators.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"stentor/control/cli"
	"stentor/demo"
	"stentor/node"
)

// version is what this source is; commit is set by the Makefile.
var (
	version = "v0.3.0"
	commit  = ""
)

// grammar is the command line's table of contents.
type grammar struct {
	Demo    demoCommand    `cmd:"" help:"Start a mesh on this machine with a 4K stream, and print the links to open."`
	Init    initCommand    `cmd:"" help:"Make the first node of a new cluster."`
	Node    nodeCommand    `cmd:"" help:"Run a node, or remove one."`
	Config  configCommand  `cmd:"" help:"Look at a node's configuration."`
	Version versionCommand `cmd:"" help:"Say which software this is."`
	cli.Commands
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	e := cli.OS()
	e.Version = version
	os.Exit(cli.Run(ctx, os.Args[1:], &grammar{}, e))
}

type demoCommand struct {
	Nodes    int    `help:"How many nodes; the first three vote." default:"3"`
	Data     string `help:"Keep everything in this folder, instead of a temporary one that is removed." type:"path"`
	NoStream bool   `help:"Publish nothing: bring a browser, OBS or FFmpeg."`
	Media    string `help:"The address of this machine for media, for browsers that take no loopback address." default:"127.0.0.1"`
}

// Run runs the demo until it is interrupted.
func (c *demoCommand) Run(ctx context.Context, e *cli.Env) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	return demo.Run(ctx, demo.Config{Nodes: c.Nodes, Data: c.Data, Stream: !c.NoStream, Media: c.Media, Out: e.Stdout, Self: self})
}

type initCommand struct {
	Data string `help:"The node's data folder." required:"" type:"path"`
	Name string `help:"The node's name." required:""`
}

// Run makes the first node of a cluster.
func (c *initCommand) Run(e *cli.Env) error {
	if err := node.Init(c.Data, c.Name); err != nil {
		return err
	}
	fmt.Fprintf(e.Stdout, "%s is the first node of a new cluster.\nStart it:            stentor node --data %s --name %s\nThe first API token: %s/admin.token\n", c.Name, c.Data, c.Name, c.Data)
	return nil
}

// nodeFlags are the settings of a node that are worth a flag; the file has all.
type nodeFlags struct {
	Config      string   `help:"A YAML file; flags win over it." type:"path" env:"STENTOR_CONFIG"`
	Name        string   `help:"The node's name." env:"STENTOR_NAME"`
	Data        string   `help:"The node's data folder." type:"path" env:"STENTOR_DATA"`
	Region      string   `help:"A word for where the node is." env:"STENTOR_REGION"`
	Mesh        string   `help:"UDP address for the other nodes." placeholder:"IP:PORT" env:"STENTOR_MESH"`
	Watch       string   `help:"TCP address for edges that follow." placeholder:"IP:PORT" env:"STENTOR_WATCH"`
	HTTP        string   `name:"http" help:"TCP address of pages, API, WHIP and WHEP." placeholder:"IP:PORT" env:"STENTOR_HTTP"`
	RTC         string   `name:"rtc" help:"UDP address of browsers' media." placeholder:"IP:PORT" env:"STENTOR_RTC"`
	Metrics     string   `help:"TCP address of /metrics; by default only the unix socket has them." placeholder:"IP:PORT" env:"STENTOR_METRICS"`
	URL         string   `name:"url" help:"How browsers reach this node." env:"STENTOR_URL"`
	Advertise   []string `help:"IP addresses under which others reach this node." env:"STENTOR_ADVERTISE"`
	BehindProxy bool     `help:"A proxy in front of this node ends TLS." env:"STENTOR_BEHIND_PROXY"`
	Join        string   `help:"Mesh address of a voter of the cluster to join." placeholder:"IP:PORT" env:"STENTOR_JOIN"`
	TokenFile   string   `help:"File with the join token." type:"path" env:"STENTOR_TOKEN_FILE"`
}

// load puts defaults, file and flags together, the later over the earlier.
func (f *nodeFlags) load() (node.Config, error) {
	c := node.Defaults()
	if f.Config != "" {
		if err := node.LoadConfig(&c, f.Config); err != nil {
			return c, err
		}
	}
	for _, s := range []struct {
		to   *string
		from string
	}{
		{&c.Name, f.Name}, {&c.Data, f.Data}, {&c.Region, f.Region}, {&c.Mesh, f.Mesh}, {&c.Watch, f.Watch},
		{&c.HTTP, f.HTTP}, {&c.RTC, f.RTC}, {&c.Metrics, f.Metrics}, {&c.URL, f.URL}, {&c.Join, f.Join}, {&c.TokenFile, f.TokenFile},
	} {
		if s.from != "" {
			*s.to = s.from
		}
	}
	if len(f.Advertise) > 0 {
		c.Advertise = f.Advertise
	}
	c.BehindProxy = c.BehindProxy || f.BehindProxy
	return c, c.Check()
}

type nodeCommand struct {
	Run    nodeRun        `cmd:"" name:"run" default:"withargs" help:"Run a node."`
	Remove cli.NodeRemove `cmd:"" help:"Put a node out of the mesh for good."`

	RotateKey cli.NodeRotateKey `cmd:"" help:"Have the nodes seal their gossip with another key."`
}

type nodeRun struct{ nodeFlags }

// Run runs a node until it is told to stop.
func (c *nodeRun) Run(ctx context.Context, e *cli.Env) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	return node.Run(ctx, cfg, build(), e.Stderr)
}

type configCommand struct {
	Check configCheck `cmd:"" help:"Say whether a node would start with this configuration."`
}

type configCheck struct{ nodeFlags }

// Run checks a configuration without starting anything.
func (c *configCheck) Run(e *cli.Env) error {
	if _, err := c.load(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(e.Stdout, "The configuration is good.")
	return err
}

type versionCommand struct{}

// Run prints version, commit and Go version.
func (versionCommand) Run(e *cli.Env) error {
	b := build()
	_, err := fmt.Fprintf(e.Stdout, "stentor %s (commit %s, %s, %s/%s)\n", b.Version, b.Commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// build says what this binary is made of.
func build() node.Build {
	b := node.Build{Version: version, Commit: commit}
	if info, ok := debug.ReadBuildInfo(); ok && b.Commit == "" {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				b.Commit = s.Value
			}
		}
	}
	if b.Commit == "" {
		b.Commit = "unknown"
	}
	return b
}
