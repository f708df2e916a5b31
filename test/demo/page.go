package main

import (
	"fmt"
	"os"
	"time"
)

// page prints the story. Lines marked ok state what has just been checked.
type page struct {
	out      *os.File
	bold, no string // the terminal's sequences; empty where there is none
	chapters int
}

func newPage(out *os.File) *page {
	p := &page{out: out}
	info, err := out.Stat()
	if err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" {
		p.bold, p.no = "\x1b[1m", "\x1b[0m"
	}
	return p
}

func (p *page) chapter(title string) {
	p.chapters++
	fmt.Fprintf(p.out, "\n%s%d. %s%s\n", p.bold, p.chapters, title, p.no)
}

func (p *page) text(format string, args ...any) {
	fmt.Fprintf(p.out, format+"\n", args...)
}

func (p *page) indented(format string, args ...any) {
	fmt.Fprintf(p.out, "       "+format+"\n", args...)
}

// holds states a fact, and what was found.
func (p *page) holds(found, fact string, args ...any) {
	fmt.Fprintf(p.out, "   ok  %-70s %16s\n", fmt.Sprintf(fact, args...), found)
}

// ms spells a duration in milliseconds.
func ms(d time.Duration) string {
	v := float64(d) / float64(time.Millisecond)
	switch {
	case v < 10:
		return fmt.Sprintf("%.2f ms", v)
	case v < 1000:
		return fmt.Sprintf("%.0f ms", v)
	}
	return fmt.Sprintf("%.2f s", v/1000)
}
