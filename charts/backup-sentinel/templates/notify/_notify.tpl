{{- define "backup-sentinel.notifyName" -}}
{{- include "backup-sentinel.suffixed" (list . "-notify") -}}
{{- end -}}

{{- define "backup-sentinel.notifyAccount" -}}
{{- $account := .Values.notify.serviceAccount -}}
{{- if $account.create -}}
{{- default (include "backup-sentinel.notifyName" .) $account.name -}}
{{- else -}}
{{- default "default" $account.name -}}
{{- end -}}
{{- end -}}

{{/* The configuration: clusters and what to read there from the exporter's, channels and what is told from `notify.config`. */}}
{{- define "backup-sentinel.notifyConfig" -}}
{{- $shared := pick (include "backup-sentinel.config" . | fromYaml) "clusters" "secrets" "profiles" "export" -}}
{{- $config := merge (deepCopy (default dict .Values.notify.config)) $shared -}}
{{- $notify := default dict $config.notify -}}
{{- $record := default dict $notify.record -}}
{{- if and (eq (default "auto" $record.backend) "file") (not $record.path) -}}
{{- fail "\n\nnotify.config.notify.record.backend is file: set path beside it to a file in a folder of a volume (see notify.volumes, notify.volumeMounts), since nothing else can be written to." -}}
{{- end -}}
{{- if and (ne (default "auto" $record.backend) "file") (not $record.name) -}}
{{- /* Two releases in one namespace have a record each. */ -}}
{{- $_ := set $record "name" (printf "%s-sent" (include "backup-sentinel.fullname" .)) -}}
{{- $_ = set $notify "record" $record -}}
{{- $_ = set $config "notify" $notify -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}
