{{/* A PrometheusRule: (list $ "suffix of the name" groups). */}}
{{- define "backup-sentinel.prometheusRule" -}}
{{- $root := index . 0 -}}
{{- $rule := $root.Values.prometheusRule -}}
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  {{- include "backup-sentinel.metadata" (dict "root" $root "component" "rules" "suffix" (index . 1) "namespace" $rule.namespace "labels" $rule.additionalLabels "annotations" $rule.annotations) | nindent 2 }}
spec:
  groups:
    {{- toYaml (index . 2) | nindent 4 }}
{{ end -}}
