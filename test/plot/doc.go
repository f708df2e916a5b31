// Command plot draws charts as SVG files.
//
//	go run -C test/plot . OUTFOLDER FILE.json...
//
// makes OUTFOLDER/FILE.svg of each FILE.json. Relative paths start at test/plot,
// because of -C. The same JSON gives the same bytes, so that a chart in the
// repository changes only when its numbers do. This is a module of its own: the
// library that draws is none of the layer's dependencies.
//
// A chart is
//
//	{
//	  "title": "Latency of a hit",
//	  "subtitle": "200,000 requests each",
//	  "kind": "line",
//	  "x": {"label": "microseconds", "log": true},
//	  "y": {"label": "share of requests (%)", "max": 100},
//	  "series": [
//	    {"name": "this layer", "x": [20, 30, 90], "y": [0, 50, 100]},
//	    {"name": "bare net/http", "x": [18, 26, 80], "y": [0, 50, 100], "dash": true}
//	  ],
//	  "marks": [{"axis": "x", "at": 50, "label": "50 µs"}],
//	  "note": "Loopback, keep-alive."
//	}
//
// A kind of "line" joins the points, "step" holds each y until the next x, "bars"
// puts the series of a category side by side and "stacked" on top of each other,
// with their sum above. The last two have no x in their series: the axis names the
// categories, as {"label": "secrets", "categories": ["1", "5", "20"]}, and every
// series has one y for each. Their values stand above the bars with "values": true.
//
// An axis runs from 0 or, for x, for a logarithm and for values below 0, from the
// least value to the greatest one; "min" and "max" say otherwise, and what lies
// outside is cut off, but for bars, which must fit. "ticks" lists where the labels
// stand. A mark is a dashed line across the chart at a value of the axis "x" or "y". A
// series takes the colours in turn, or the one with the number that "color" has, from
// 1 to 7; "dash" tells two of one colour apart, "dots" shows its points. "width" and
// "height" are in points, 720 and 400 if they are absent. What else a file has, and
// numbers that cannot be drawn, are errors.
package main
