package guard

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWhichAddressesArePublic(t *testing.T) {
	for _, s := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255",
		"192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1",
		"2001::1", "2001:db8::1", "2002:7f00:1::1", "2002:a9fe:a9fe::1", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2606:4700::1%eth0",
	} {
		if Public(netip.MustParseAddr(s)) {
			t.Errorf("%s is called", s)
		}
	}
	for _, s := range []string{
		"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.0.1.1", "198.17.0.1", "198.20.0.1", "223.255.255.254",
		"::ffff:1.1.1.1", "2606:4700::1111", "2a00:1450:4001::1", "2003::1",
	} {
		if !Public(netip.MustParseAddr(s)) {
			t.Errorf("%s is not called", s)
		}
	}
	if Public(netip.Addr{}) {
		t.Error("no address is called")
	}
}

// However an IPv4 address is carried in an IPv6 one, it does not become public.
func TestNoWayAroundByIPv6(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inside := netip.AddrFrom4([4]byte{rapid.SampledFrom([]byte{10, 127, 0}).Draw(t, "net"), rapid.Byte().Draw(t, "b"), rapid.Byte().Draw(t, "c"), rapid.Byte().Draw(t, "d")})
		prefix := rapid.SampledFrom([]string{"::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::"}).Draw(t, "prefix")
		b := netip.MustParseAddr(prefix).As16()
		v4 := inside.As4()
		copy(b[12:], v4[:])
		if a := netip.AddrFrom16(b); Public(a) {
			t.Errorf("%s is called", a)
		}
		six := netip.MustParseAddr("2002::1").As16()
		copy(six[2:6], v4[:])
		if a := netip.AddrFrom16(six); Public(a) {
			t.Errorf("%s is called", a)
		}
	})
}

func TestURLsThatAreNeverCalled(t *testing.T) {
	for raw, want := range map[string][2]bool{ // allowed, allowed if private
		"https://example.org/hook?a=b":           {true, true},
		"https://example.org:8443/hook":          {true, true},
		"https://1.1.1.1/":                       {true, true},
		"https://[2606:4700::1111]/":             {true, true},
		"http://example.org/hook":                {false, true},
		"http://127.0.0.1:8080/":                 {false, true},
		"https://127.0.0.1/":                     {false, true},
		"https://[::1]/":                         {false, true},
		"https://[::ffff:10.0.0.1]/":             {false, true},
		"https://169.254.169.254/latest":         {false, true},
		"https://localhost/":                     {false, true},
		"https://LOCALHOST./":                    {false, true},
		"https://x.localhost/":                   {false, true},
		"https://metadata.google.internal/":      {false, true},
		"https://printer.local/":                 {false, true},
		"https://user:secret@example.org/":       {false, false},
		"https://example.org/#fragment":          {false, false},
		"ftp://example.org/":                     {false, false},
		"file:///etc/passwd":                     {false, false},
		"gopher://example.org/":                  {false, false},
		"https:///hook":                          {false, false},
		"https:example.org":                      {false, false},
		"//example.org":                          {false, false},
		"":                                       {false, false},
		"https://example.org/\r\nX-Header: evil": {false, false},
	} {
		for i, private := range []bool{false, true} {
			err := Check(raw, private)
			if (err == nil) != want[i] || err != nil && !errors.Is(err, ErrAddress) {
				t.Errorf("%q with private %v: %v", raw, private, err)
			}
		}
	}
}

func TestAConnectionIsRefusedWhereItIsMade(t *testing.T) {
	called := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer server.Close()
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	guarded := Transport(false)
	defer guarded.CloseIdleConnections()
	for _, host := range []string{"127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "127.1", "0x7f000001", "2130706433", "017700000001"} {
		resp, err := (&http.Client{Transport: guarded}).Get("http://" + host + port)
		if err == nil {
			_ = resp.Body.Close()
		}
		if err == nil || called {
			t.Errorf("%s was called", host)
		}
		var failed *url.Error
		if named := host == "127.0.0.1" || host == "localhost"; named && (!errors.As(err, &failed) || !errors.Is(err, errPrivate)) {
			t.Errorf("%s: %v", host, err)
		}
	}
	open := Transport(true)
	defer open.CloseIdleConnections()
	resp, err := (&http.Client{Transport: open}).Get(server.URL)
	if err != nil || !called {
		t.Fatalf("a private address was not called although it may be: %v", err)
	}
	_ = resp.Body.Close()
}

func TestNoProxyIsAsked(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	if Transport(false).Proxy != nil {
		t.Error("a proxy would connect for us")
	}
	if err := control(t.Context(), "unix", "/run/x", nil); !errors.Is(err, errPrivate) {
		t.Errorf("a socket file: %v", err)
	}
	if err := control(t.Context(), "tcp4", "nonsense", nil); err == nil {
		t.Error("nonsense was connected to")
	}
}
