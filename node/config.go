package node

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"stentor/cluster/pki"
	"stentor/control/cli"
)

// Config is what an operator says about one node. The zero value of every field
// but Data means its default; deploy/stentor.yaml documents them all, and a test
// holds it equal to [Defaults].
type Config struct {
	// Name is the node's id in the mesh, the same for its whole life: lower-case
	// letters, digits, dots and hyphens. It is in the node's certificate.
	Name string `yaml:"name"`
	// Data is the folder of everything that the node keeps. It must not be shared.
	Data string `yaml:"data"`
	// Region is a word for where the node is, shown to operators.
	Region string `yaml:"region"`
	// Mesh is the UDP address for the other nodes: relay, Raft and gossip.
	Mesh string `yaml:"mesh"`
	// Watch is the TCP address from which edges follow this node's state.
	Watch string `yaml:"watch"`
	// HTTP is the TCP address of pages, API, WHIP and WHEP.
	HTTP string `yaml:"http"`
	// RTC is the UDP address of browsers' media.
	RTC string `yaml:"rtc"`
	// RTCTCP is whether media comes by TCP too, at the same address, from those whom
	// UDP does not reach.
	RTCTCP bool `yaml:"rtc_tcp"`
	// Metrics is the TCP address of /metrics and health for a Prometheus; empty
	// leaves them to the unix socket admin.sock in Data.
	Metrics string `yaml:"metrics"`
	// URL is how browsers reach HTTP from outside, "https://live.example.org".
	URL string `yaml:"url"`
	// TLS serves HTTP with a certificate of the operator's own.
	TLS TLS `yaml:"tls"`
	// BehindProxy allows plain HTTP on an address that is not loopback, because a
	// proxy in front ends TLS.
	BehindProxy bool `yaml:"behind_proxy"`
	// Advertise are the IP addresses under which other nodes and browsers reach
	// this one, where they differ from the ones it listens on.
	Advertise []string `yaml:"advertise"`
	// ICEServers are named to encoders and players by WHIP and WHEP.
	ICEServers []ICEServer `yaml:"ice_servers"`
	// HideVersion takes the version off the guest page (S9).
	HideVersion bool `yaml:"hide_version"`

	// Relay is how much this node may carry for others.
	Relay Relay `yaml:"relay"`

	// Door is how much one network may ask of this node's door.
	Door Door `yaml:"door"`

	// Recording is how much of the disk recordings may take.
	Recording Recording `yaml:"recording"`

	// Mail, OIDC and Webhooks are what the control plane works with outside the mesh.
	Mail     Mail     `yaml:"mail"`
	OIDC     OIDC     `yaml:"oidc"`
	Webhooks Webhooks `yaml:"webhooks"`

	// Join is the mesh address of a voter of the cluster to join, and TokenFile
	// holds the join token; both only matter until the node has its certificate.
	Join      string `yaml:"join"`
	TokenFile string `yaml:"token_file"`
}

// Relay bounds what a node carries for others.
type Relay struct {
	// Uplink is what the machine can send, in Mbit/s. Above 0.7 of it no node chooses
	// this one as parent any more, while there is another.
	Uplink int `yaml:"uplink_mbps"`
	// Children is how many nodes may pull one track from here.
	Children int `yaml:"max_children"`
}

// Recording bounds what is written into the folder recordings in Data.
type Recording struct {
	// KeepFree is how much of the disk recordings leave free, in MiB. They stop there.
	KeepFree int `yaml:"keep_free_mib"`
}

func (r Recording) check() error {
	if r.KeepFree < 1 || r.KeepFree > 1<<30 {
		return usage(fmt.Errorf("recording: %d MiB are kept free", r.KeepFree), "set recording.keep_free_mib to what the rest of the node needs, such as 1024")
	}
	return nil
}

func (r Relay) check() error {
	switch {
	case r.Uplink < 1 || r.Uplink > 1_000_000:
		return usage(fmt.Errorf("relay: an uplink of %d Mbit/s", r.Uplink), "set relay.uplink_mbps to what the machine can send, such as 1000")
	case r.Children < 1 || r.Children > 4096:
		return usage(fmt.Errorf("relay: %d children", r.Children), "set relay.max_children to 1 up to 4096, such as 64")
	}
	return nil
}

// TLS names the PEM files of the operator's certificate for HTTP.
type TLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// Defaults returns the configuration of a node that was told nothing.
func Defaults() Config {
	return Config{
		Data:  "/var/lib/stentor",
		Mesh:  "0.0.0.0:7443",
		Watch: "0.0.0.0:7443",
		HTTP:  "127.0.0.1:8080",
		RTC:   "0.0.0.0:8443", RTCTCP: true,
		Mail:  Mail{TLS: mailStartTLS},
		Relay: Relay{Uplink: 1000, Children: 64}, Door: Door{Burst: 120, PerSecond: 4, Sessions: 400}, Recording: Recording{KeepFree: 1024},
	}
}

// usage is a mistake in what the operator typed or wrote: the command ends with
// status 2 and shows the hint.
func usage(err error, hint string) error { return cli.Usage(cli.Hint(err, hint)) }

