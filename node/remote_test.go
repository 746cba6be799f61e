package node

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestWhereARequestComesFrom(t *testing.T) {
	tests := []struct {
		name      string
		proxy     bool
		mesh      bool
		forwarded []string
		header    string
		want      string
	}{
		{"by the connection", false, false, nil, "", "192.0.2.1:1234"},
		{"nobody says it himself", false, false, []string{"203.0.113.9"}, "203.0.113.9", "192.0.2.1:1234"},
		{"the operator's proxy says it", true, false, []string{"203.0.113.9"}, "", "203.0.113.9:0"},
		{"what the visitor wrote before does not count", true, false, []string{"198.51.100.1, 203.0.113.9"}, "", "203.0.113.9:0"},
		{"nor in a line of its own", true, false, []string{"198.51.100.1", "203.0.113.9"}, "", "203.0.113.9:0"},
		{"an IPv6 address", true, false, []string{"2001:db8::7"}, "", "[2001:db8::7]:0"},
		{"a proxy that says nothing", true, false, nil, "", "192.0.2.1:1234"},
		{"what is no address", true, false, []string{"unknown"}, "", "192.0.2.1:1234"},
		{"another node says it", false, true, nil, "203.0.113.9:99", "203.0.113.9:99"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = "192.0.2.1:1234"
			for _, v := range tt.forwarded {
				r.Header.Add("X-Forwarded-For", v)
			}
			if tt.header != "" {
				r.Header.Set(remoteHeader, tt.header)
			}
			var got string
			h := http.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr }))
			if tt.mesh {
				h = fromMesh(h)
			} else {
				h = fromOutside(tt.proxy, h)
			}
			h.ServeHTTP(httptest.NewRecorder(), r)
			if got != tt.want {
				t.Errorf("it came from %s, want %s", got, tt.want)
			}
		})
	}
}
