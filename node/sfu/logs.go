package sfu

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// pionLogs lets pion log through the node's logger. What pion calls a warning or
// an error is most often the other side's doing (a lost connection, a garbled
// packet), so it is kept at debug; what matters is logged and counted by us.
type pionLogs struct{ log *slog.Logger }

// NewLogger returns the logger of one of pion's parts.
func (p pionLogs) NewLogger(scope string) logging.LeveledLogger {
	return pionLog{log: p.log.With("pion", scope)}
}

type pionLog struct{ log *slog.Logger }

func (l pionLog) write(level, msg string) {
	l.log.Log(context.Background(), slog.LevelDebug, msg, "level", level)
}

func (l pionLog) writef(level, format string, args []any) {
	if !l.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	l.write(level, fmt.Sprintf(format, args...))
}

func (pionLog) Trace(string)          {}
func (pionLog) Tracef(string, ...any) {}
func (pionLog) Debug(string)          {}
func (pionLog) Debugf(string, ...any) {}
func (pionLog) Info(string)           {}
func (pionLog) Infof(string, ...any)  {}

func (l pionLog) Warn(msg string)                   { l.write("warn", msg) }
func (l pionLog) Warnf(format string, args ...any)  { l.writef("warn", format, args) }
func (l pionLog) Error(msg string)                  { l.write("error", msg) }
func (l pionLog) Errorf(format string, args ...any) { l.writef("error", format, args) }
