package cli

import "testing"

func TestDidYouMean(t *testing.T) {
	known := []string{"server", "token", "token-file", "region", "advertise", "mesh", "http"}
	for word, want := range map[string]string{
		"servr":      "server",
		"sevrer":     "server", // two letters swapped are one slip
		"SERVER":     "server",
		"tokne":      "token",
		"token_file": "token-file",
		"advertize":  "advertise",
		"adv":        "advertise", // the beginning of one
		"mseh":       "mesh",
		"htp":        "http",
		"x":          "",
		"":           "",
		"listen":     "",
		"colour":     "",
		"регион":     "",
	} {
		if got, _ := Closest(word, known); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
	if got := DidYouMean("servr", known); got != `did you mean "server"?` {
		t.Errorf("asked %s", got)
	}
	if got := DidYouMean("listen", known); got != "" {
		t.Errorf("asked %s", got)
	}
}
