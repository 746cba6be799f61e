package cluster

import (
	"bytes"
	"context"
	"log"
	"log/slog"
)

// logger gives memberlist's lines ("[WARN] memberlist: ...") to slog. Its errors
// are about single packets and streams, which the network is expected to lose, so
// that they are warnings here.
func logger(l *slog.Logger) *log.Logger { return log.New(lines{l}, "", 0) }

type lines struct{ log *slog.Logger }

func (w lines) Write(b []byte) (int, error) {
	level := slog.LevelDebug
	line := bytes.TrimSpace(b)
	if tag, rest, ok := bytes.Cut(line, []byte("] ")); ok {
		switch string(tag) {
		case "[ERR", "[ERROR":
			level = slog.LevelWarn
		case "[WARN":
			level = slog.LevelInfo
		}
		line = rest
	}
	w.log.Log(context.Background(), level, string(bytes.TrimPrefix(line, []byte("memberlist: "))))
	return len(b), nil
}
