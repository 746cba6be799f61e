//go:build ignore

// Generate writes CONFORMANCE.md at the root of the repository.
package main

import (
	"fmt"
	"log"
	"os"

	"stentor/control/conformance"
)

func main() {
	found, err := conformance.Scan(os.DirFS("../.."))
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile("../../CONFORMANCE.md", []byte(conformance.Report(found)), 0o644); err != nil {
		log.Fatal(err)
	}
	for _, r := range conformance.Missing(found) {
		fmt.Fprintf(os.Stderr, "no test begins with %s: %s\n", r.ID, r.Says)
	}
}
