{{/* How a component is scraped: (list webConfig monitor). */}}
{{- define "backup-sentinel.endpoint" -}}
{{- $web := index . 0 -}}
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
{{- if $web.tls }}
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

{{/* Which pods or Services are scraped, and within which limits: (list $ monitor "exporter"). */}}
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
    {{- include "backup-sentinel.selectorLabels" (list $root (index . 2)) | nindent 4 }}
{{- end -}}

{{/* How the relay is scraped: as the exporter, but for what is its own. It has a job of its own, too: (list $ monitor). */}}
{{- define "backup-sentinel.relayMonitor" -}}
{{- $root := index . 0 -}}
{{- $own := $root.Values.relay.monitor -}}
{{- $job := dict "targetLabel" "job" "replacement" (printf "%s-relay" (include "backup-sentinel.name" $root)) -}}
{{- $monitor := omit (index . 1) "tlsConfig" "basicAuth" "authorization" -}}
{{- $relabelings := append (default list $monitor.relabelings) $job -}}
{{- $changes := dict "tlsConfig" $own.tlsConfig "basicAuth" $own.basicAuth "authorization" $own.authorization "relabelings" $relabelings -}}
{{- merge $changes $monitor | toYaml -}}
{{- end -}}
