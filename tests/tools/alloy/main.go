// SPDX-License-Identifier: Apache-2.0

// Command alloy reads configurations with the parser of Grafana Alloy, and runs stages on log lines.
//
//	alloy parse FILE  what stands in a configuration, as JSON
//	alloy run         JSON {"stages", "entries"} on stdin; the entries that come out, as JSON
//
// It is not Alloy: a configuration is read but not started. The stages are those of Promtail, from which those of Alloy's
// loki.process were taken.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	var result any
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "parse":
		result, err = parse(os.Args[2])
	case len(os.Args) == 2 && os.Args[1] == "run":
		result, err = run(os.Stdin)
	default:
		err = fmt.Errorf("usage: alloy parse FILE | run")
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "alloy:", err)
		os.Exit(1)
	}
}
