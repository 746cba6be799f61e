package cluster

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"slices"
)

// logger gives memberlist's lines ("[WARN] memberlist: ...") to slog. Its errors
// are about single packets and streams, which the network is expected to lose, so
// that they are warnings here.
func logger(l *slog.Logger) *log.Logger { return log.New(lines{l}, "", 0) }

// quiet are lines that would mislead: the transport seals what memberlist believes
// to be in the clear, and what is refused is counted and logged with its reason here.
var quiet = [][]byte{[]byte("without encryption"), []byte("ignoring alive message")}

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
	if slices.ContainsFunc(quiet, func(q []byte) bool { return bytes.Contains(line, q) }) {
		return len(b), nil
	}
	w.log.Log(context.Background(), level, string(bytes.TrimPrefix(line, []byte("memberlist: "))))
	return len(b), nil
}
