{{/* The exporter's configuration: `config`, and what the chart's own values add to it. */}}
{{- define "backup-sentinel.config" -}}
{{- $config := deepCopy (default dict .Values.config) -}}
{{- if or .Values.clusterName .Values.namespaces -}}
{{- if $config.clusters -}}
{{- fail "\n\nclusterName and namespaces are short for a list config.clusters with one entry, and config.clusters is given. Write them there." -}}
{{- end -}}
{{- $cluster := dict -}}
{{- with .Values.clusterName }}{{ $_ := set $cluster "name" . }}{{ end -}}
{{- with .Values.namespaces }}{{ $_ := set $cluster "namespaces" . }}{{ end -}}
{{- $_ := set $config "clusters" (list (set $cluster "in_cluster" true)) -}}
{{- end -}}
{{- $config = include "backup-sentinel.withWeb" (dict "config" $config "web" .Values.webConfig "path" "") | fromYaml -}}
{{- $state := default dict $config.state -}}
{{- if and (eq (default "auto" $state.backend) "file") (not $state.path) -}}
{{- fail "\n\nconfig.state.backend is file: set config.state.path to a folder of a volume (see volumes, volumeMounts), since nothing else can be written to." -}}
{{- end -}}
{{- if and (has (default "auto" $state.backend) (list "auto" "configmap")) (not $state.name) -}}
{{- /* Two releases in one namespace have a state each. */ -}}
{{- $_ := set $config "state" (set $state "name" (printf "%s-state" (include "backup-sentinel.fullname" .))) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* What the relay takes over of the exporter's configuration: where the clusters are, and which operators they have. */}}
{{- define "backup-sentinel.shared" -}}
{{- $config := include "backup-sentinel.config" . | fromYaml -}}
{{- $shared := pick $config "clusters" "profiles" -}}
{{- with (default dict $config.export).operators -}}
{{- $_ := set $shared "export" (dict "operators" .) -}}
{{- end -}}
{{- toYaml $shared -}}
{{- end -}}

{{/*
A configuration with the file that "web" says, as YAML. "path" stands before the names of values in errors.
*/}}
{{- define "backup-sentinel.withWeb" -}}
{{- $config := .config -}}
{{- $web := default dict $config.web -}}
{{- if .web.secretName -}}
{{- if $web.config_file -}}
{{- fail (printf "\n\n%swebConfig.secretName sets %sconfig.web.config_file, which is given too. Leave one of them out." .path .path) -}}
{{- end -}}
{{- $_ := set $config "web" (set $web "config_file" (printf "/etc/backup-sentinel/web/%s" .web.key)) -}}
{{- end -}}
{{- if and (or .web.tls (ne .web.clients "anonymous")) (not $web.config_file) -}}
{{- fail (printf "\n\n%swebConfig.tls and %swebConfig.clients describe a web configuration file, and there is none. Set %swebConfig.secretName." .path .path .path) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* A Secret if there is a token in the configuration. */}}
{{- define "backup-sentinel.configKind" -}}
{{- $kind := "ConfigMap" -}}
{{- range (default dict .Values.config).clusters -}}
{{- if or .token (contains "@" (default "" .proxy_url)) -}}{{- $kind = "Secret" -}}{{- end -}}
{{- end -}}
{{- $kind -}}
{{- end -}}

{{/* The port of an address: (list "value" address). */}}
{{- define "backup-sentinel.port" -}}
{{- $port := regexFind "[0-9]+$" (index . 1) | int -}}
{{- if eq $port 0 -}}
{{- fail (printf "\n\n%s is %q: the Service and the probes need a port that is known." (index . 0) (index . 1)) -}}
{{- end -}}
{{- $port -}}
{{- end -}}
