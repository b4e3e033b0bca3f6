// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/template"
	"go.yaml.in/yaml/v3"

	"github.com/grafana/loki/v3/pkg/logql/syntax"
)

// checkRules returns what Loki's ruler refuses in rule files. The ruler's own loader is not used: it brings all stores of
// Loki, which take minutes to compile. The structure is the one it reads, and the conditions are those of its ValidateGroups.
func checkRules(files []string) ([]string, bool) {
	complaints := []string{}
	for _, file := range files {
		for _, err := range checkFile(file) {
			complaints = append(complaints, fmt.Sprintf("%s: %v", file, err))
		}
	}
	return complaints, len(complaints) > 0
}

func checkFile(file string) []error {
	content, err := os.ReadFile(file)
	if err != nil {
		return []error{err}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	var groups rulefmt.RuleGroups
	if err := decoder.Decode(&groups); err != nil {
		return []error{err}
	}
	if len(groups.Groups) == 0 {
		return []error{fmt.Errorf("no groups")}
	}
	var errs []error
	seen := map[string]bool{}
	for number, group := range groups.Groups {
		if group.Name == "" {
			errs = append(errs, fmt.Errorf("group %d has no name", number))
		}
		if seen[group.Name] {
			errs = append(errs, fmt.Errorf("group %q comes twice", group.Name))
		}
		seen[group.Name] = true
		for _, rule := range group.Rules {
			for _, err := range checkRule(rule) {
				errs = append(errs, fmt.Errorf("group %q, rule %q: %w", group.Name, rule.Alert+rule.Record, err))
			}
		}
	}
	return errs
}

func checkRule(rule rulefmt.Rule) []error {
	var errs []error
	refuse := func(format string, arguments ...any) { errs = append(errs, fmt.Errorf(format, arguments...)) }
	if (rule.Record == "") == (rule.Alert == "") {
		refuse("one of record and alert must be set")
	}
	switch expression, err := syntax.ParseExpr(rule.Expr); {
	case err != nil:
		refuse("%w", err)
	case kind(expression) != "metric":
		refuse("a rule needs a metric query, not one for log lines")
	default:
		if err := compile(expression); err != nil {
			refuse("%w", err)
		}
	}
	if rule.Record != "" {
		if len(rule.Annotations) > 0 || rule.For != 0 {
			refuse("a recording rule has neither annotations nor for")
		}
		if !model.LegacyValidation.IsValidMetricName(rule.Record) {
			refuse("not the name of a metric")
		}
	}
	for name, value := range rule.Labels {
		if !model.LegacyValidation.IsValidLabelName(name) || name == model.MetricNameLabel {
			refuse("not the name of a label: %s", name)
		}
		if err := checkTemplate(value); err != nil {
			refuse("label %s: %w", name, err)
		}
	}
	for name, value := range rule.Annotations {
		if !model.LegacyValidation.IsValidLabelName(name) {
			refuse("not the name of an annotation: %s", name)
		}
		if err := checkTemplate(value); err != nil {
			refuse("annotation %s: %w", name, err)
		}
	}
	return errs
}

func checkTemplate(text string) error {
	data := template.AlertTemplateData(map[string]string{}, map[string]string{}, "", promql.Sample{})
	head := "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$value := .Value}}"
	return template.NewTemplateExpander(
		context.Background(), head+text, "text", data, model.TimeFromUnixNano(time.Now().UnixNano()), nil, nil, nil,
	).ParseTest()
}
