{{/* How the exporter is scraped: (list $ .Values.serviceMonitor). */}}
{{- define "backup-sentinel.endpoint" -}}
{{- $root := index . 0 -}}
{{- $monitor := index . 1 -}}
port: http
path: /metrics
honorLabels: {{ $monitor.honorLabels }}
honorTimestamps: {{ $monitor.honorTimestamps }}
{{- with $monitor.interval }}
interval: {{ . }}
{{- end }}
{{- with $monitor.scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
{{- with $monitor.proxyUrl }}
proxyUrl: {{ . }}
{{- end }}
{{- if $root.Values.webConfig.tls }}
scheme: https
tlsConfig:
  {{- toYaml (default (dict "insecureSkipVerify" true) $monitor.tlsConfig) | nindent 2 }}
{{- end }}
{{- with $monitor.basicAuth }}
basicAuth:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $monitor.authorization }}
authorization:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $monitor.relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $monitor.metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Which pods or Services are scraped, and within which limits: the same list. */}}
{{- define "backup-sentinel.targets" -}}
{{- $root := index . 0 -}}
{{- $monitor := index . 1 -}}
{{- with $monitor.jobLabel }}
jobLabel: {{ . }}
{{- end }}
{{- with $monitor.podTargetLabels }}
podTargetLabels:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- range list "sampleLimit" "targetLimit" "labelLimit" "labelNameLengthLimit" "labelValueLengthLimit" }}
{{- $limit := int64 (index $monitor .) }}
{{- if $limit }}
{{ . }}: {{ $limit }}
{{- end }}
{{- end }}
namespaceSelector:
  matchNames:
    - {{ include "backup-sentinel.namespace" $root }}
selector:
  matchLabels:
    {{- include "backup-sentinel.selectorLabels" (list $root "exporter") | nindent 4 }}
{{- end -}}
