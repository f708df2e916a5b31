// Package reserved tells the tests of the clients which variables no secret sets.
package reserved

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"
)

// Names returns, as JSON, the names that the extension sets no variable of, and one
// name of each family: its beginning with an X. They are read from the sources,
// variables/reserved.go under root.
func Names(t testing.TB, root string) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), root+"/variables/reserved.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for variable, suffix := range map[string]string{"reservedNames": "", "reservedFamilies": "X"} {
		object := file.Scope.Lookup(variable)
		if object == nil {
			t.Fatalf("there is no %s any more", variable)
		}
		ast.Inspect(object.Decl.(ast.Node), func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				name, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, name+suffix)
			}
			return true
		})
	}
	list, err := json.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	return string(list)
}
