// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"github.com/grafana/alloy/syntax/ast"
	"github.com/grafana/alloy/syntax/parser"
	"github.com/grafana/alloy/syntax/printer"
	"github.com/grafana/alloy/syntax/vm"
)

// configuration is what stands in a file.
type configuration struct {
	// Formatted says whether the file is as Alloy's formatter writes it.
	Formatted bool    `json:"formatted"`
	Blocks    []block `json:"blocks"`
	// References are names with a dot, such as loki.write.default.receiver, and where they stand.
	References []reference `json:"references"`
}

type block struct {
	Name       string               `json:"name"`
	Label      string               `json:"label,omitempty"`
	Line       int                  `json:"line"`
	Attributes map[string]attribute `json:"attributes"`
	Blocks     []block              `json:"blocks"`
}

type attribute struct {
	Text string `json:"text"`
	// Value is there where the expression needs no other component and no function of Alloy.
	Value any `json:"value,omitempty"`
}

type reference struct {
	Name string `json:"name"`
	Line int    `json:"line"`
}

func parse(name string) (*configuration, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(name, content)
	if err != nil {
		return nil, err
	}
	var written bytes.Buffer
	if err := printer.Fprint(&written, file); err != nil {
		return nil, err
	}
	seen := &references{}
	ast.Walk(seen, file)
	blocks, attributes := body(file.Body)
	if len(attributes) > 0 {
		return nil, fmt.Errorf("%s: a setting stands outside of all blocks", name)
	}
	return &configuration{
		Formatted:  strings.TrimSpace(written.String()) == strings.TrimSpace(string(content)),
		Blocks:     blocks,
		References: seen.found,
	}, nil
}

func body(statements ast.Body) ([]block, map[string]attribute) {
	blocks, attributes := []block{}, map[string]attribute{}
	for _, statement := range statements {
		switch known := statement.(type) {
		case *ast.BlockStmt:
			inner, settings := body(known.Body)
			blocks = append(blocks, block{
				Name:       strings.Join(known.Name, "."),
				Label:      known.Label,
				Line:       ast.StartPos(known).Position().Line,
				Attributes: settings,
				Blocks:     inner,
			})
		case *ast.AttributeStmt:
			var text bytes.Buffer
			if err := printer.Fprint(&text, known.Value); err != nil {
				panic(err)
			}
			var value any
			if err := vm.New(known.Value).Evaluate(vm.NewScope(map[string]any{}), &value); err != nil {
				value = nil
			}
			attributes[known.Name.Name] = attribute{Text: text.String(), Value: value}
		}
	}
	return blocks, attributes
}

type references struct{ found []reference }

// Visit collects the longest dotted names.
func (r *references) Visit(node ast.Node) ast.Visitor {
	access, ok := node.(*ast.AccessExpr)
	if !ok {
		return r
	}
	name, ok := dotted(access)
	if !ok {
		return r
	}
	r.found = append(r.found, reference{Name: name, Line: ast.StartPos(access).Position().Line})
	return nil
}

func dotted(expression ast.Expr) (string, bool) {
	switch known := expression.(type) {
	case *ast.IdentifierExpr:
		return known.Ident.Name, true
	case *ast.AccessExpr:
		head, ok := dotted(known.Value)
		return head + "." + known.Name.Name, ok
	}
	return "", false
}
