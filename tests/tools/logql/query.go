// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/grafana/dskit/user"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/grafana/loki/v3/pkg/iter"
	"github.com/grafana/loki/v3/pkg/logproto"
	"github.com/grafana/loki/v3/pkg/logql"
	"github.com/grafana/loki/v3/pkg/logql/log"
	"github.com/grafana/loki/v3/pkg/logql/syntax"
	"github.com/grafana/loki/v3/pkg/logqlmodel"
)

// question is an instant query over the streams that stand in it. Times are Unix seconds.
type question struct {
	Expression string   `json:"expression"`
	Time       float64  `json:"time"`
	Streams    []stream `json:"streams"`
}

type stream struct {
	Labels  map[string]string `json:"labels"`
	Entries []entry           `json:"entries"`
}

type entry struct {
	Time float64 `json:"time"`
	Line string  `json:"line"`
	// Metadata is what Loki calls structured metadata.
	Metadata map[string]string `json:"metadata"`
}

// answer is a sample of a metric query, or a line of a log query with the labels it ended with.
type answer struct {
	Labels map[string]string `json:"labels"`
	Value  *float64          `json:"value,omitempty"`
	Line   string            `json:"line,omitempty"`
}

func query(in io.Reader) ([]answer, error) {
	var asked question
	if err := json.NewDecoder(in).Decode(&asked); err != nil {
		return nil, fmt.Errorf("stdin is not a question in JSON: %w", err)
	}
	at := instant(asked.Time)
	expression, err := syntax.ParseExpr(asked.Expression)
	if err != nil {
		return nil, err
	}
	// A log query looks back from its time; a metric query has its ranges.
	start := at
	if kind(expression) == "logs" {
		start = time.Unix(0, 0)
	}
	params, err := logql.NewLiteralParams(asked.Expression, start, at, 0, 0, logproto.FORWARD, 5000, nil, nil)
	if err != nil {
		return nil, err
	}
	ctx := user.InjectOrgID(context.Background(), "test")
	engine := logql.NewEngine(logql.EngineOpts{}, memory(asked.Streams), logql.NoLimits, nil)
	result, err := engine.Query(params).Exec(ctx)
	if err != nil {
		return nil, err
	}
	answers := []answer{}
	switch data := result.Data.(type) {
	case promql.Vector:
		for _, sample := range data {
			answers = append(answers, answer{Labels: sample.Metric.Map(), Value: &sample.F})
		}
	case logqlmodel.Streams:
		for _, found := range data {
			parsed, err := syntax.ParseLabels(found.Labels)
			if err != nil {
				return nil, err
			}
			for _, line := range found.Entries {
				answers = append(answers, answer{Labels: parsed.Map(), Line: line.Line})
			}
		}
	default:
		return nil, fmt.Errorf("neither samples nor lines: %T", data)
	}
	return answers, nil
}

func instant(seconds float64) time.Time { return time.Unix(0, int64(seconds*1e9)).UTC() }

// memory serves streams to the engine, as ingesters and stores do.
type memory []stream

func (m memory) matching(matchers []*labels.Matcher) []stream {
	var found []stream
next:
	for _, one := range m {
		for _, matcher := range matchers {
			if !matcher.Matches(one.Labels[matcher.Name]) {
				continue next
			}
		}
		found = append(found, one)
	}
	return found
}

// SelectLogs returns the lines that pass the pipeline of a log query.
func (m memory) SelectLogs(_ context.Context, request logql.SelectLogParams) (iter.EntryIterator, error) {
	selector, err := request.LogSelector()
	if err != nil {
		return nil, err
	}
	pipeline, err := selector.Pipeline()
	if err != nil {
		return nil, err
	}
	found := map[string]*logproto.Stream{}
	for _, one := range m.matching(selector.Matchers()) {
		stages := pipeline.ForStream(labels.FromMap(one.Labels))
		for _, e := range one.Entries {
			at := instant(e.Time)
			line, result, ok := stages.Process(at.UnixNano(), []byte(e.Line), labels.FromMap(e.Metadata))
			if !ok || at.Before(request.Start) || !at.Before(request.End) {
				continue
			}
			name := result.String()
			if found[name] == nil {
				found[name] = &logproto.Stream{Labels: name}
			}
			found[name].Entries = append(found[name].Entries, logproto.Entry{Timestamp: at, Line: string(line)})
		}
	}
	iterators := make([]iter.EntryIterator, 0, len(found))
	for _, one := range found {
		iterators = append(iterators, iter.NewStreamIterator(*one))
	}
	return iter.NewSortEntryIterator(iterators, request.Direction), nil
}

// SelectSamples returns the samples that a metric query extracts.
func (m memory) SelectSamples(_ context.Context, request logql.SelectSampleParams) (iter.SampleIterator, error) {
	selector, err := request.LogSelector()
	if err != nil {
		return nil, err
	}
	expression, err := request.Expr()
	if err != nil {
		return nil, err
	}
	extractors, err := expression.Extractors()
	if err != nil {
		return nil, err
	}
	found := map[string]*logproto.Series{}
	for _, one := range m.matching(selector.Matchers()) {
		for _, extractor := range extractors {
			extract(found, extractor, one)
		}
	}
	series := make([]logproto.Series, 0, len(found))
	for _, one := range found {
		sort.Sort(one)
		series = append(series, *one)
	}
	return iter.NewTimeRangedSampleIterator(
		iter.NewMultiSeriesIterator(series), request.Start.UnixNano(), request.End.UnixNano()+1,
	), nil
}

func extract(found map[string]*logproto.Series, extractor log.SampleExtractor, one stream) {
	stages := extractor.ForStream(labels.FromMap(one.Labels))
	for number, e := range one.Entries {
		at := instant(e.Time).UnixNano()
		samples, ok := stages.Process(at, []byte(e.Line), labels.FromMap(e.Metadata))
		if !ok {
			continue
		}
		for _, sample := range samples {
			name := sample.Labels.String()
			if found[name] == nil {
				found[name] = &logproto.Series{Labels: name, StreamHash: stages.BaseLabels().Hash()}
			}
			found[name].Samples = append(found[name].Samples, logproto.Sample{
				Timestamp: at, Value: sample.Value, Hash: xxhash.Sum64String(fmt.Sprint(number, e.Line)),
			})
		}
	}
}
