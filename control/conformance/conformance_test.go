package conformance

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestM13EveryRowHasATest(t *testing.T) {
	found, err := Scan(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Missing(found) {
		t.Errorf("no test begins with %s: %s", r.ID, r.Says)
	}
	known := map[string]bool{}
	for _, r := range Rows() {
		known[r.ID] = true
		if r.Open != "" && len(found[r.ID]) > 0 {
			t.Logf("%s waits for %s, and has a test already", r.ID, r.Open)
		}
		if len(found[r.ID]) == 0 {
			t.Logf("OPEN: %s, %s: waits for %s", r.ID, r.Says, r.Open)
		}
	}
	for id, tests := range found {
		if !known[id] {
			t.Errorf("%s is no row, and %s in %s begins with it", id, tests[0].Name, tests[0].File)
		}
	}
}

func TestM13TheReportIsUpToDate(t *testing.T) {
	found, err := Scan(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	committed, err := os.ReadFile("../../CONFORMANCE.md")
	if err != nil || string(committed) != Report(found) {
		t.Errorf("CONFORMANCE.md is stale: run go generate ./control/conformance (%v)", err)
	}
}

func TestM13TheRowsAreThoseOfTheSpecification(t *testing.T) {
	rows := Rows()
	if len(rows) != 73+15 || rows[0].ID != "S1" || rows[72].ID != "S73" || rows[73].ID != "M1" || rows[87].ID != "M15" {
		t.Fatalf("there are %d rows", len(rows))
	}
	says := map[string]bool{}
	for _, r := range rows {
		if r.Says == "" || says[r.Says] || strings.ContainsAny(r.Says+r.Open, "|\n") {
			t.Errorf("%s says %q", r.ID, r.Says)
		}
		says[r.Says] = true
	}
}

func TestM13WhatASentenceIsAbout(t *testing.T) {
	for s, want := range map[string]string{
		"S33 a guest": "S33", "S36-S40 what is on": "S36 S37 S38 S39 S40", "S36-38 what is on": "S36 S37 S38", "S62/S63 from both": "S62 S63",
		"S70/S71/S72 dropped": "S70 S71 S72", "M8: a budget": "M8", "S22 ": "S22", "S22": "S22", "M1, M2": "M1",
		"a guest S33": "", "S3x": "", "SHA-256 of": "", "S": "", "": "", "S9999 x": "", "s33 a guest": "", "M8s": "",
	} {
		if got := strings.Join(sentence(s), " "); got != want {
			t.Errorf("%q is about %q, want %q", s, got, want)
		}
	}
}

func TestM13WhatIsFound(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte("package p\n" + s)} }
	found, err := Scan(fstest.MapFS{
		"a/a_test.go": file("func TestS1One(t *testing.T) { t.Run(\"S2 two\", nil); t.Run(`S3-S4 more`, nil) }\n" +
			"func TestS1S5Both(t *testing.T) {}\nfunc TestOther(t *testing.T) { t.Run(\"S10 named apart, S6 not at all\", nil); t.Run(\"S69 apart alone\", nil) }\n" +
			"func helper() string { return \"S7 no test\" }\nfunc (w world) TestS8(t *testing.T) {}\nfunc TestTheS9Row(t *testing.T) { _ = \"S10 ten\" }"),
		"a/a.go":                        file("func TestS11(t *testing.T) {}"),
		"a/node_modules/b/b_test.go":    file("func TestS12(t *testing.T) {}"),
		".hidden/b_test.go":             file("func TestS13(t *testing.T) {}"),
		"control/conformance/x_test.go": file("func TestM13X(t *testing.T) { _ = \"S14 no test of that\" }"),
		"b/testdata/c_test.go":          file("this is no Go"),
		"b/twice_test.go":               file("func TestM1(t *testing.T) { _ = []string{\"M1 a\", \"M1 b\"} }"),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"S1": 2, "S2": 1, "S3": 1, "S4": 1, "S5": 1, "S10": 2, "S69": 1, "M1": 1, "M13": 1}
	for id, tests := range found {
		if len(tests) != want[id] {
			t.Errorf("%s: %v", id, tests)
		}
	}
	if len(found) != len(want) {
		t.Errorf("found %v", found)
	}
	if !slices.Equal(found["S2"], []Test{{"a/a_test.go", "TestS1One", true}}) {
		t.Errorf("S2 is proven by %v", found["S2"])
	}
	missing := Missing(found)
	if len(missing) == 0 || slices.ContainsFunc(missing, func(r Row) bool { return r.ID == "S5" || r.Open != "" }) {
		t.Errorf("missing %v", missing)
	}
	report := Report(found)
	for _, piece := range []string{"## OPEN", "| S6 | every webinar has a join link | **nothing: it is missing** |", "| S12 | a preflight page for hosts | the pages |",
		"| S1 | ", "| a: TestS1One, TestS1S5Both |", "## NOT IN THE SUITE", "| S69 | a re-invite lifts the ban | a: TestOther |",
		"| M1 | no seat is sold twice, whatever breaks | b: TestM1 |"} {
		if !strings.Contains(report, piece) {
			t.Errorf("the report lacks %q", piece)
		}
	}
	if _, err := Scan(fstest.MapFS{"a_test.go": file("this is no Go")}); err == nil {
		t.Error("a file that cannot be read is passed over")
	}
}
