// SPDX-License-Identifier: Apache-2.0

// Program dashboard-schema checks dashboards against the schema that Grafana publishes for the classic model, by way
// of the code that Grafana generates from it: fields, types, required fields, and the options of each kind of panel
// and query, where a field that the schema does not know is a mistake. Values of enumerations are not checked.
//
// Usage: dashboard-schema FILE...
//
// Each mistake is a line on standard error; the exit code is 1 if there was one.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	plugins.RegisterDefaultPlugins()
	failed := len(os.Args) < 2
	for _, path := range os.Args[1:] {
		for _, problem := range check(path) {
			failed = true
			fmt.Fprintf(os.Stderr, "%s: %s\n", path, problem)
		}
	}
	if failed {
		os.Exit(1)
	}
}

// check returns the mistakes in a dashboard.
func check(path string) []string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return []string{err.Error()}
	}
	var board dashboard.Dashboard
	if problems := lines(board.UnmarshalJSONStrict(raw)); len(problems) > 0 {
		return problems
	}
	problems := lines(board.Validate())
	var loose struct{ Panels []json.RawMessage }
	if err := json.Unmarshal(raw, &loose); err != nil {
		return append(problems, err.Error())
	}
	return append(problems, panels(loose.Panels)...)
}

// lines returns one text for each error that was joined or collected.
func lines(err error) []string {
	if err == nil {
		return nil
	}
	return slices.DeleteFunc(strings.Split(err.Error(), "\n"), func(line string) bool { return line == "" })
}

// panels returns the panels of unknown kinds, whose options cannot be checked, and the mistakes in the configuration
// of fields, which the generated code for panels reads less strictly than it could.
func panels(raw []json.RawMessage) []string {
	var problems []string
	for _, text := range raw {
		var panel struct {
			Type, Title string
			FieldConfig json.RawMessage
			Panels      []json.RawMessage
		}
		if err := json.Unmarshal(text, &panel); err != nil {
			problems = append(problems, err.Error())
			continue
		}
		if panel.Type == "row" {
			problems = append(problems, panels(panel.Panels)...)
			continue
		}
		if _, known := cog.ConfigForPanelcfgVariant(panel.Type); !known {
			problems = append(problems, fmt.Sprintf("panel %q is of the unknown kind %q", panel.Title, panel.Type))
		}
		var fields dashboard.FieldConfigSource
		for _, problem := range lines(fields.UnmarshalJSONStrict(panel.FieldConfig)) {
			problems = append(problems, fmt.Sprintf("panel %q: fieldConfig.%s", panel.Title, problem))
		}
	}
	return problems
}
