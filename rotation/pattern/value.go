package pattern

import (
	"encoding/json"
	"strconv"
	"strings"
)

// value is a string, a number, true, false or null.
type value struct {
	text     string // the string itself; of others their spelling
	isString bool
	isNumber bool

	// number is the value of a number that a float64 has exactly, as far as its
	// shortest spelling goes. Others, such as 0.12345678901234567890, cannot be
	// compared: they only match their own spelling.
	number     float64
	comparable bool
}

func valueOf(token json.Token) value {
	switch t := token.(type) {
	case string:
		return value{text: t, isString: true}
	case json.Number:
		v := value{text: t.String(), isNumber: true}
		v.number, v.comparable = float(v.text)
		return v
	case bool:
		return value{text: strconv.FormatBool(t)}
	default:
		return value{text: "null"}
	}
}

// float returns the value of a JSON number, and whether it lost nothing.
func float(text string) (float64, bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, false
	}
	digits, exponent, ok := decimal(text)
	shortest, shortestExponent, _ := decimal(strconv.FormatFloat(f, 'e', -1, 64))
	return f, ok && digits == shortest && exponent == shortestExponent
}

// decimal takes a number apart so that the same value has the same parts: its
// digits without zeros at the ends, and the power of ten of the last digit. Zero
// has no digits. The sign is left out.
func decimal(text string) (digits string, exponent int, ok bool) {
	mantissa, power, hasPower := strings.Cut(strings.ToLower(text), "e")
	if hasPower {
		var err error
		if exponent, err = strconv.Atoi(power); err != nil {
			return "", 0, false
		}
	}
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(mantissa, "-"), ".")
	digits = whole + fraction
	exponent -= len(fraction)
	trimmed := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(trimmed)
	if digits = strings.TrimLeft(trimmed, "0"); digits == "" {
		exponent = 0
	}
	return digits, exponent, true
}
