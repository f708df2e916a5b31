package main

import (
	"context"
	"io"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
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
// timestamp, in RFC 3339.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
func newLogger(w io.Writer, level slog.Level, format logFormat) *slog.Logger {
	switch {
	case level == levelNone:
		return slog.New(slog.DiscardHandler)
	case format == logJSON:
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: lambdaKeys}))
	}
	return slog.New(&textHandler{out: &output{w: w}, level: level})
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

// textHandler writes "[aws-secretsmanager] LEVEL message key=value". It has no
// time: CloudWatch adds that.
type textHandler struct {
	out    *output
	level  slog.Level
	prefix string // of the keys, from groups
	attrs  string // written in advance
}

// output is one writer, shared by loggers that were derived from one another.
type output struct {
	mu sync.Mutex
	w  io.Writer
}

func (h *textHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h *textHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString("[aws-secretsmanager] " + r.Level.String() + " ")
	b.WriteString(oneLine(r.Message))
	b.WriteString(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		appendAttr(&b, h.prefix, a)
		return true
	})
	b.WriteByte('\n')
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	_, err := io.WriteString(h.out.w, b.String())
	return err
}

func (h *textHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	b.WriteString(h.attrs)
	for _, a := range attrs {
		appendAttr(&b, h.prefix, a)
	}
	with := *h
	with.attrs = b.String()
	return &with
}

func (h *textHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	with := *h
	with.prefix += name + "."
	return &with
}

func appendAttr(b *strings.Builder, prefix string, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, member := range v.Group() {
			appendAttr(b, prefix, member)
		}
		return
	}
	if a.Equal(slog.Attr{}) {
		return
	}
	s := v.String()
	if s == "" || strings.IndexFunc(s, needsQuote) >= 0 {
		s = strconv.Quote(s)
	}
	b.WriteString(" " + prefix + a.Key + "=" + s)
}

func needsQuote(r rune) bool {
	return r == '"' || r == '=' || r == '\\' || r == unicode.ReplacementChar || unicode.IsSpace(r) || !unicode.IsPrint(r)
}

// oneLine keeps a message to its line: what others wrote may be a part of it.
func oneLine(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return s
	}
	quoted := strconv.Quote(s)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
