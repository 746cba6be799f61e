package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// The bundle is made from src and committed, so that building and running the
// node needs Go alone; TestBundle makes it again and compares the bytes.
//
//go:generate go tool esbuild src/guest.ts src/host.ts src/operator.ts src/registration.ts src/signin.ts src/talk.ts src/worker.ts src/style.css src/talk.css --bundle --minify --format=esm --target=es2022,safari16.4 --charset=utf8 --legal-comments=none --outdir=dist
//go:generate go run icon_generate.go

//go:embed dist static
var files embed.FS

// asset is one file under /assets/, ready to be sent.
type asset struct {
	name        string // with the hash of its content
	contentType string
	plain       []byte
	zipped      []byte // nil where compression gains nothing
}

// assets serves files whose names change with their content, so that browsers
// may keep them for good.
type assets struct {
	byName map[string]*asset // "guest-3fW0...js"
	names  map[string]string // "guest.js" -> path with hash
}

// newAssets takes in the bundle, the icons and the texts of every language.
func newAssets(t *texts) *assets {
	a := &assets{byName: map[string]*asset{}, names: map[string]string{}}
	for _, dir := range []string{"dist", "static"} {
		entries, err := fs.ReadDir(files, dir)
		if err != nil {
			panic(fmt.Errorf("web: %w", err))
		}
		for _, e := range entries {
			content, err := files.ReadFile(path.Join(dir, e.Name()))
			if err != nil {
				panic(fmt.Errorf("web: %w", err))
			}
			a.add(e.Name(), content)
		}
	}
	for _, lang := range t.languages {
		a.addTexts("texts-guest-"+lang+".json", t.of(lang, "common.", "denial.", "guest.", "stage.", "publish."))
		a.addTexts("texts-host-"+lang+".json", t.of(lang, "common.", "denial.", "host.", "stage.", "publish.", "talk.", "quality."))
		a.addTexts("texts-signin-"+lang+".json", t.of(lang, "denial.", "signin.", "host.signin", "host.login", "host.password", "host.signout", "host.signed_in"))
		a.addTexts("texts-talk-"+lang+".json", t.of(lang, "common.role_", "common.mbps", "talk.", "quality."))
		a.addTexts("texts-operator-"+lang+".json", t.of(lang, "common.", "denial.", "host.", "operator."))
	}
	return a
}

func (a *assets) addTexts(name string, sentences map[string]string) {
	content, err := json.Marshal(sentences)
	if err != nil {
		panic(fmt.Errorf("web: %w", err))
	}
	a.add(name, content)
}

// add files content under a name that carries its hash.
func (a *assets) add(name string, content []byte) {
	sum := sha256.Sum256(content)
	ext := path.Ext(name)
	hashed := strings.TrimSuffix(name, ext) + "-" + base64.RawURLEncoding.EncodeToString(sum[:9]) + ext
	f := &asset{name: hashed, contentType: mime.TypeByExtension(ext), plain: content}
	if ext != ".png" {
		f.zipped = zip(content)
	}
	a.byName[hashed] = f
	a.names[name] = "/assets/" + hashed
}

// zip compresses content, or returns nil where that makes it no smaller.
func zip(content []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if _, err := w.Write(content); err != nil || w.Close() != nil || b.Len() >= len(content) {
		return nil
	}
	return b.Bytes()
}

// path returns where the file of that name is served.
func (a *assets) path(name string) (string, error) {
	p, ok := a.names[name]
	if !ok {
		return "", fmt.Errorf("web: no asset %q", name)
	}
	return p, nil
}

// ServeHTTP sends one file. A name that is not there is not remembered: during
// an upgrade it may be there on the next node.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := a.byName[r.PathValue("name")]
	if !ok {
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "no such asset", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	body := f.plain
	if f.zipped != nil && acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = f.zipped
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

// acceptsGzip reports whether the client takes gzip (RFC 9110, section 12.5.3).
func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		coding, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		q = strings.ReplaceAll(q, " ", "")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") && q != "q=0" && q != "q=0.0" {
			return true
		}
	}
	return false
}
