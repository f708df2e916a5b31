package endpoint

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestCasesInTheDocs wants each case that docs/compatibility.md names to be here.
func TestCasesInTheDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	here := map[string]bool{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(b, -1) {
			here[string(m[1])] = true
		}
	}
	named := regexp.MustCompile("`(Test\\w+)`").FindAllSubmatch(page, -1)
	if len(named) < 20 {
		t.Errorf("the page names %d cases", len(named))
	}
	for _, m := range named {
		if !here[string(m[1])] {
			t.Errorf("the page names %s, which is not here", m[1])
		}
	}
}
