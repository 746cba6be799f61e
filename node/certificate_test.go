package node

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"testing"
	"time"
)

func TestACertificateIsLateBeforeAnybodyNotices(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		name       string
		life, left time.Duration
		want       bool
	}{
		{"a year with 15 days left is in time", 365 * day, 15 * day, false},
		{"a year with 14 days left is in time to the second", 365 * day, 14 * day, false},
		{"a year with less is late", 365 * day, 14*day - time.Second, true},
		{"ninety days with 31 left, which is when most renew, are in time", 90 * day, 31 * day, false},
		{"six days with three left are in time", 6 * day, 3 * day, false},
		{"six days with less than two left are late", 6 * day, 2*day - time.Second, true},
		{"a node's own of a day is in time when it renews it", day, 16 * time.Hour, false},
		{"a node's own is late when renewals have failed for eight hours", day, 8*time.Hour - time.Second, true},
		{"one that is over is late", day, -time.Second, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
			if got := late(now.Add(c.left-c.life), now.Add(c.left), now); got != c.want {
				t.Errorf("late = %v, want %v", got, c.want)
			}
		})
	}
}

func TestACertificateSaysWhomItIsFor(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	subject := pkix.Name{CommonName: "n1"}
	many := make([]string, 100)
	for _, c := range []struct {
		name string
		cert *x509.Certificate
		want []string
	}{
		{"none says nothing", nil, nil},
		{"without names it is its subject", &x509.Certificate{Subject: subject}, []string{"n1"}},
		{"names and addresses go before the subject", &x509.Certificate{Subject: subject, DNSNames: []string{"meet.example.org"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}}, []string{"meet.example.org", "192.0.2.1"}},
		{"names are bounded", &x509.Certificate{DNSNames: many}, many[:maxNames]},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := certificate(c.cert, now)
			if c.cert == nil {
				if got != nil {
					t.Error("something")
				}
				return
			}
			if len(got.Names) != len(c.want) || len(got.Fingerprint) != 64 {
				t.Fatalf("%+v", got)
			}
			for i := range c.want {
				if got.Names[i] != c.want[i] {
					t.Errorf("names %q, want %q", got.Names, c.want)
				}
			}
		})
	}
}
