{{/* The dashboards that are on, as JSON by name. */}}
{{- define "backup-sentinel.dashboards" -}}
{{- $values := .Values.dashboards -}}
{{- $found := dict -}}
{{- range $path, $_ := .Files.Glob "files/dashboards/*.json" -}}
{{- $name := base $path | trimSuffix ".json" -}}
{{- if not (has $name $values.disabled) -}}
{{- $text := $.Files.Get $path | trim -}}
{{- with $values.statusPage -}}
{{- $text = $text | replace "http://localhost:9950" (trimSuffix "/" .) -}}
{{- end -}}
{{- $_ := set $found $name $text -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}
