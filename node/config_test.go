package node

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"stentor/control/cli"
)

func TestTheDocumentedConfigurationIsTheDefault(t *testing.T) {
	b, err := os.ReadFile("../deploy/stentor.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c := Config{}
	if err := parseConfig(&c, "stentor.yaml", b); err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.Advertise, want.ICEServers = []string{}, []ICEServer{}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("deploy/stentor.yaml says\n%+v\nand the defaults are\n%+v", c, want)
	}
	for _, key := range configKeys(reflect.TypeFor[Config]()) {
		if !strings.Contains(string(b), "\n"+key+":") && !strings.Contains(string(b), "\n  "+key+":") {
			t.Errorf("deploy/stentor.yaml does not document %q", key)
		}
	}
}

func TestAWrongConfigurationSaysWhatToDo(t *testing.T) {
	for _, c := range []struct{ name, yaml, want string }{
		{"an unknown key names its line and the key that was meant", "name: n1\nmehs: 0.0.0.0:1\n", `line 2: field mehs not found|did you mean "mesh"?`},
		{"a key inside a group as well", "tls:\n  crt: x\n", `line 2: field crt not found|did you mean "cert"?`},
		{"what is not YAML", "name: [", "stentor.yaml"},
		{"a value of the wrong kind", "behind_proxy: perhaps\n", "line 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf := Defaults()
			err := parseConfig(&conf, "stentor.yaml", []byte(c.yaml))
			wantReport(t, err, c.want)
		})
	}
}

func TestCheckRefusesWhatCannotRun(t *testing.T) {
	good := Defaults()
	good.Name = "n1"
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"a mail server without a port", func(c *Config) { c.Mail.Server = "smtp.example.org" }, "HOST:PORT"},
		{"a mail server without a sender", func(c *Config) { c.Mail.Server = "smtp.example.org:587" }, "mail.from"},
		{"mail in the clear over a network", func(c *Config) {
			c.Mail = Mail{Server: "smtp.example.org:25", From: "a@example.org", TLS: "none"}
		}, "in the clear"},
		{"a way to a mail server that there is not", func(c *Config) {
			c.Mail = Mail{Server: "smtp.example.org:25", From: "a@example.org", TLS: "ssl"}
		}, "starttls"},
		{"a mail user without a password", func(c *Config) {
			c.Mail = Mail{Server: "127.0.0.1:25", From: "a@example.org", TLS: "none", User: "u"}
		}, "password_file"},
		{"no uplink", func(c *Config) { c.Relay.Uplink = 0 }, "uplink_mbps"},
		{"no children", func(c *Config) { c.Relay.Children = -1 }, "max_children"},
		{"a door that lets nobody in", func(c *Config) { c.Door.Burst = 0 }, "door.burst"},
		{"a door that lets nobody in after the first", func(c *Config) { c.Door.PerSecond = 0 }, "door.per_second"},
		{"a door without room", func(c *Config) { c.Door.Sessions = 0 }, "door.sessions"},
		{"a provider that is no URL", func(c *Config) { c.OIDC.Issuer = "id.example.org" }, "https://id.example.org"},
		{"a provider without a client", func(c *Config) { c.OIDC.Issuer = "https://id.example.org" }, "client_id"},
		{"no name", func(c *Config) { c.Name = "" }, "--name"},
		{"a name that is no host name", func(c *Config) { c.Name = "Frankfurt 1" }, "Frankfurt 1"},
		{"an address without a port", func(c *Config) { c.RTC = "10.0.0.1" }, "rtc|IP:PORT"},
		{"plain HTTP on the network", func(c *Config) { c.HTTP = "0.0.0.0:80" }, "without TLS|behind_proxy"},
		{"half a certificate", func(c *Config) { c.TLS.Cert = "x.pem" }, "tls"},
		{"a TURN server without an account", func(c *Config) { c.ICEServers = []ICEServer{{URLs: []string{"turn:turn.example.org"}}} }, "secret_file"},
		{"an ICE server that is none", func(c *Config) { c.ICEServers = []ICEServer{{URLs: []string{"https://turn.example.org"}}} }, "secret_file"},
		{"an advertised address with a port", func(c *Config) { c.Advertise = []string{"10.0.0.1:80"} }, "advertise"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf := good
			c.change(&conf)
			wantReport(t, conf.Check(), c.want)
		})
	}
}

// wantReport checks that err is a usage error (status 2) whose report, hint
// included, holds every part of want, which are separated by "|".
func wantReport(t *testing.T, err error, want string) {
	t.Helper()
	var out strings.Builder
	if status := cli.Report(&out, err); status != 2 {
		t.Errorf("status %d, want 2", status)
	}
	for _, part := range strings.Split(want, "|") {
		if !strings.Contains(out.String(), part) {
			t.Errorf("the report lacks %q:\n%s", part, out.String())
		}
	}
}
