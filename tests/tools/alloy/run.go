// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"gopkg.in/yaml.v2"

	"github.com/grafana/loki/v3/clients/pkg/logentry/stages"
	"github.com/grafana/loki/v3/clients/pkg/promtail/api"
	"github.com/grafana/loki/v3/pkg/logproto"
)

type job struct {
	// Stages are those of a pipeline of Promtail.
	Stages  []any   `json:"stages"`
	Entries []entry `json:"entries"`
}

type entry struct {
	Labels map[string]string `json:"labels"`
	Line   string            `json:"line"`
	// Time is RFC 3339; where an entry has none it is the zero time.
	Time time.Time `json:"time"`
	// Metadata is what Loki calls structured metadata.
	Metadata map[string]string `json:"metadata"`
}

func run(in io.Reader) ([]entry, error) {
	var asked job
	if err := json.NewDecoder(in).Decode(&asked); err != nil {
		return nil, fmt.Errorf("stdin is not a job in JSON: %w", err)
	}
	text, err := yaml.Marshal(asked.Stages)
	if err != nil {
		return nil, err
	}
	var configured stages.PipelineStages
	if err := yaml.Unmarshal(text, &configured); err != nil {
		return nil, err
	}
	name := "test"
	pipeline, err := stages.NewPipeline(log.NewNopLogger(), configured, &name, prometheus.NewRegistry())
	if err != nil {
		return nil, err
	}
	lines := make(chan stages.Entry)
	go func() {
		defer close(lines)
		for _, one := range asked.Entries {
			known := model.LabelSet{}
			for key, value := range one.Labels {
				known[model.LabelName(key)] = model.LabelValue(value)
			}
			lines <- stages.Entry{
				Extracted: map[string]any{},
				Entry:     api.Entry{Labels: known, Entry: logproto.Entry{Timestamp: one.Time, Line: one.Line}},
			}
		}
	}()
	found := []entry{}
	for one := range pipeline.Run(lines) {
		labels, metadata := map[string]string{}, map[string]string{}
		for key, value := range one.Labels {
			labels[string(key)] = string(value)
		}
		for _, pair := range one.StructuredMetadata {
			metadata[pair.Name] = pair.Value
		}
		found = append(found, entry{Labels: labels, Line: one.Line, Time: one.Timestamp, Metadata: metadata})
	}
	return found, nil
}
