package main

import (
	"encoding/json"
	"io"

	"github.com/spf13/cobra"
)

// printJSON prints v as one document, every character as it is.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// errorOutput is what every document has when the command failed.
type errorOutput struct {
	Error string `json:"error,omitempty"`
}

func because(err error) errorOutput {
	if err == nil {
		return errorOutput{}
	}
	return errorOutput{err.Error()}
}

// printedError is an error whose document is out already.
type printedError struct{ error }

func (e printedError) Unwrap() error { return e.error }

// printed prints the document of a command that may have failed.
func printed(c *cobra.Command, document any, failure error) error {
	if err := printJSON(c.OutOrStdout(), document); err != nil || failure == nil {
		return err
	}
	return printedError{failure}
}

// wantsJSON reports whether whoever called reads standard output as JSON.
func wantsJSON(c *cobra.Command) bool {
	short, _ := c.Flags().GetBool("json")
	format, _ := c.Flags().GetString("output")
	return short || format == formatJSON
}
