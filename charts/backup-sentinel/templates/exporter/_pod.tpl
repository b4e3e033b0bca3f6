{{/* What the pods of Deployment and StatefulSet have in common. */}}
{{- define "backup-sentinel.pod" -}}
{{- $values := .Values -}}
{{- $config := include "backup-sentinel.config" . | fromYaml -}}
{{- $read := ternary $config (pick $config "web" "state" "secrets") $values.restartOnConfigChange -}}
{{- $selector := include "backup-sentinel.selectorLabels" (list . "exporter") | fromYaml -}}
{{- $security := $values.podSecurityContext -}}
{{- if .Capabilities.APIVersions.Has "security.openshift.io/v1" -}}
{{- $security = omit $security "runAsUser" "runAsGroup" "fsGroup" -}}
{{- end -}}
metadata:
  labels:
    {{- include "backup-sentinel.labels" (list . "exporter" $values.podLabels) | nindent 4 }}
  annotations:
    kubectl.kubernetes.io/default-container: exporter
    {{- /* What the exporter reads at start only. It takes the rest of its configuration without a restart. */}}
    checksum/config: {{ toYaml $read | sha256sum }}
    {{- with mergeOverwrite (deepCopy $values.commonAnnotations) $values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "backup-sentinel.serviceAccountName" . }}
  automountServiceAccountToken: {{ $values.serviceAccount.automountServiceAccountToken }}
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
  {{- with include "backup-sentinel.imagePullSecrets" . }}
  imagePullSecrets:
    {{- . | nindent 4 }}
  {{- end }}
  {{- with $values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $security }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.dnsPolicy }}
  dnsPolicy: {{ . }}
  {{- end }}
  {{- with $values.dnsConfig }}
  dnsConfig:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.hostAliases }}
  hostAliases:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: exporter
      image: {{ include "backup-sentinel.image" . | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args:
        - export
        - --config=/etc/backup-sentinel/config/config.yaml
        {{- if gt (int $values.shards) 1 }}
        - --shard=auto/{{ int $values.shards }}
        {{- end }}
        {{- with $values.extraArgs }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      env:
        - name: POD_NAME
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        - name: POD_NAMESPACE
          valueFrom:
            fieldRef:
              fieldPath: metadata.namespace
        {{- with $values.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $values.envFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: http
          containerPort: {{ include "backup-sentinel.port" . }}
          protocol: TCP
      {{- with include "backup-sentinel.probe" (list . $values.livenessProbe "/-/healthy") }}
      livenessProbe:
        {{- . | nindent 8 }}
      {{- end }}
      {{- with include "backup-sentinel.probe" (list . $values.readinessProbe "/-/ready") }}
      readinessProbe:
        {{- . | nindent 8 }}
      {{- end }}
      {{- with include "backup-sentinel.probe" (list . $values.startupProbe "/-/healthy") }}
      startupProbe:
        {{- . | nindent 8 }}
      {{- end }}
      {{- with $values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        {{- /* Folders, not files (subPath): those follow a change. */}}
        - name: config
          mountPath: /etc/backup-sentinel/config
          readOnly: true
        {{- if $values.webConfig.secretName }}
        - name: web
          mountPath: /etc/backup-sentinel/web
          readOnly: true
        {{- end }}
        {{- if $values.webConfig.certificateSecretName }}
        - name: tls
          mountPath: /etc/backup-sentinel/tls
          readOnly: true
        {{- end }}
        - name: tmp
          mountPath: /tmp
        {{- with $values.volumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- with $values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    - name: config
      {{- if eq (include "backup-sentinel.configKind" .) "Secret" }}
      secret:
        secretName: {{ include "backup-sentinel.fullname" . }}
      {{- else }}
      configMap:
        name: {{ include "backup-sentinel.fullname" . }}
      {{- end }}
    {{- with $values.webConfig.secretName }}
    - name: web
      secret:
        secretName: {{ . }}
    {{- end }}
    {{- with $values.webConfig.certificateSecretName }}
    - name: tls
      secret:
        secretName: {{ . }}
    {{- end }}
    - name: tmp
      emptyDir: {}
    {{- with $values.volumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range . }}
    {{- $constraint := hasKey . "labelSelector" | ternary . (set (deepCopy .) "labelSelector" (dict "matchLabels" $selector)) }}
    - {{ toYaml $constraint | nindent 6 | trim }}
    {{- end }}
  {{- end }}
{{- end -}}

{{/*
A probe: (list $ values path). It asks for the path, unless the values name a handler. Who has to show a certificate, or
a password that is not given, can only see whether the port is open.
*/}}
{{- define "backup-sentinel.probe" -}}
{{- $web := (index . 0).Values.webConfig -}}
{{- $probe := index . 1 -}}
{{- if $probe -}}
{{- if not (or $probe.httpGet $probe.tcpSocket $probe.exec $probe.grpc) -}}
{{- if or (eq $web.clients "certificates") (and (eq $web.clients "users") (not $web.probeHeaders)) -}}
{{- $probe = merge (dict "tcpSocket" (dict "port" "http")) (omit $probe "httpGet") -}}
{{- else -}}
{{- $get := dict "path" (index . 2) "port" "http" "scheme" (ternary "HTTPS" "HTTP" $web.tls) -}}
{{- with $web.probeHeaders }}{{ $_ := set $get "httpHeaders" . }}{{ end -}}
{{- $probe = merge (dict "httpGet" $get) (omit $probe "httpGet") -}}
{{- end -}}
{{- end -}}
{{- toYaml $probe -}}
{{- end -}}
{{- end -}}
