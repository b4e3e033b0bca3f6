// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/grafana/loki/v3/pkg/logql/syntax"
	"github.com/grafana/loki/v3/pkg/logqlmodel"
)

// parsed is what the parser says of one expression.
type parsed struct {
	Expression string `json:"expression"`
	// Kind is "logs" or "metric"; empty if the expression is wrong.
	Kind string `json:"kind,omitempty"`
	// Text is the expression as Loki writes it.
	Text  string `json:"text,omitempty"`
	Error string `json:"error,omitempty"`
}

func parse(in io.Reader) ([]parsed, bool, error) {
	var expressions []string
	if err := json.NewDecoder(in).Decode(&expressions); err != nil {
		return nil, false, fmt.Errorf("stdin is not a JSON array of expressions: %w", err)
	}
	results, wrong := make([]parsed, 0, len(expressions)), false
	for _, text := range expressions {
		result := parsed{Expression: text}
		expression, err := syntax.ParseExpr(text)
		if err == nil {
			result.Text = expression.String()
			result.Kind = kind(expression)
			// The parser leaves regular expressions and formats of pipelines to be read when they are run.
			err = compile(expression)
		}
		if err != nil {
			result.Error, wrong = explain(err), true
		}
		results = append(results, result)
	}
	return results, wrong, nil
}

func kind(expression syntax.Expr) string {
	if _, ok := expression.(syntax.LogSelectorExpr); ok {
		return "logs"
	}
	return "metric"
}

func compile(expression syntax.Expr) error {
	switch known := expression.(type) {
	case syntax.LogSelectorExpr:
		_, err := known.Pipeline()
		return err
	case syntax.SampleExpr:
		_, err := known.Extractors()
		return err
	}
	return nil
}

func explain(err error) string {
	var parseError logqlmodel.ParseError
	if errors.As(err, &parseError) {
		return parseError.Error()
	}
	return err.Error()
}
