package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

func TestTextLog(t *testing.T) {
	var b bytes.Buffer
	l := newLogger(&b, slog.LevelInfo, logText)
	l.Debug("hidden")
	l.Warn("two words", "secretId", "prod/db", "err", errors.New("a\nb"), "v", cache.Text("canary"))
	want := `level=WARN msg="two words" extension=aws-secretsmanager secretId=prod/db err="a\nb" v=[secret]` + "\n"
	if got := b.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestJSONLog(t *testing.T) {
	var b bytes.Buffer
	l := newLogger(&b, slog.LevelDebug, logJSON)
	before := time.Now()
	l.With("a", 1).Warn("message\nof two lines", "err", errors.New("e"), "v", cache.Text("canary"), "level", "mine")

	if strings.Count(b.String(), "\n") != 1 {
		t.Errorf("got %q, want one line", b.String())
	}
	var got map[string]any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	stamp, _ := got["timestamp"].(string)
	at, err := time.Parse("2006-01-02T15:04:05.000Z", stamp)
	if err != nil || at.Before(before.Truncate(time.Millisecond)) || time.Since(at) > time.Minute {
		t.Errorf("timestamp: got %q, %v, want now in RFC 3339 with milliseconds and in UTC", stamp, err)
	}
	delete(got, "timestamp")
	delete(got, "level") // twice there
	want := map[string]any{"extension": name, "message": "message\nof two lines", "a": 1.0, "err": "e", "v": "[secret]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if !strings.Contains(b.String(), `"level":"WARN"`) {
		t.Errorf("no level in %s", b.String())
	}
}

func TestJSONLogIsInUTC(t *testing.T) {
	var b bytes.Buffer
	at := time.Date(2024, 2, 6, 17, 43, 48, 7_000_000, time.FixedZone("", 3600))
	h := newLogger(&b, slog.LevelInfo, logJSON).Handler()
	if err := h.Handle(t.Context(), slog.NewRecord(at, slog.LevelInfo, "m", 0)); err != nil {
		t.Fatal(err)
	}
	if want := `"timestamp":"2024-02-06T16:43:48.007Z"`; !strings.Contains(b.String(), want) {
		t.Errorf("got %s, want %s", b.String(), want)
	}
}

func TestLevels(t *testing.T) {
	tests := map[string]int{"debug": 4, "info": 3, "": 3, "warn": 2, "error": 1, "none": 0, "TRACE": 4, "Fatal": 1}
	for s, want := range tests {
		level, known := logLevel(s)
		if !known {
			t.Errorf("%q is not known", s)
		}
		for _, format := range []logFormat{logText, logJSON} {
			var b bytes.Buffer
			l := newLogger(&b, level, format)
			l.Debug("")
			l.Info("")
			l.Warn("")
			l.Error("")
			if got := strings.Count(b.String(), "\n"); got != want {
				t.Errorf("level %q logs %d of 4 lines, want %d", s, got, want)
			}
		}
	}
	if level, known := logLevel("loud"); known || level != slog.LevelInfo {
		t.Errorf("logLevel(loud) = %v, %v, want info, not known", level, known)
	}
}
