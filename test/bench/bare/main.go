// Command bare is what a cold start is compared with: an extension that registers
// and waits for events, and does nothing else.
package main

import (
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2020-01-01/extension"
	id := call(http.MethodPost, base+"/register", `{"events":["INVOKE","SHUTDOWN"]}`, "Lambda-Extension-Name", filepath.Base(os.Args[0]))
	for {
		call(http.MethodGet, base+"/event/next", "", "Lambda-Extension-Identifier", id)
	}
}

func call(method, url, body, header, value string) (id string) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set(header, value)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		log.Fatal(res.Status)
	}
	return res.Header.Get("Lambda-Extension-Identifier")
}
