// SPDX-License-Identifier: Apache-2.0

// Command logql checks LogQL with the parser of Loki, rule files with the loader of its ruler, and evaluates
// expressions over log lines with its engine.
//
//	logql parse          JSON array of expressions on stdin; JSON array of results on stdout
//	logql rules FILE...  JSON array of complaints on stdout
//	logql query          JSON {"expression", "time", "streams"} on stdin; JSON result on stdout
//
// It ends with 1 if an expression or a file is wrong, and with 2 if it cannot read its input.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	var result any
	var wrong bool
	var err error
	switch command, arguments := words(); command {
	case "parse":
		result, wrong, err = parse(os.Stdin)
	case "rules":
		result, wrong = checkRules(arguments)
	case "query":
		result, err = query(os.Stdin)
	default:
		err = fmt.Errorf("usage: logql parse | rules FILE... | query")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "logql:", err)
		os.Exit(2)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		fmt.Fprintln(os.Stderr, "logql:", err)
		os.Exit(2)
	}
	if wrong {
		os.Exit(1)
	}
}

func words() (string, []string) {
	if len(os.Args) < 2 {
		return "", nil
	}
	return os.Args[1], os.Args[2:]
}