// LoadConfig reads a YAML file over c. A key that is not known is an error that
// names its line and what was perhaps meant.
func LoadConfig(c *Config, path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return usage(fmt.Errorf("read the configuration: %w", err), "give its path with --config")
	}
	return parseConfig(c, path, b)
}

func parseConfig(c *Config, path string, b []byte) error {
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	err := dec.Decode(c)
	if err == nil || strings.TrimSpace(string(b)) == "" {
		return nil
	}
	return usage(fmt.Errorf("%s: %w", path, err), configHint(err))
}

// unknownKey is how the YAML library names a key that no field has.
var unknownKey = regexp.MustCompile(`field (\S+) not found`)

func configHint(err error) string {
	m := unknownKey.FindStringSubmatch(err.Error())
	if m == nil {
		return "deploy/stentor.yaml shows every key with its default"
	}
	if near := cli.DidYouMean(m[1], configKeys(reflect.TypeFor[Config]())); near != "" {
		return near
	}
	return "deploy/stentor.yaml shows every key"
}

// configKeys returns the YAML keys of a struct and of the structs in it.
func configKeys(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		f := t.Field(i)
		keys = append(keys, f.Tag.Get("yaml"))
		if f.Type.Kind() == reflect.Struct {
			keys = append(keys, configKeys(f.Type)...)
		}
	}
	return keys
}

// Check reports what keeps c from being run, with a hint.
func (c *Config) Check() error {
	if err := pki.CheckNode(c.Name); err != nil {
		return usage(err, "give the node a name with --name, such as fra-1")
	}
	for _, a := range []struct{ key, addr string }{
		{"mesh", c.Mesh}, {"watch", c.Watch}, {"http", c.HTTP}, {"rtc", c.RTC},
	} {
		if _, err := netip.ParseAddrPort(a.addr); err != nil {
			return usage(fmt.Errorf("%s: %q is not an address", a.key, a.addr), "write IP:PORT, such as 0.0.0.0:7443")
		}
	}
	if _, err := netip.ParseAddrPort(c.Metrics); c.Metrics != "" && err != nil {
		return usage(fmt.Errorf("metrics: %q is not an address", c.Metrics), "write IP:PORT, or leave it empty")
	}
	for _, a := range c.Advertise {
		if _, err := netip.ParseAddr(a); err != nil {
			return usage(fmt.Errorf("advertise: %q is not an IP address", a), "write IP addresses without a port")
		}
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		return usage(errors.New("tls: a certificate needs its key, and a key its certificate"), "set both tls.cert and tls.key")
	}
	if err := errors.Join(c.Mail.check(), c.OIDC.check(), c.Relay.check(), c.Door.check(), c.Recording.check(), checkICE(c.ICEServers)); err != nil {
		return err
	}
	return c.checkPlainHTTP()
}

// checkPlainHTTP refuses to show tokens and PINs to the network in the clear.
func (c *Config) checkPlainHTTP() error {
	a := netip.MustParseAddrPort(c.HTTP)
	if a.Addr().IsLoopback() || c.TLS.Cert != "" || c.BehindProxy {
		return nil
	}
	return usage(fmt.Errorf("http: %s would serve PINs and tokens without TLS", c.HTTP), "set tls.cert and tls.key, or behind_proxy: true where a proxy in front ends TLS")
}

// baseURL is how browsers reach this node.
func (c *Config) baseURL() string {
	if c.URL != "" {
		return strings.TrimRight(c.URL, "/")
	}
	scheme := "http"
	if c.TLS.Cert != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(c.advertised(c.HTTP).String(), port(c.HTTP))
}

// advertised returns the address under which others reach addr: the first of
// Advertise, or the address itself, or the first address of this machine where it
// listens on all of them.
func (c *Config) advertised(addr string) netip.Addr {
	return c.advertiseAll(addr)[0]
}

// advertiseAll returns all addresses under which others reach addr. There is
// always at least one.
func (c *Config) advertiseAll(addr string) []netip.Addr {
	var out []netip.Addr
	for _, a := range c.Advertise {
		if ip, err := netip.ParseAddr(a); err == nil {
			out = append(out, ip)
		}
	}
	if len(out) > 0 {
		return out
	}
	if ap, err := netip.ParseAddrPort(addr); err == nil && !ap.Addr().IsUnspecified() {
		return []netip.Addr{ap.Addr()}
	}
	return machineAddrs()
}

// machineAddrs returns the unicast addresses of this machine, those of loopback
// only where there are no others.
func machineAddrs() []netip.Addr {
	var out []netip.Addr
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && !p.Addr().IsLoopback() && !p.Addr().IsLinkLocalUnicast() {
			out = append(out, p.Addr())
		}
	}
	if len(out) == 0 {
		out = append(out, netip.MustParseAddr("127.0.0.1"))
	}
	return out
}

// public returns addr with the IP under which others reach it.
func (c *Config) public(addr string) string {
	return net.JoinHostPort(c.advertised(addr).String(), port(addr))
}

func port(addr string) string {
	_, p, _ := net.SplitHostPort(addr)
	return p
}
