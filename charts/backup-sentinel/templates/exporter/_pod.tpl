{{/* What the pods of Deployment and StatefulSet have in common. */}}
{{- define "backup-sentinel.exporterPod" -}}
{{- $values := .Values -}}
{{- $config := include "backup-sentinel.config" . | fromYaml -}}
{{- /* What the exporter reads at start only. It takes the rest of its configuration without a restart. */ -}}
{{- $read := ternary $config (pick $config "web" "state" "secrets") $values.restartOnConfigChange -}}
{{- $args := list "export" "--config=/etc/backup-sentinel/config/config.yaml" -}}
{{- if gt (int $values.shards) 1 -}}
{{- $args = append $args (printf "--shard=auto/%d" (int $values.shards)) -}}
{{- end -}}
{{- $name := include "backup-sentinel.fullname" . -}}
{{- $held := dict "configMap" (dict "name" $name) -}}
{{- if eq (include "backup-sentinel.configKind" .) "Secret" -}}
{{- $held = dict "secret" (dict "secretName" $name) -}}
{{- end -}}
{{- include "backup-sentinel.pod" (dict
      "root" .
      "component" "exporter"
      "values" $values
      "args" $args
      "port" (include "backup-sentinel.port" (list "config.web.listen" (default ":9950" (default dict $config.web).listen)))
      "account" (include "backup-sentinel.serviceAccountName" .)
      "token" $values.serviceAccount.automountServiceAccountToken
      "config" $held
      "checksum" $read) -}}
{{- end -}}
