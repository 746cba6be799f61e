package api

import (
	"flag"
	"testing"
)

// TestZEveryOperationWasAnswered holds that the tests of this package saw each operation
// carried out, so that each answer was held against the document. It comes after them.
func TestZEveryOperationWasAnswered(t *testing.T) {
	if flag.Lookup("test.run").Value.String() != "" || testing.Short() {
		t.Skip("only some tests run")
	}
	carriedOut.Lock()
	defer carriedOut.Unlock()
	for _, r := range Routes() {
		if !carriedOut.by[r.Name] {
			t.Errorf("no test saw %s carried out", r.Name)
		}
	}
}
