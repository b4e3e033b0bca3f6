{{/*
A role and its binding to the exporter's account. "root" and "rules" are required; "suffix" of the name may be given. With
a "namespace" it is a Role there, without one a ClusterRole.
*/}}
{{- define "backup-sentinel.role" -}}
{{- $prefix := ternary "" "Cluster" (hasKey . "namespace") -}}
{{- $metadata := include "backup-sentinel.metadata" (dict "root" .root "component" "exporter" "suffix" .suffix "namespace" (default "-" .namespace)) -}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $prefix }}Role
metadata:
  {{- $metadata | nindent 2 }}
rules:
  {{- toYaml .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $prefix }}RoleBinding
metadata:
  {{- $metadata | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $prefix }}Role
  name: {{ include "backup-sentinel.fullname" .root }}{{ .suffix }}
subjects:
  - kind: ServiceAccount
    name: {{ include "backup-sentinel.serviceAccountName" .root }}
    namespace: {{ include "backup-sentinel.namespace" .root }}
{{ end -}}
