package cli

import (
	"testing"

	"stentor/control/api"
)

func TestHintsAreForCodesThatExist(t *testing.T) {
	codes := map[string]bool{"unexpected_response": true} // the client's own
	for _, k := range api.Kinds() {
		codes[k.Code] = true
	}
	for code := range hintOf {
		if !codes[code] {
			t.Errorf("a hint for %s, which no server says", code)
		}
	}
}
