// SPDX-License-Identifier: Apache-2.0

// Package v2 stands in for Grafana's types of schema v2 (see README.md beside go.mod). It has what the linter
// names, and refuses to read any dashboard: those here are of the classic schema.
package v2

import "errors"

// DashboardVariableRefresh says when a variable's values are fetched.
type DashboardVariableRefresh string

// The values that the linter compares with.
const (
	DashboardVariableRefreshOnDashboardLoad    DashboardVariableRefresh = "onDashboardLoad"
	DashboardVariableRefreshOnTimeRangeChanged DashboardVariableRefresh = "onTimeRangeChanged"
)

type (
	// DashboardSpec is a dashboard. It cannot be read.
	DashboardSpec struct {
		Title       string
		Editable    *bool
		Elements    map[string]DashboardElement
		Variables   []DashboardVariableKind
		Annotations []DashboardAnnotationQueryKind
	}
	DashboardElement   struct{ PanelKind *DashboardPanelKind }
	DashboardPanelKind struct{ Spec DashboardPanelSpec }
	DashboardPanelSpec struct {
		Id          float64
		Title       string
		Description string
		VizConfig   struct {
			Group string
			Spec  struct{ FieldConfig, Options any }
		}
		Data struct {
			Spec struct{ Queries []DashboardPanelQueryKind }
		}
	}
	DashboardPanelQueryKind struct {
		Spec struct {
			RefId  string
			Hidden bool
			Query  DashboardDataQueryKind
		}
	}
	DashboardDataQueryKind struct {
		Group      string
		Datasource *struct{ Name *string }
		Spec       map[string]any
	}
	DashboardAnnotationQueryKind struct {
		Spec struct {
			Name  string
			Query DashboardDataQueryKind
		}
	}
	DashboardVariableKind struct {
		QueryVariableKind      *variable[DashboardDataQueryKind]
		DatasourceVariableKind *variable[string]
		CustomVariableKind     *variable[string]
		IntervalVariableKind   *variable[string]
		ConstantVariableKind   *variable[string]
		TextVariableKind       *variable[string]
		AdhocVariableKind      *variable[string]
		GroupByVariableKind    *variable[string]
		SwitchVariableKind     *variable[string]
	}
)

type variable[Query any] struct {
	Spec struct {
		Name     string
		Label    *string
		Multi    bool
		AllValue *string
		Refresh  DashboardVariableRefresh
		PluginId string
		Query    Query
	}
}

// UnmarshalJSON refuses a dashboard of schema v2, so that none passes without having been linted.
func (*DashboardSpec) UnmarshalJSON([]byte) error {
	return errors.New("this build of dashboard-linter reads dashboards of the classic schema only")
}
