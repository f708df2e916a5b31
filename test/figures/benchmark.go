package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/aws-secretsmanager/lambda-extension/test/bench/record"
	"github.com/aws-secretsmanager/lambda-extension/test/chart"
	"github.com/aws-secretsmanager/lambda-extension/test/markdown"
)

func (p *page) addBenchmark(b record.Report) error {
	if b.Smoke {
		return errors.New("these are figures of --smoke, which are no measurement")
	}
	if len(b.Figures) == 0 || len(b.Hits) == 0 || len(b.Starts) == 0 {
		return errors.New("no figures")
	}
	p.chartHits(b.Hits)
	p.chartStarts(b.Starts)
	return errors.Join(
		p.replace("machine", machine(b)),
		p.replace("figures", figureTable(b.Figures)),
		p.replace("hits", hitTable(b.Hits)),
		p.replace("starts", startTable(b.Starts)),
	)
}

func machine(b record.Report) string {
	return fmt.Sprintf("Measured on %s with %s on linux/%s: %d CPUs, %s.",
		b.Time.Format("2 January 2006"), b.Go, b.Arch, b.CPUs, cmp.Or(b.CPU, "of an unknown model"))
}

// figureTable has all figures but those of hits, which have their own.
func figureTable(figures []record.Figure) string {
	rows := [][]string{{"figure", "here", "must", "aim", "behind it"}}
	for _, f := range figures {
		if strings.HasPrefix(f.Name, "hit,") || strings.HasPrefix(f.Name, "from hit to hit") {
			continue
		}
		must, aim := spell(f.Unit, f.Must), spell(f.Unit, f.Aim)
		if f.Verdict == record.Told {
			must = ""
		}
		if f.Must == f.Aim {
			aim = ""
		}
		rows = append(rows, []string{f.Name, spell(f.Unit, f.Got), must, aim, f.Detail})
	}
	return table(rows)
}

func spell(unit string, v float64) string {
	switch unit {
	case record.Calls:
		return markdown.Whole(v)
	case "×":
		return fmt.Sprintf("%.2f×", v)
	}
	return digits(v) + " " + unit
}

const ofRatios = "A ratio, here and in the table above, is the median of the ratios of all rounds, and need not be the ratio of the two\n" +
	"medians beside it."

func hitTable(all []record.Hits) string {
	rows := [][]string{{"connections", "", "p50", "p99", "requests per second", "CPU per request"}}
	for _, h := range all {
		n := fmt.Sprint(h.Connections)
		rows = append(rows, hitRow(n, "this layer", h.Ours), hitRow("", "bare `net/http`", h.Bare), []string{
			"", "ratio", bold(h.Ratio.P50), bold(h.Ratio.P99), bold(h.Ratio.Second), bold(h.Ratio.CPU),
		})
	}
	return table(rows) + "\n" + ofRatios
}

func hitRow(first, name string, t record.Throughput) []string {
	return []string{first, name, digits(t.P50) + " µs", digits(t.P99) + " µs", markdown.Whole(t.Second), digits(t.CPU) + " µs"}
}

func bold(ratio float64) string { return fmt.Sprintf("**%.2f×**", ratio) }

func startTable(all []record.Start) string {
	rows := [][]string{{"secrets", "exec to first call", "calls", "file and registration", "first `next`", "all"}}
	for _, s := range all {
		rows = append(rows, []string{fmt.Sprint(s.Secrets), digits(s.Before) + " ms", digits(s.Calls) + " ms", digits(s.Publish) + " ms", digits(s.Ready) + " ms", digits(s.All) + " ms"})
	}
	return table(rows)
}

func (p *page) chartHits(all []record.Hits) {
	latency := chart.Chart{
		Title: "Latency of a read from memory", Subtitle: "share of requests that are answered within a time; every connection asks again as soon as it has its answer",
		Kind: "line", X: chart.Axis{Label: "microseconds", Log: true}, Y: chart.Axis{Label: "share of requests (%)", Min: new(0.0), Max: new(100.0)},
	}
	cpu := chart.Chart{
		Title: "CPU time of a read from memory", Subtitle: "of the process that answers, in user and kernel mode",
		Kind: "bars", Values: true, Y: chart.Axis{Label: "microseconds for each request"}, X: chart.Axis{Label: "connections"},
		Series: []chart.Series{{Name: "this layer"}, {Name: "bare net/http handler"}},
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
func distribution(name string, percentiles []float64, color int, dash bool) chart.Series {
	s := chart.Series{Name: name, Color: color, Dash: dash}
	for i, v := range percentiles[:len(percentiles)-1] {
		s.X, s.Y = append(s.X, v), append(s.Y, float64(i)/float64(len(percentiles)-1)*100)
	}
	return s
}

func (p *page) chartStarts(all []record.Start) {
	c := chart.Chart{
		Title: "Cold start, from exec to the first call for an event", Subtitle: "medians; Secrets Manager is a fake that answers after 10 ms, and the layer has 8 connections to it",
		Kind: "stacked", X: chart.Axis{Label: "secrets to load"}, Y: chart.Axis{Label: "milliseconds"},
		Series: []chart.Series{{Name: "process, configuration, endpoint"}, {Name: "calls to Secrets Manager"}, {Name: "dotenv file, registration"}, {Name: "first event/next"}},
	}
	for _, s := range all {
		c.X.Categories = append(c.X.Categories, fmt.Sprint(s.Secrets))
		for i, part := range []float64{s.Before, s.Calls, s.Publish, s.Ready} {
			c.Series[i].Y = append(c.Series[i].Y, part)
		}
	}
	p.charts["cold-start"] = c
}
