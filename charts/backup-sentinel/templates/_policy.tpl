{{/* A PodDisruptionBudget: "root", "component" and "values" are required; "suffix" of the name may be given. */}}
{{- define "backup-sentinel.podDisruptionBudget" -}}
{{- with .values -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "backup-sentinel.metadata" (dict "root" $.root "component" $.component "suffix" $.suffix) | nindent 2 }}
spec:
  {{- if ne (toString .minAvailable) "" }}
  minAvailable: {{ .minAvailable }}
  {{- else }}
  maxUnavailable: {{ .maxUnavailable }}
  {{- end }}
  {{- if and .unhealthyPodEvictionPolicy (semverCompare ">=1.26-0" $.root.Capabilities.KubeVersion.Version) }}
  unhealthyPodEvictionPolicy: {{ .unhealthyPodEvictionPolicy }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "backup-sentinel.selectorLabels" (list $.root $.component) | nindent 6 }}
{{- end -}}
{{- end -}}

{{/*
A NetworkPolicy: "root" and "component" are required; "suffix" of the name may be given. Who may connect to the port is said by
"ingress", nobody without it; "egress" is a list of rules besides DNS, and null for no limit.
*/}}
{{- define "backup-sentinel.networkPolicy" -}}
{{- $limited := kindIs "slice" .egress -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "backup-sentinel.metadata" (dict "root" .root "component" .component "suffix" .suffix) | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "backup-sentinel.selectorLabels" (list .root .component) | nindent 6 }}
  policyTypes:
    - Ingress
    {{- if $limited }}
    - Egress
    {{- end }}
  {{- with .ingress }}
  ingress:
    - ports:
        - port: http
          protocol: TCP
      {{- with .from }}
      from:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    {{- with .extra }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  {{- if $limited }}
  egress:
    - ports:
        {{- range .root.Values.networkPolicy.egress.dnsPorts }}
        - port: {{ int . }}
          protocol: UDP
        - port: {{ int . }}
          protocol: TCP
        {{- end }}
    {{- with .egress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end -}}

{{/* The rule for API servers, from `networkPolicy.egress` and the addresses in the configurations. */}}
{{- define "backup-sentinel.apiServerEgress" -}}
{{- $numbers := list -}}
{{- range .Values.networkPolicy.egress.ports -}}
{{- $numbers = append $numbers (int .) -}}
{{- end -}}
{{- range list .Values.config .Values.relay.config -}}
{{- range (default dict .).clusters -}}
{{- range list .api_url .proxy_url -}}
{{- with regexFind ":[0-9]+/?$" (default "" .) -}}
{{- $numbers = append $numbers (regexFind "[0-9]+" . | int) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $ports := list -}}
{{- range uniq $numbers -}}
{{- $ports = append $ports (dict "port" . "protocol" "TCP") -}}
{{- end -}}
{{- $rule := dict "ports" $ports -}}
{{- with .Values.networkPolicy.egress.to }}{{ $_ := set $rule "to" . }}{{ end -}}
{{- toJson $rule -}}
{{- end -}}
