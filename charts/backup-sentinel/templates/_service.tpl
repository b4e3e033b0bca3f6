{{/*
A Service. "root", "component" and "values" are required; "suffix" of the name, "headless" and "pods", the component whose pods it
leads to, may be given.
*/}}
{{- define "backup-sentinel.service" -}}
{{- $service := .values -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "backup-sentinel.metadata" (dict "root" .root "component" .component "suffix" .suffix "labels" $service.labels "annotations" $service.annotations) | nindent 2 }}
spec:
  {{- if .headless }}
  type: ClusterIP
  clusterIP: None
  {{- else }}
  type: {{ $service.type }}
  {{- with $service.clusterIP }}
  clusterIP: {{ . | quote }}
  {{- end }}
  {{- end }}
  {{- with $service.ipFamilyPolicy }}
  ipFamilyPolicy: {{ . }}
  {{- end }}
  {{- with $service.ipFamilies }}
  ipFamilies:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  ports:
    - name: http
      port: {{ int $service.port }}
      targetPort: http
      protocol: TCP
      {{- if and $service.nodePort (not .headless) }}
      nodePort: {{ int $service.nodePort }}
      {{- end }}
  selector:
    {{- include "backup-sentinel.selectorLabels" (list .root (default .component .pods)) | nindent 4 }}
{{- end -}}
