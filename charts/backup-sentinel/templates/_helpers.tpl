{{/* The name of the chart. */}}
{{- define "backup-sentinel.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/*
The full name of the release. It leaves room for the suffixes of resources, of at most 63 characters together. A release may have
dots in its name, a Service may not.
*/}}
{{- define "backup-sentinel.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | replace "." "-" | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | replace "." "-" | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
The full name with a suffix: (list $ "-relay"). Of workloads it has at most 52 characters, which is what a CronJob may have, and
what a StatefulSet may have so that the hash of a revision fits into a label behind it.
*/}}
{{- define "backup-sentinel.suffixed" -}}
{{- $fullname := include "backup-sentinel.fullname" (index . 0) -}}
{{- $suffix := index . 1 -}}
{{- $name := printf "%s%s" $fullname $suffix -}}
{{- if and (has $suffix (list "-relay" "-notify")) (gt (len $name) 52) -}}
{{- $left := sub 43 (len $suffix) | int -}}
{{- $name = printf "%s-%s%s" (trunc $left $fullname | trimSuffix "-") (sha256sum $fullname | trunc 8) $suffix -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{- define "backup-sentinel.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{- define "backup-sentinel.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "backup-sentinel.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "backup-sentinel.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* Labels that never change and tell the components apart: (list $ "exporter"). */}}
{{- define "backup-sentinel.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "backup-sentinel.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* All labels of a component: (list $ "exporter"), and a map of further ones. */}}
{{- define "backup-sentinel.labels" -}}
{{- $root := index . 0 -}}
{{- $labels := dict
      "helm.sh/chart" (include "backup-sentinel.chart" $root)
      "app.kubernetes.io/managed-by" $root.Release.Service
      "app.kubernetes.io/part-of" (include "backup-sentinel.name" $root)
      "app.kubernetes.io/version" (trunc 63 $root.Chart.AppVersion) -}}
{{- $labels = mergeOverwrite $labels (deepCopy (default dict $root.Values.commonLabels)) -}}
{{- if gt (len .) 2 -}}
{{- $labels = mergeOverwrite $labels (deepCopy (default dict (index . 2))) -}}
{{- end -}}
{{- toYaml (mergeOverwrite $labels (include "backup-sentinel.selectorLabels" . | fromYaml)) -}}
{{- end -}}

{{/*
The metadata of a resource. "root" and "component" are required; "suffix" of the name or the whole "name", "namespace", "labels" and
"annotations" may be given. A "namespace" of "-" is for what belongs to none.
*/}}
{{- define "backup-sentinel.metadata" -}}
{{- $root := .root -}}
{{- $annotations := mergeOverwrite (deepCopy (default dict $root.Values.commonAnnotations)) (deepCopy (default dict .annotations)) -}}
name: {{ default (include "backup-sentinel.suffixed" (list $root (default "" .suffix))) .name }}
{{- if ne (default "" .namespace) "-" }}
namespace: {{ default (include "backup-sentinel.namespace" $root) .namespace }}
{{- end }}
labels:
  {{- include "backup-sentinel.labels" (list $root .component (default dict .labels)) | nindent 2 }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "backup-sentinel.image" -}}
{{- $registry := default .Values.image.registry (default dict .Values.global).imageRegistry -}}
{{- with $registry }}{{ . | trimSuffix "/" }}/{{ end -}}
{{- .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- with .Values.image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{- define "backup-sentinel.imagePullSecrets" -}}
{{- range concat (default list (default dict .Values.global).imagePullSecrets) (default list .Values.imagePullSecrets) }}
{{- if kindIs "map" . }}
- {{ toYaml . | nindent 2 | trim }}
{{- else }}
- name: {{ . }}
{{- end }}
{{- end }}
{{- end -}}
