{{/* The exporter's configuration: `config`, and what the chart's own values add to it. */}}
{{- define "backup-sentinel.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $web := default dict $config.web -}}
{{- if or .Values.clusterName .Values.namespaces -}}
{{- if $config.clusters -}}
{{- fail "\n\nclusterName and namespaces are short for a list config.clusters with one entry, and config.clusters is given. Write them there." -}}
{{- end -}}
{{- $cluster := dict -}}
{{- with .Values.clusterName }}{{ $_ := set $cluster "name" . }}{{ end -}}
{{- with .Values.namespaces }}{{ $_ := set $cluster "namespaces" . }}{{ end -}}
{{- $_ := set $config "clusters" (list (set $cluster "in_cluster" true)) -}}
{{- end -}}
{{- if .Values.webConfig.secretName -}}
{{- if $web.config_file -}}
{{- fail "\n\nwebConfig.secretName sets config.web.config_file, which is given too. Leave one of them out." -}}
{{- end -}}
{{- $_ := set $config "web" (set $web "config_file" (printf "/etc/backup-sentinel/web/%s" .Values.webConfig.key)) -}}
{{- end -}}
{{- if and (or .Values.webConfig.tls (ne .Values.webConfig.clients "anonymous")) (not $web.config_file) -}}
{{- fail "\n\nwebConfig.tls and webConfig.clients describe a web configuration file, and there is none. Set webConfig.secretName." -}}
{{- end -}}
{{- $state := default dict $config.state -}}
{{- if and (eq (default "auto" $state.backend) "file") (not $state.path) -}}
{{- fail "\n\nconfig.state.backend is file: set config.state.path to a folder of a volume (see volumes, volumeMounts), since nothing else can be written to." -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* A Secret if there is a token in the configuration. */}}
{{- define "backup-sentinel.configKind" -}}
{{- $kind := "ConfigMap" -}}
{{- range .Values.config.clusters -}}
{{- if or .token (contains "@" (default "" .proxy_url)) -}}{{- $kind = "Secret" -}}{{- end -}}
{{- end -}}
{{- $kind -}}
{{- end -}}

{{/* The port the exporter listens on. */}}
{{- define "backup-sentinel.port" -}}
{{- $listen := default ":9950" (default dict .Values.config.web).listen -}}
{{- $port := regexFind "[0-9]+$" $listen | int -}}
{{- if eq $port 0 -}}
{{- fail (printf "\n\nconfig.web.listen is %q: the Service and the probes need a port that is known." $listen) -}}
{{- end -}}
{{- $port -}}
{{- end -}}

{{/* Whether the exporter watches the cluster it runs in, and in which namespaces; without any in all. */}}
{{- define "backup-sentinel.home" -}}
{{- $clusters := default list (include "backup-sentinel.config" . | fromYaml).clusters -}}
{{- $watched := empty $clusters -}}
{{- $all := $watched -}}
{{- $namespaces := list -}}
{{- range $clusters -}}
{{- if or .in_cluster (not (or .kubeconfig .context .api_url)) -}}
{{- $watched = true -}}
{{- if .namespaces -}}{{- $namespaces = concat $namespaces .namespaces -}}{{- else -}}{{- $all = true -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- if $all -}}{{- $namespaces = list -}}{{- end -}}
{{- if .Values.rbac.namespaces -}}{{- $namespaces = .Values.rbac.namespaces -}}{{- end -}}
{{- dict "watched" $watched "namespaces" ($namespaces | uniq | sortAlpha) | toJson -}}
{{- end -}}
