{{- define "backup-sentinel.relayName" -}}
{{- include "backup-sentinel.suffixed" (list . "-relay") -}}
{{- end -}}

{{- define "backup-sentinel.relayAccount" -}}
{{- $account := .Values.relay.serviceAccount -}}
{{- if $account.create -}}
{{- default (include "backup-sentinel.relayName" .) $account.name -}}
{{- else -}}
{{- default "default" $account.name -}}
{{- end -}}
{{- end -}}

{{/* The relay's configuration: `relay.config`, and what the chart's own values add to it. */}}
{{- define "backup-sentinel.relayConfig" -}}
{{- $relay := .Values.relay -}}
{{- $given := default dict $relay.config -}}
{{- if $relay.configSecretName -}}
{{- if $relay.webConfig.secretName -}}
{{- fail "\n\nrelay.webConfig.secretName cannot be written into the file of relay.configSecretName. Mount the Secret with relay.volumes, and name it there as web.config_file." -}}
{{- end -}}
{{- if omit $given "web" -}}
{{- fail "\n\nrelay.config has no effect beside relay.configSecretName, but for web.listen. Leave one of them out." -}}
{{- end -}}
{{- toYaml $given -}}
{{- else -}}
{{- $config := deepCopy $given -}}
{{- if (include "backup-sentinel.relayAsking" . | fromJson).asks -}}
{{- $config = merge $config (include "backup-sentinel.shared" . | fromYaml) -}}
{{- end -}}
{{- include "backup-sentinel.withWeb" (dict "config" $config "web" $relay.webConfig "path" "relay.") -}}
{{- end -}}
{{- end -}}

{{/* What the relay asks of clusters, as "backup-sentinel.unitRules" says it, and which of it at "home". */}}
{{- define "backup-sentinel.relayAsking" -}}
{{- $config := merge (deepCopy (default dict .Values.relay.config)) (include "backup-sentinel.shared" . | fromYaml) -}}
{{- $asking := include "backup-sentinel.unitRules" (dict "root" . "config" $config "clusters" $config.clusters) | fromJson -}}
{{- $clusters := ternary $asking.clusters $config.clusters $asking.asks -}}
{{- set $asking "home" (include "backup-sentinel.home" (list . $clusters) | fromJson) | toJson -}}
{{- end -}}

{{/* Whether the relay's pod has a token of its account. */}}
{{- define "backup-sentinel.relayToken" -}}
{{- $given := .Values.relay.serviceAccount.automountServiceAccountToken -}}
{{- $asking := include "backup-sentinel.relayAsking" . | fromJson -}}
{{- $needed := and $asking.home.watched (or $asking.rules .Values.relay.rbac.extraRules) -}}
{{- ternary $given (not (empty $needed)) (kindIs "bool" $given) -}}
{{- end -}}

{{- define "backup-sentinel.relayListen" -}}
{{- default ":9951" (default dict (default dict .Values.relay.config).web).listen -}}
{{- end -}}

{{/* Where the relay is asked for by others in the cluster. */}}
{{- define "backup-sentinel.relayURL" -}}
{{- ternary "https" "http" .Values.relay.webConfig.tls }}://{{ include "backup-sentinel.relayName" . }}.{{ include "backup-sentinel.namespace" . }}.svc:{{ int .Values.relay.service.port }}/alertmanager
{{- end -}}

{{- define "backup-sentinel.relayPod" -}}
{{- $relay := .Values.relay -}}
{{- $config := include "backup-sentinel.relayConfig" . | fromYaml -}}
{{- $listen := include "backup-sentinel.relayListen" . -}}
{{- $outbox := default "/var/lib/backup-sentinel/relay.db" (default dict (default dict $config.relay).outbox).path -}}
{{- $mounts := list (dict "name" "outbox" "mountPath" (dir $outbox)) -}}
{{- $volumes := list -}}
{{- if not $relay.persistence.enabled -}}
{{- $volumes = append $volumes (dict "name" "outbox" "emptyDir" dict) -}}
{{- else if $relay.persistence.existingClaim -}}
{{- $volumes = append $volumes (dict "name" "outbox" "persistentVolumeClaim" (dict "claimName" $relay.persistence.existingClaim)) -}}
{{- end -}}
{{- $secrets := include "backup-sentinel.secrets" $relay.secrets | fromJson -}}
{{- $held := dict "secretName" (include "backup-sentinel.relayName" .) -}}
{{- if $relay.configSecretName -}}
{{- $item := dict "key" $relay.configSecretKey "path" "config.yaml" -}}
{{- $held = dict "secretName" $relay.configSecretName "items" (list $item) -}}
{{- end -}}
{{- include "backup-sentinel.pod" (dict
      "root" .
      "component" "relay"
      "values" $relay
      "args" (list "relay" "--config=/etc/backup-sentinel/config/config.yaml" (printf "--listen=%s" $listen))
      "port" (include "backup-sentinel.port" (list "relay.config.web.listen" $listen))
      "account" (include "backup-sentinel.relayAccount" .)
      "token" (include "backup-sentinel.relayToken" .)
      "config" (dict "secret" $held)
      "checksum" (ternary dict $config (ne $relay.configSecretName ""))
      "mounts" (concat $mounts $secrets.mounts)
      "volumes" (concat $volumes $secrets.volumes)) -}}
{{- end -}}
