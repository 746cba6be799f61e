package api

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestALimit(t *testing.T) {
	b := newBuckets[string](Limit{Burst: 3, Every: time.Second})
	for i, step := range []struct {
		at   time.Duration
		who  string
		wait time.Duration
		ok   bool
	}{
		{0, "a", 0, true}, {0, "a", 0, true}, {0, "a", 0, true}, {0, "a", time.Second, false}, {0, "b", 0, true},
		{500 * time.Millisecond, "a", 500 * time.Millisecond, false}, {time.Second, "a", 0, true}, {time.Second, "a", time.Second, false},
		{time.Hour, "a", 0, true}, {time.Hour, "a", 0, true}, {time.Hour, "a", 0, true}, {time.Hour, "a", time.Second, false},
	} {
		if wait, ok := b.take(step.who, noon.Add(step.at)); wait != step.wait || ok != step.ok {
			t.Errorf("%d: wait %v, ok %v, want %v, %v", i, wait, ok, step.wait, step.ok)
		}
	}
}

func TestAClockThatGoesBackEarnsNothing(t *testing.T) {
	b := newBuckets[string](Limit{Burst: 1, Every: time.Second})
	b.take("a", noon)
	if _, ok := b.take("a", noon.Add(-time.Hour)); ok {
		t.Error("it was let on")
	}
}

func TestWhatIsRememberedOfThoseWhoAskedIsBounded(t *testing.T) {
	b := newBuckets[int](Limit{Burst: 1, Every: time.Minute})
	b.max = 100
	for i := range 10_000 {
		b.take(i, noon)
		if len(b.by) > 100 {
			t.Fatalf("%d are remembered", len(b.by))
		}
	}
	b.take(-1, noon.Add(time.Hour)) // all others are full again
	for i := range 50 {
		b.take(-2-i, noon.Add(time.Hour))
	}
	if _, ok := b.take(-1, noon.Add(time.Hour)); ok {
		t.Error("what still counts was forgotten before what does not")
	}
}

func TestTooManyRequests(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"a"}`).ID
	w.serve(Limits{Principal: Limit{2, 3 * time.Second}, Public: Limit{2, 3 * time.Second}})
	look := ask{method: "GET", path: "/api/v1/webinars/" + id, token: w.host}
	w.do(look).must(200)
	w.do(look).must(200)
	out := w.do(look).must(429)
	if out.refused(codeTooManyRequests); out.header.Get("Retry-After") != "3" {
		t.Errorf("the header is %v", out.header)
	}
	look.token = w.admin // who else asks is not concerned
	w.do(look).must(200)
	body := &counted{}
	w.do(ask{method: "PUT", path: "/api/v1/webinars/" + id + "/pin", token: w.host, reader: body}).refused(codeTooManyRequests)
	if body.n > 0 {
		t.Errorf("%d bytes were read", body.n)
	}
	w.now = w.now.Add(3 * time.Second)
	look.token = w.host
	w.do(look).must(200)
	t.Run("each network of those who do not say who they are", func(t *testing.T) {
		public := func(from string) reply {
			return w.do(ask{method: "GET", path: "/api/v1/public/x", from: from})
		}
		for i := range 2 {
			public(fmt.Sprintf("[2001:db8::%d]:9", i)).must(404)
		}
		public("[2001:db8::7]:9").must(429)
		public("[2001:db8:0:1::7]:9").must(404)
		public("192.0.2.1:9").must(404)
	})
}

func TestRemoteAddresses(t *testing.T) {
	for from, want := range map[string]netip.Addr{
		"192.0.2.1:9": netip.MustParseAddr("192.0.2.1"), "[::ffff:192.0.2.1]:9": netip.MustParseAddr("192.0.2.1"), "nowhere": {},
	} {
		r := newRequestTo("GET", "/", "").request()
		r.RemoteAddr = from
		if got := remote(r); got != want {
			t.Errorf("%s: %v", from, got)
		}
	}
}
