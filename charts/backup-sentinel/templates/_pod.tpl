{{/*
The pods of a component. "root", "component", "values", "args", "account", "token" (whether the account's is mounted) and "config",
the source of the volume with the configuration file, are required. With a "port" it is asked for its health; "checksum" is what
restarts it; "mounts", "volumes", "env" and "envFrom" are beside those of the values; "restartPolicy" is that of a Job.
*/}}
{{- define "backup-sentinel.pod" -}}
{{- $root := .root -}}
{{- $component := .component -}}
{{- $values := .values -}}
{{- $web := default dict $values.webConfig -}}
{{- $shared := $root.Values -}}
{{- $selector := include "backup-sentinel.selectorLabels" (list $root $component) | fromYaml -}}
{{- $security := $shared.podSecurityContext -}}
{{- if $root.Capabilities.APIVersions.Has "security.openshift.io/v1" -}}
{{- $security = omit (default dict $security) "runAsUser" "runAsGroup" "fsGroup" -}}
{{- end -}}
metadata:
  labels:
    {{- include "backup-sentinel.labels" (list $root $component $values.podLabels) | nindent 4 }}
  annotations:
    kubectl.kubernetes.io/default-container: {{ $component }}
    {{- with .checksum }}
    checksum/config: {{ toYaml . | sha256sum }}
    {{- end }}
    {{- with mergeOverwrite (deepCopy (default dict $shared.commonAnnotations)) (default dict $values.podAnnotations) }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ .account }}
  automountServiceAccountToken: {{ .token }}
  enableServiceLinks: false
  {{- with .restartPolicy }}
  restartPolicy: {{ . }}
  {{- end }}
  terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
  {{- with include "backup-sentinel.imagePullSecrets" $root }}
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
  {{- with $shared.dnsPolicy }}
  dnsPolicy: {{ . }}
  {{- end }}
  {{- with $shared.dnsConfig }}
  dnsConfig:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $shared.hostAliases }}
  hostAliases:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ $component }}
      image: {{ include "backup-sentinel.image" $root | quote }}
      imagePullPolicy: {{ $shared.image.pullPolicy }}
      args:
        {{- toYaml (concat .args (default list $values.extraArgs)) | nindent 8 }}
      env:
        - name: POD_NAME
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        - name: POD_NAMESPACE
          valueFrom:
            fieldRef:
              fieldPath: metadata.namespace
        {{- with concat (default list .env) (default list $values.env) }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with concat (default list .envFrom) (default list $values.envFrom) }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if .port }}
      ports:
        - name: http
          containerPort: {{ .port }}
          protocol: TCP
      {{- with include "backup-sentinel.probe" (list $web $values.livenessProbe "/-/healthy") }}
      livenessProbe:
        {{- . | nindent 8 }}
      {{- end }}
      {{- with include "backup-sentinel.probe" (list $web $values.readinessProbe "/-/ready") }}
      readinessProbe:
        {{- . | nindent 8 }}
      {{- end }}
      {{- with include "backup-sentinel.probe" (list $web $values.startupProbe "/-/healthy") }}
      startupProbe:
        {{- . | nindent 8 }}
      {{- end }}
      {{- end }}
      {{- with $values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $shared.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        {{- /* Folders, not files (subPath): those follow a change. */}}
        - name: config
          mountPath: /etc/backup-sentinel/config
          readOnly: true
        {{- if $web.secretName }}
        - name: web
          mountPath: /etc/backup-sentinel/web
          readOnly: true
        {{- end }}
        {{- if $web.certificateSecretName }}
        - name: tls
          mountPath: /etc/backup-sentinel/tls
          readOnly: true
        {{- end }}
        - name: tmp
          mountPath: /tmp
        {{- with concat (default list .mounts) (default list $values.volumeMounts) }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- with $values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    - name: config
      {{- toYaml .config | nindent 6 }}
    {{- with $web.secretName }}
    - name: web
      secret:
        secretName: {{ . }}
    {{- end }}
    {{- with $web.certificateSecretName }}
    - name: tls
      secret:
        secretName: {{ . }}
    {{- end }}
    - name: tmp
      emptyDir: {}
    {{- with concat (default list .volumes) (default list $values.volumes) }}
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
A probe: (list webConfig values path). It asks for the path, unless the values name a handler. Who has to show a certificate,
or a password that is not given, can only see whether the port is open.
*/}}
{{- define "backup-sentinel.probe" -}}
{{- $web := index . 0 -}}
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

{{/* Volumes of Secrets, and where they are mounted; takes their names. */}}
{{- define "backup-sentinel.secrets" -}}
{{- $mounts := list -}}
{{- $volumes := list -}}
{{- range $number, $name := . -}}
{{- $volume := printf "secret-%d" $number -}}
{{- $volumes = append $volumes (dict "name" $volume "secret" (dict "secretName" $name)) -}}
{{- $mounts = append $mounts (dict "name" $volume "mountPath" (printf "/etc/backup-sentinel/secrets/%s" $name) "readOnly" true) -}}
{{- end -}}
{{- dict "mounts" $mounts "volumes" $volumes | toJson -}}
{{- end -}}
