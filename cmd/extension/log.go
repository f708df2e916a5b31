package main

import (
	"io"
	"log/slog"
	"math"
	"strings"
	"time"
)

type logFormat int

const (
	logText logFormat = iota
	logJSON
)

// levelNone is above every level.
const levelNone = slog.Level(math.MaxInt)

// logLevel reads a level as our variable and Lambda's spell it; "" is info. FATAL
// is error, the highest level that anything here is logged with.
func logLevel(s string) (level slog.Level, known bool) {
	switch strings.ToLower(s) {
	case "trace", "debug":
		return slog.LevelDebug, true
	case "", "info":
		return slog.LevelInfo, true
	case "warn":
		return slog.LevelWarn, true
	case "error", "fatal":
		return slog.LevelError, true
	case "none":
		return levelNone, true
	}
	return slog.LevelInfo, false
}

// newLogger returns a logger that writes one line for each record to w: text, or
// JSON as Lambda filters it by level, for which it wants the keys level and
// timestamp, in RFC 3339. Text has no time: CloudWatch adds that.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
func newLogger(w io.Writer, level slog.Level, format logFormat) *slog.Logger {
	var h slog.Handler
	switch {
	case level == levelNone:
		h = slog.DiscardHandler
	case format == logJSON:
		h = slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: lambdaKeys})
	default:
		h = slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: withoutTime})
	}
	// The function's own lines are in the same log.
	return slog.New(h).With("extension", name)
}

func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// lambdaKeys renames slog's own attributes to what Lambda calls them.
func lambdaKeys(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey:
		if t, ok := a.Value.Any().(time.Time); ok {
			return slog.String("timestamp", t.UTC().Format("2006-01-02T15:04:05.000Z"))
		}
	case slog.MessageKey:
		a.Key = "message"
	}
	return a
}
