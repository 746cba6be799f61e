// Package demo runs Stentor on one machine as a person would on several: it starts
// nodes as processes of their own, plans a webinar through the control API,
// publishes a 4K clip by WHIP, and prints the links to open.
//
// It uses nothing but the command line, the API and the protocols, so that what
// works here works by hand. It is no test and no supervisor: a node that dies ends
// the demo, with the end of its log.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"stentor/control/cli"
	"stentor/demo/clip"
	"stentor/demo/rtcclient"
)

// Config is what to show.
type Config struct {
	Nodes  int       // how many; 0: three
	Data   string    // folder to keep everything in; empty: a temporary one
	Stream bool      // publish the clip
	Media  string    // address for media; empty: 127.0.0.1, which Firefox and GStreamer do not take
	Out    io.Writer // what the person reads
	Self   string    // path of the stentor program
	Logger *slog.Logger
}

// liveWithin is how long the stream may take to be known at the last node.
const liveWithin = 15 * time.Second

// Run runs the demo until ctx is done, and leaves nothing behind but c.Data, if that
// is given.
func Run(ctx context.Context, c Config) error {
	if c.Nodes == 0 {
		c.Nodes = voters
	}
	if c.Nodes < 1 || c.Nodes > maxNodes {
		return cli.Usage(fmt.Errorf("demo: %d nodes cannot be started on one machine; 1 to %d can", c.Nodes, maxNodes))
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	f, err := openFolder(c.Data)
	if err != nil {
		return err
	}
	defer f.close()
	for {
		err := runOnce(ctx, c, f)
		if errors.Is(err, errPortTaken) && f.previous == nil && !f.retried {
			fmt.Fprintln(c.Out, "Another program took a port that was free a moment ago. Once more, with others.")
			f.retried = true
			if err := f.clear(); err != nil {
				return err
			}
			continue
		}
		return err
	}
}

// runOnce is the demo from the first port to the last process.
func runOnce(ctx context.Context, c Config, f *folder) (err error) {
	m, err := prepare(c, f)
	if err != nil {
		return err
	}
	defer func() {
		err = f.hint(err)
		if len(m.procs.all) > 0 {
			fmt.Fprintln(c.Out, "Stopping.")
		}
		m.procs.stopAll()
	}()
	if err := m.up(ctx, f.previous != nil); err != nil {
		return err
	}
	info, err := m.webinar(ctx, f)
	if err != nil {
		return err
	}
	publish, err := startPublisher(ctx, c, info)
	if err != nil {
		return err
	}
	defer publish.stop()
	if err := m.live(ctx, info, publish); err != nil {
		return err
	}
	if err := info.save(f.path); err != nil {
		return err
	}
	info.print(c.Out, publish.publisher != nil)
	select {
	case <-ctx.Done():
		return nil
	case p := <-m.procs.ended:
		return m.childEnded(p)
	case err := <-publish.ended:
		return fmt.Errorf("demo: the stream was refused: %w", err)
	}
}

// prepare plans the nodes, or finds the ones of last time.
func prepare(c Config, f *folder) (*mesh, error) {
	m := &mesh{self: c.Self, out: c.Out}
	if f.previous != nil {
		if n := len(f.previous.Nodes); n != c.Nodes {
			return nil, cli.Hint(cli.Usage(fmt.Errorf("demo: %s has %d nodes, not %d", f.path, n, c.Nodes)), fmt.Sprintf("say --nodes %d, or choose another folder", n))
		}
		m.nodes, m.procs = f.previous.Nodes, newChildren(c.Nodes)
		fmt.Fprintf(c.Out, "Starting the %d nodes in %s again.\n", c.Nodes, f.path)
		return m, nil
	}
	tcp, udp, err := freePorts(portsPerNode * c.Nodes)
	if err != nil {
		return nil, err
	}
	m.nodes, m.procs = planNodes(f.path, c.Nodes, tcp, udp), newChildren(c.Nodes)
	for i, n := range m.nodes {
		if _, port, _ := net.SplitHostPort(n.RTC); c.Media != "" {
			m.nodes[i].RTC = net.JoinHostPort(c.Media, port)
		}
	}
	fmt.Fprintf(c.Out, "Starting a mesh of %d nodes on this machine, in %s.\n", c.Nodes, f.path)
	return m, nil
}

func (m *mesh) up(ctx context.Context, again bool) error {
	if again {
		return m.restart(ctx)
	}
	return m.start(ctx)
}

// publishing is the clip on its way to node 1; without a stream it does nothing.
type publishing struct {
	publisher *rtcclient.Publisher
	cancel    context.CancelFunc
	ended     chan error // that it was refused
	gone      chan struct{}
}

func startPublisher(ctx context.Context, c Config, info *Info) (*publishing, error) {
	p := &publishing{ended: make(chan error, 1), gone: make(chan struct{}), cancel: func() {}}
	if !c.Stream {
		close(p.gone)
		return p, nil
	}
	pictures, err := clip.Load()
	if err != nil {
		return nil, err
	}
	p.publisher = rtcclient.NewPublisher(rtcclient.PublisherConfig{
		URL: info.WHIP, Bearer: info.PresenterSecret, Clip: pictures, Logger: c.Logger,
	})
	ctx, p.cancel = context.WithCancel(ctx)
	go func() {
		defer close(p.gone)
		if err := p.publisher.Run(ctx); err != nil {
			p.ended <- err
		}
	}()
	return p, nil
}

func (p *publishing) stop() {
	p.cancel()
	<-p.gone
}

// live waits until the stream can be watched at the last node.
func (m *mesh) live(ctx context.Context, info *Info, p *publishing) error {
	if p.publisher == nil {
		return nil
	}
	fmt.Fprintln(m.out, "Publishing 3840 x 2160 at 30 frames a second to node 1.")
	ctx, cancel := context.WithTimeoutCause(ctx, liveWithin, errSlow)
	defer cancel()
	tick := time.NewTicker(readyEvery)
	defer tick.Stop()
	for {
		select {
		case <-p.publisher.Connected():
			if door, err := m.last.Door(ctx, info.Webinar.Link); err == nil && door.Live {
				return nil
			}
		default:
		}
		select {
		case err := <-p.ended:
			return fmt.Errorf("demo: the stream was refused: %w", err)
		case child := <-m.procs.ended:
			return m.childEnded(child)
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), errSlow) {
				return fmt.Errorf("demo: the stream did not reach %s within %v: %w", m.nodes[len(m.nodes)-1].Name, liveWithin, orSlow(p.publisher.Stats().LastError))
			}
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func orSlow(err error) error {
	if err == nil {
		return errSlow
	}
	return err
}

// folder is where the demo keeps everything.
type folder struct {
	path     string
	kept     bool
	previous *Info // what an earlier demo left there
	retried  bool
}

// openFolder makes a temporary folder, or opens the given one: an empty one, or one
// of an earlier demo.
func openFolder(path string) (*folder, error) {
	if path == "" {
		dir, err := os.MkdirTemp("", "stentor-demo-")
		if err != nil {
			return nil, fmt.Errorf("demo: %w", err)
		}
		return &folder{path: dir}, nil
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	f := &folder{path: path, kept: true}
	if len(entries) == 0 {
		return f, nil
	}
	if f.previous, err = loadInfo(path); err != nil {
		return nil, cli.Hint(fmt.Errorf("demo: %s is not empty and holds no demo that was running before: %w", path, err), "choose another folder with --data, or remove that one")
	}
	return f, nil
}

// clear empties the folder for another try.
func (f *folder) clear() error {
	entries, err := os.ReadDir(f.path)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(f.path+string(os.PathSeparator)+e.Name()))
	}
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}

func (f *folder) close() {
	if !f.kept {
		_ = os.RemoveAll(f.path) // it is in the system's folder for what may go
	}
}

// hint says where the logs are.
func (f *folder) hint(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if f.kept {
		return cli.Hint(err, "the logs are in "+f.path)
	}
	return cli.Hint(err, "`stentor demo --data DIR` keeps the logs")
}
