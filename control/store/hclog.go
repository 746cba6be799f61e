package store

import (
	"context"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// raftLog is the logger that Raft wants, on top of the one that we have.
type raftLog struct {
	hclog.Logger // the null logger, for what Raft does not call
	log          *slog.Logger
}

func newRaftLog(log *slog.Logger) hclog.Logger {
	return raftLog{hclog.NewNullLogger(), log.With("part", "raft")}
}

// levels are one step lower than Raft's: an election is news to its own developers, and
// debug output to ours.
var levels = map[hclog.Level]slog.Level{
	hclog.Trace: slog.LevelDebug - 4, hclog.Debug: slog.LevelDebug - 4,
	hclog.Info: slog.LevelDebug, hclog.Warn: slog.LevelInfo, hclog.Error: slog.LevelWarn,
}

func (l raftLog) Log(level hclog.Level, msg string, args ...any) {
	l.log.Log(context.Background(), levels[level], msg, args...)
}

func (l raftLog) Trace(msg string, args ...any) { l.Log(hclog.Trace, msg, args...) }
func (l raftLog) Debug(msg string, args ...any) { l.Log(hclog.Debug, msg, args...) }
func (l raftLog) Info(msg string, args ...any)  { l.Log(hclog.Info, msg, args...) }
func (l raftLog) Warn(msg string, args ...any)  { l.Log(hclog.Warn, msg, args...) }
func (l raftLog) Error(msg string, args ...any) { l.Log(hclog.Error, msg, args...) }

func (l raftLog) IsTrace() bool { return false }
func (l raftLog) IsDebug() bool { return l.log.Enabled(context.Background(), levels[hclog.Debug]) }
func (l raftLog) IsInfo() bool  { return l.log.Enabled(context.Background(), levels[hclog.Info]) }
func (l raftLog) IsWarn() bool  { return true }
func (l raftLog) IsError() bool { return true }

func (l raftLog) With(args ...any) hclog.Logger       { return raftLog{l.Logger, l.log.With(args...)} }
func (l raftLog) Named(name string) hclog.Logger      { return raftLog{l.Logger, l.log.With("of", name)} }
func (l raftLog) ResetNamed(name string) hclog.Logger { return l.Named(name) }
