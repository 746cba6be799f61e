package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// axe is the text of axe-core, which finds mistakes in accessibility, or why there is none. It comes
// from npm once for all tests, and is used here only.
var axe = sync.OnceValues(func() (string, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "stentor-axe-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	for _, name := range []string{"package.json", "package-lock.json"} {
		b, err := os.ReadFile(filepath.Join("testdata", "axe", name))
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return "", err
		}
	}
	install := exec.CommandContext(context.Background(), npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	return string(b), err
})

// mistake is one rule that a page breaks, and where.
type mistake struct {
	ID, Help string
	Where    []string
}

// accessible fails the test for every rule of WCAG 2.2 A and AA that the page breaks as it is now.
// Where npm gives no axe-core it looks at nothing; TestPagesAreAccessible says so.
func (tab *tab) accessible(what string) {
	tab.t.Helper()
	script, err := axe()
	if err != nil {
		return
	}
	ctx, stop := context.WithTimeout(tab.ctx, patience)
	defer stop()
	if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](`void (window.axe || (() => { `+script+` })())`)); err != nil {
		tab.t.Fatalf("%s: %s: axe: %v", tab.name, what, err)
	}
	found, err := chromedp.Run(ctx, chromedp.Evaluate[string](`(async () => {
		await Promise.all(document.getAnimations().map((a) => a.finished.catch(() => {})).filter(() => !document.querySelector(".spinner")));
		const result = await axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations"] });
		return JSON.stringify(result.violations.map((v) => ({ id: v.id, help: v.help, where: v.nodes.map((n) => n.target.join(" ") + ": " + n.failureSummary) })));
	})()`, chromedp.EvalAwaitPromise))
	if err != nil {
		tab.t.Fatalf("%s: %s: axe: %v", tab.name, what, err)
	}
	var mistakes []mistake
	if err := json.Unmarshal([]byte(found), &mistakes); err != nil {
		tab.t.Fatal(err)
	}
	for _, m := range mistakes {
		tab.t.Errorf("%s: %s: %s (%s):\n%s", tab.name, what, m.ID, m.Help, strings.Join(m.Where, "\n"))
	}
}

// TestPagesAreAccessible looks at the pages that no other test keeps pictures of. The states of the
// others are looked at where their pictures are taken: see [tab.pictures].
func TestPagesAreAccessible(t *testing.T) {
	if _, err := axe(); err != nil {
		t.Skipf("SKIPPED: npm gives no axe-core (%v), so the accessibility of the pages was not checked", err)
	}
	b, url := serveBackend(t)
	visitor := newBrowser(t).open("accessible")
	for _, page := range []struct{ path, says string }{
		{"/", "Join a webinar"}, {"/nothing", "There is no such page here."}, {"/w/nowhere", "There is no webinar behind this link"},
		{"/w/tides", "Not begun yet"}, {"/host", "API token"}, {"/operator", "API token"}, {"/?lang=ar", "العربية"},
	} {
		visitor.do("open "+page.path, chromedp.Navigate(url+page.path))
		visitor.says(page.says)
		visitor.pictures("page")
	}
	b.change(func() { b.state = "ended" })
	visitor.do("open", chromedp.Navigate(url+"/w/tides?lang=en"))
	visitor.says("Ended")
	visitor.pictures("ended")
}
