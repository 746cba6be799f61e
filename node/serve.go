package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// stopWithin is how long requests in flight may take when the node stops.
const stopWithin = 3 * time.Second

// serveHTTP runs a server on l until ctx is done.
func serveHTTP(l net.Listener, h http.Handler, log *slog.Logger, change func(*http.Server)) func(context.Context) error {
	return func(ctx context.Context) error {
		srv := &http.Server{
			Handler:           h,
			ReadHeaderTimeout: 10 * time.Second,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    16 << 10,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		}
		if change != nil {
			change(srv)
		}
		ended := make(chan error, 1)
		go func() { ended <- srv.Serve(l) }()
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
		}
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		if err := srv.Shutdown(within); err != nil {
			srv.Close() // long polls and sockets: they were told, and had their time
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
}

// adminMux is what an operator's tools see: metrics, health, profiles. It is
// never part of the public HTTP port.
func adminMux(reg *prometheus.Registry, health http.Handler) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg}))
	mux.Handle("GET /livez", health)
	mux.Handle("GET /readyz", health)
	return mux
}

// withProfiles adds pprof, which only the unix socket serves: a profile can hold
// secrets, and taking one costs.
func withProfiles(mux *http.ServeMux) *http.ServeMux {
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// listenAdmin opens admin.sock in the data folder, for the owner alone.
func listenAdmin(dir string) (net.Listener, error) {
	path := filepath.Join(dir, "admin.sock")
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("node: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("node: %w", err)
	}
	return l, nil
}

// health answers /livez (the process runs) and /readyz (its state is known, and
// it can let people in).
func (n *Node) health(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if r.URL.Path == "/readyz" {
		if why := n.notReady(); why != "" {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, why)
			return
		}
	}
	fmt.Fprintln(w, "ok")
}

// notReady says what the node still waits for, or nothing.
func (n *Node) notReady() string {
	s := n.store.Status()
	switch {
	case n.store.State().Cluster().ID == "":
		return "waiting for the state of the cluster"
	case n.voter != nil && !n.isVoter(s):
		return "waiting to become a voter"
	}
	return ""
}
