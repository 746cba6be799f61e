package account

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// realProvider installs the provider of npm, once.
var realProvider = sync.OnceValues(func() (dir string, skip string) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", "no npm here"
	}
	if _, err := exec.LookPath("node"); err != nil {
		return "", "no node here"
	}
	dir, err = os.MkdirTemp("", "stentor-oidc-")
	if err != nil {
		return "", err.Error()
	}
	for _, name := range []string{"package.json", "package-lock.json", "provider.mjs"} {
		b, err := os.ReadFile(filepath.Join("testdata", "oidc", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o644)
		}
		if err != nil {
			return dir, err.Error()
		}
	}
	// npm waits for five minutes for an answer of a registry, and asks three times.
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	install.Dir = dir
	install.WaitDelay = time.Second // for what npm has started
	if out, err := install.CombinedOutput(); err != nil {
		return dir, "npm gives no oidc-provider: " + err.Error() + ": " + string(out)
	}
	return dir, ""
})

func TestMain(m *testing.M) {
	code := m.Run()
	if installed {
		dir, _ := realProvider()
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

var installed bool // whether realProvider was called

// startProvider runs the provider of npm until the test ends, and returns its issuer.
func startProvider(t *testing.T, env ...string) string {
	t.Helper()
	installed = true
	dir, skip := realProvider()
	if skip != "" {
		t.Skipf("SKIPPED: %s; signing in was not tested against a real OpenID Connect provider", skip)
	}
	cmd := exec.Command("node", "provider.mjs")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close() // it ends with its input
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "http://127.0.0.1:") {
			go func() { _, _ = io.Copy(io.Discard, stdout) }()
			return lines.Text()
		}
	}
	_ = cmd.Wait()
	t.Fatalf("the provider does not start: %s", stderr.String())
	return ""
}

var formAction = regexp.MustCompile(`action="([^"]+)"`)

// submit fills in the form of a page of the provider.
func (s *site) submit(resp *http.Response, body string, values url.Values) (*http.Response, string) {
	s.t.Helper()
	action := formAction.FindStringSubmatch(body)
	if action == nil {
		s.t.Fatalf("no form at %s (%d): %s", resp.Request.URL, resp.StatusCode, body)
	}
	u, err := resp.Request.URL.Parse(action[1])
	if err != nil {
		s.t.Fatal(err)
	}
	next, err := s.browser.PostForm(u.String(), values)
	if err != nil {
		s.t.Fatal(err)
	}
	defer next.Body.Close()
	b, err := io.ReadAll(next.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return next, string(b)
}

func TestS18SigningInByARealProvider(t *testing.T) {
	for _, c := range []struct {
		name, who, role string
		env             []string
	}{
		{"names at userinfo alone", "ada", "member", nil},
		{"names in the ID token", "grace", "member", []string{"CONFORM=no"}},
		{"a secret in the body, and a group", "root", "administrator", []string{"CLIENT_AUTH=client_secret_post"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := &OIDCConfig{ClientID: "stentor", ClientSecret: "the client's secret: with & and %", AllowSignUp: true}
			s := serve(t, config, func(o *OIDCConfig) {
				o.Issuer = startProvider(t, append(c.env, "CLIENT_SECRET="+o.ClientSecret, "REDIRECT="+o.Redirect)...)
				o.AdminClaim, o.AdminValue = "groups", "stentor-admins"
			})
			s.now = timeOfProvider()
			resp, body := s.get("/api/v1/oidc/start?next=/host", "")
			resp, body = s.submit(resp, body, url.Values{"prompt": {"login"}, "login": {c.who}, "password": {"x"}})
			resp, body = s.submit(resp, body, url.Values{"prompt": {"consent"}})
			if resp.StatusCode != 200 || resp.Request.URL.Path != "/host" {
				t.Fatalf("landed at %s with %d %s; logged %s", resp.Request.URL, resp.StatusCode, body, s.log)
			}
			a := s.store.state.Account(body)
			if a.GetSubject() != c.who || a.GetName() != "Name of "+c.who || a.GetLogin() != c.who || a.GetRole() != c.role || a.GetIssuer() != config.Issuer {
				t.Errorf("made %v", a)
			}
			// Who is known to both is signed in without a form.
			s.browser.Jar.SetCookies(resp.Request.URL, []*http.Cookie{s.accounts.Clear()})
			if resp, again := s.get("/api/v1/oidc/start", ""); resp.StatusCode != 200 || again != a.GetId() {
				t.Errorf("the second time: %s with %d %q", resp.Request.URL, resp.StatusCode, again)
			}
			if strings.Contains(s.log.String(), "secret") {
				t.Errorf("logged %s", s.log)
			}
		})
	}
}

func TestARealProviderAndAPersonWhoSaysNo(t *testing.T) {
	config := &OIDCConfig{ClientID: "stentor", ClientSecret: "secret-of-the-client", AllowSignUp: true}
	s := serve(t, config, func(o *OIDCConfig) {
		o.Issuer = startProvider(t, "CLIENT_SECRET="+o.ClientSecret, "REDIRECT="+o.Redirect)
	})
	s.now = timeOfProvider()
	resp, body := s.get("/api/v1/oidc/start", "")
	resp, body = s.submit(resp, body, url.Values{"prompt": {"login"}, "login": {"ada"}, "password": {"x"}})
	abort := regexp.MustCompile(`href="([^"]+/abort)"`).FindStringSubmatch(body)
	if abort == nil {
		t.Fatalf("no way to say no: %s", body)
	}
	u, err := resp.Request.URL.Parse(abort[1])
	if err != nil {
		t.Fatal(err)
	}
	if resp, _ := s.get(u.String(), ""); resp.StatusCode != 502 || resp.Header.Get("Stentor-Error") != "oidc_failed" || s.signedIn() {
		t.Errorf("answered %d %s", resp.StatusCode, resp.Header)
	}
}

// timeOfProvider is the time of the computer: a process of its own has no other.
func timeOfProvider() time.Time { return time.Now() }
