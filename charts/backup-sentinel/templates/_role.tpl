{{/*
A role and its binding. "root", "component", "rules" and "accounts", the names of the service accounts, are required; "suffix" of
the name may be given. With a "namespace" it is a Role there, without one a ClusterRole.
*/}}
{{- define "backup-sentinel.role" -}}
{{- $root := .root -}}
{{- $prefix := ternary "" "Cluster" (hasKey . "namespace") -}}
{{- $metadata := include "backup-sentinel.metadata" (dict "root" $root "component" .component "suffix" .suffix "namespace" (default "-" .namespace)) -}}
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
  name: {{ include "backup-sentinel.suffixed" (list $root (default "" .suffix)) }}
subjects:
  {{- range .accounts }}
  - kind: ServiceAccount
    name: {{ . }}
    namespace: {{ include "backup-sentinel.namespace" $root }}
  {{- end }}
{{ end -}}

{{/*
A role wherever a component reads the cluster it runs in: Roles in "home".namespaces, or a ClusterRole. Takes what
"backup-sentinel.role" does, but for the namespace.
*/}}
{{- define "backup-sentinel.homeRole" -}}
{{- $role := . -}}
{{- if and .home.watched .rules -}}
{{- if .home.namespaces -}}
{{- range .home.namespaces }}
{{ include "backup-sentinel.role" (merge (dict "namespace" .) $role) }}
{{- end -}}
{{- else if .root.Values.rbac.useClusterRole }}
{{ include "backup-sentinel.role" $role }}
{{- else -}}
{{- fail (printf "\n\nrbac.useClusterRole is false: say with namespaces or rbac.namespaces where the %s may read." .component) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Whether the cluster of the release is among clusters, and in which namespaces; without any in all: (list $ clusters). */}}
{{- define "backup-sentinel.home" -}}
{{- $clusters := index . 1 -}}
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
{{- with (index . 0).Values.rbac.namespaces -}}{{- $namespaces = . -}}{{- end -}}
{{- dict "watched" $watched "namespaces" ($namespaces | uniq | sortAlpha) | toJson -}}
{{- end -}}

{{/*
What may be read of the operators that are asked for, as a list of rules: (list $ config). Those of profiles in the configuration
follow from it; what is polled is not watched.
*/}}
{{- define "backup-sentinel.operatorRules" -}}
{{- $known := ((index . 0).Files.Get "files/rights.yaml" | fromYaml).operators -}}
{{- $config := index . 1 -}}
{{- $operators := (default dict $config.export).operators -}}
{{- $rules := list -}}
{{- range default (keys $known | sortAlpha) $operators -}}
{{- $rules = concat $rules (default list (index $known .)) -}}
{{- end -}}
{{- range (default dict $config.profiles).inline -}}
{{- if or (not $operators) (has .operator $operators) -}}
{{- range .resources -}}
{{- $verbs := ternary (list "get" "list") (list "get" "list" "watch") (or (not (empty .poll)) (not (empty .aggregated))) -}}
{{- $rules = append $rules (dict "apiGroups" (list (default "" .group)) "resources" (list .plural) "verbs" $verbs) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $rules -}}
{{- end -}}

{{/*
What channels and enrichers need of clusters: (dict "root" $ "config" config "clusters" clusters). The answer says whether any asks a
cluster ("asks"), which ("clusters"; those given are meant unless a unit names its own), and with which "rules".
*/}}
{{- define "backup-sentinel.unitRules" -}}
{{- $root := .root -}}
{{- $config := .config -}}
{{- $clusters := .clusters -}}
{{- $rights := $root.Files.Get "files/rights.yaml" | fromYaml -}}
{{- $relay := default dict $config.relay -}}
{{- $rules := list -}}
{{- $asked := list -}}
{{- $asks := false -}}
{{- range $section := list "channels" "enrichers" -}}
{{- range $unit := default list (index $relay $section) -}}
{{- $known := default dict (index (index $rights $section) $unit.type) -}}
{{- $mine := list -}}
{{- if and $known.operators (not $unit.exporter) -}}
{{- range include "backup-sentinel.operatorRules" (list $root $config) | fromJsonArray -}}
{{- $mine = append $mine (set . "verbs" (list "get" "list")) -}}
{{- end -}}
{{- end -}}
{{- range $known.rights -}}
{{- $on := true -}}
{{- if .when -}}
{{- $on = .default -}}
{{- $held := $unit -}}
{{- range $number, $name := .when -}}
{{- if and (kindIs "map" $held) (hasKey $held $name) -}}
{{- $held = index $held $name -}}
{{- else -}}
{{- $held = "absent" -}}
{{- end -}}
{{- end -}}
{{- if kindIs "bool" $held -}}{{- $on = $held -}}{{- end -}}
{{- end -}}
{{- if $on -}}{{- $mine = append $mine .rule -}}{{- end -}}
{{- end -}}
{{- if $mine -}}
{{- $asks = true -}}
{{- $rules = concat $rules $mine -}}
{{- $asked = concat $asked (default (default (list dict) $clusters) $unit.clusters) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- dict "asks" $asks "rules" ($rules | uniq) "clusters" $asked | toJson -}}
{{- end -}}
