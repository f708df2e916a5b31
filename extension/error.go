package extension

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Error is a call that the Extensions API refused.
type Error struct {
	Call    string // register, next, init/error or exit/error
	Status  int    // HTTP status
	Type    string // errorType of the answer, such as Extension.InvalidEventType; "" if it has none
	Message string // errorMessage of the answer, else the text of the status
}

func (e *Error) Error() string {
	if e.Type == "" {
		return fmt.Sprintf("%s: %d %s", e.Call, e.Status, e.Message)
	}
	return fmt.Sprintf("%s: %d %s: %s", e.Call, e.Status, e.Type, e.Message)
}

// newError makes an Error of an answer, whose body may be anything.
func newError(call string, status int, body []byte) *Error {
	var e struct{ ErrorType, ErrorMessage string }
	_ = json.Unmarshal(body, &e) // not JSON: the status must do
	if e.ErrorMessage == "" {
		e.ErrorMessage = http.StatusText(status)
	}
	return &Error{Call: call, Status: status, Type: e.ErrorType, Message: e.ErrorMessage}
}
