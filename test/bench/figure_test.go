package main

import (
	"strings"
	"testing"
)

func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		name  string
		f     figure
		smoke bool
		want  string
		fails bool
	}{
		{"aim", figure{Got: 1.1, Must: 1.3, Aim: 1.1}, false, "aim met", false},
		{"must", figure{Got: 1.3, Must: 1.3, Aim: 1.1}, false, "must met", false},
		{"missed", figure{Got: 1.31, Must: 1.3, Aim: 1.1}, false, "**missed**", true},
		{"timing", figure{Got: 1.31, Must: 1.3, Aim: 1.1, timing: true}, false, "**missed**", true},
		{"timing on a busy machine", figure{Got: 1.31, Must: 1.3, Aim: 1.1, timing: true}, true, "missed (busy machine?)", false},
		{"size on a busy machine", figure{Got: 8.6, Must: 8.5, Aim: 8}, true, "**missed**", true},
		{"without a limit", figure{Got: 9, told: true}, false, "", false},
		{"count", figure{Got: 1, Unit: count, Must: 1, Aim: 1}, true, "aim met", false},
		{"count too high", figure{Got: 2, Unit: count, Must: 1, Aim: 1}, true, "**missed**", true},
		{"count too low", figure{Got: 0, Unit: count, Must: 1, Aim: 1}, true, "**missed**", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.f.verdict(tt.smoke); got != tt.want {
				t.Errorf("verdict: got %q, want %q", got, tt.want)
			}
			if err := missed([]figure{tt.f}, tt.smoke); (err != nil) != tt.fails {
				t.Errorf("missed: got %v, want an error: %v", err, tt.fails)
			}
		})
	}
}

func TestTableIsMarkdown(t *testing.T) {
	var b strings.Builder
	printTable(&b, []figure{
		{Name: "ratio", Got: 1.25, Unit: "×", Must: 1.3, Aim: 1.1, Detail: "5 µs against 4 µs"},
		{Name: "calls", Got: 1, Unit: count, Must: 1, Aim: 1},
		{Name: "told", Got: 2, Unit: "×", told: true},
	}, false)
	want := strings.Join([]string{
		"| figure | here  | must  | aim   |          | behind it         |",
		"| ------ | ----- | ----- | ----- | -------- | ----------------- |",
		"| ratio  | 1.25× | 1.30× | 1.10× | must met | 5 µs against 4 µs |",
		"| calls  | 1     | 1     |       | aim met  |                   |",
		"| told   | 2.00× |       |       |          |                   |",
		"",
	}, "\n")
	if got := b.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
