package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
)

// benchmark is the JSON of scripts/bench.
type benchmark struct {
	Go, Arch, CPU string
	CPUs          int
	Time          time.Time
	Smoke         bool
	Figures       []figure
	Hits          []hits
	Starts        []start
}

type figure struct {
	Name, Unit, Detail, Verdict string
	Got, Must, Aim              float64
}

type hits struct {
	Connections int
	Ours, Bare  throughput
}

type throughput struct {
	P50, P99, CPU float64 // µs
	Second        float64
	Latency       []float64 // percentiles in steps of a half, µs
}

type start struct {
	Secrets                            int
	Before, Calls, Publish, Ready, All float64 // ms
}

func (p *page) addBenchmark(b benchmark) error {
	if b.Smoke {
		return errors.New("these are figures of --smoke, which are no measurement")
	}
	if len(b.Figures) == 0 || len(b.Hits) == 0 || len(b.Starts) == 0 {
		return errors.New("no figures")
	}
	p.chartHits(b.Hits)
	p.chartStarts(b.Starts)
	return errors.Join(
		p.replace("machine", b.machine()),
		p.replace("figures", b.table()),
		p.replace("hits", hitTable(b.Hits)),
		p.replace("starts", startTable(b.Starts)),
	)
}

func (b benchmark) machine() string {
	return fmt.Sprintf("Measured on %s with %s on linux/%s: %d CPUs, %s.",
		b.Time.Format("2 January 2006"), b.Go, b.Arch, b.CPUs, cmp.Or(b.CPU, "of an unknown model"))
}

// table has all figures but those of hits, which have their own.
func (b benchmark) table() string {
	rows := [][]string{{"figure", "here", "must", "aim", "behind it"}}
	for _, f := range b.Figures {
		if strings.HasPrefix(f.Name, "hit,") || strings.HasPrefix(f.Name, "from hit to hit") {
			continue
		}
		must, aim := f.spell(f.Must), f.spell(f.Aim)
		if f.Verdict == "told" {
			must = ""
		}
		if f.Must == f.Aim {
			aim = ""
		}
		rows = append(rows, []string{f.Name, f.spell(f.Got), must, aim, f.Detail})
	}
	return table(rows)
}

func (f figure) spell(v float64) string {
	switch f.Unit {
	case "calls":
		return whole(v)
	case "×":
		return fmt.Sprintf("%.2f×", v)
	}
	return digits(v) + " " + f.Unit
}

func hitTable(all []hits) string {
	rows := [][]string{{"connections", "", "p50", "p99", "requests per second", "CPU per request"}}
	for _, h := range all {
		n, o, b := fmt.Sprint(h.Connections), h.Ours, h.Bare
		rows = append(rows, o.row(n, "this layer"), b.row("", "bare `net/http`"), []string{
			"", "ratio", ratio(o.P50, b.P50), ratio(o.P99, b.P99), ratio(o.Second, b.Second), ratio(o.CPU, b.CPU),
		})
	}
	return table(rows)
}

func (t throughput) row(first, name string) []string {
	return []string{first, name, digits(t.P50) + " µs", digits(t.P99) + " µs", whole(t.Second), digits(t.CPU) + " µs"}
}

func ratio(a, b float64) string { return fmt.Sprintf("**%.2f×**", a/b) }

func startTable(all []start) string {
	rows := [][]string{{"secrets", "exec to first call", "calls", "file and registration", "first `next`", "all"}}
	for _, s := range all {
		rows = append(rows, []string{fmt.Sprint(s.Secrets), digits(s.Before) + " ms", digits(s.Calls) + " ms", digits(s.Publish) + " ms", digits(s.Ready) + " ms", digits(s.All) + " ms"})
	}
	return table(rows)
}

func (p *page) chartHits(all []hits) {
	latency := chart{
		Title: "Latency of a read from memory", Subtitle: "share of requests that are answered within a time; every connection asks again as soon as it has its answer",
		Kind: "line", X: axis{Label: "microseconds", Log: true}, Y: axis{Label: "share of requests (%)", Min: new(0.0), Max: new(100.0)},
	}
	cpu := chart{
		Title: "CPU time of a read from memory", Subtitle: "of the process that answers, in user and kernel mode",
		Kind: "bars", Values: true, Y: axis{Label: "microseconds for each request"}, X: axis{Label: "connections"},
		Series: []series{{Name: "this layer"}, {Name: "bare net/http handler"}},
	}
	for i, h := range all {
		connections := fmt.Sprintf("%d connections", h.Connections)
		if h.Connections == 1 {
			connections = "1 connection"
		}
		latency.Series = append(latency.Series,
			distribution("this layer, "+connections, h.Ours.Latency, i+1, false),
			distribution("bare net/http, "+connections, h.Bare.Latency, i+1, true))
		cpu.X.Categories = append(cpu.X.Categories, fmt.Sprint(h.Connections))
		cpu.Series[0].Y = append(cpu.Series[0].Y, h.Ours.CPU)
		cpu.Series[1].Y = append(cpu.Series[1].Y, h.Bare.CPU)
	}
	p.charts["hit-latency"], p.charts["hit-cpu"] = latency, cpu
}

// distribution leaves out the slowest half percent: it would take half of the chart.
func distribution(name string, percentiles []float64, color int, dash bool) series {
	s := series{Name: name, Color: color, Dash: dash}
	for i, v := range percentiles[:len(percentiles)-1] {
		s.X, s.Y = append(s.X, v), append(s.Y, float64(i)/float64(len(percentiles)-1)*100)
	}
	return s
}

func (p *page) chartStarts(all []start) {
	c := chart{
		Title: "Cold start, from exec to the first call for an event", Subtitle: "medians; Secrets Manager is a fake that answers after 10 ms, and the layer has 8 connections to it",
		Kind: "stacked", X: axis{Label: "secrets to load"}, Y: axis{Label: "milliseconds"},
		Series: []series{{Name: "process, configuration, endpoint"}, {Name: "calls to Secrets Manager"}, {Name: "dotenv file, registration"}, {Name: "first event/next"}},
	}
	for _, s := range all {
		c.X.Categories = append(c.X.Categories, fmt.Sprint(s.Secrets))
		for i, part := range []float64{s.Before, s.Calls, s.Publish, s.Ready} {
			c.Series[i].Y = append(c.Series[i].Y, part)
		}
	}
	p.charts["cold-start"] = c
}
