package web_test

import (
	"compress/gzip"
	"strings"
	"testing"
)

func TestAPageComesCompressedToWhoTakesIt(t *testing.T) {
	h := pages(true)
	plain := get(t, h, "/w/pin")
	text := body(t, plain)
	if e := plain.Header.Get("Content-Encoding"); e != "" || !strings.Contains(plain.Header.Get("Vary"), "Accept-Encoding") {
		t.Errorf("who takes nothing gets %q, which varies by %q", e, plain.Header.Get("Vary"))
	}
	for range 3 { // one after the other by the same writer
		zipped := get(t, h, "/w/pin", "Accept-Encoding", "br, gzip;q=0.8")
		if e := zipped.Header.Get("Content-Encoding"); e != "gzip" {
			t.Fatalf("it comes as %q", e)
		}
		r, err := gzip.NewReader(zipped.Body)
		if err != nil {
			t.Fatal(err)
		}
		zipped.Body = r
		if got := body(t, zipped); got != text {
			t.Errorf("it is another page: %s", got)
		}
	}
	if e := get(t, h, "/w/pin", "Accept-Encoding", "gzip;q=0").Header.Get("Content-Encoding"); e != "" {
		t.Errorf("who refuses gzip gets %q", e)
	}
	if !strings.Contains(text, `<meta name="description" content="Webinars in up to 4K, in the browser, with nothing to install.">`) {
		t.Errorf("nothing says what this is: %s", text)
	}
}
