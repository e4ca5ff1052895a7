{{/* All names start with the release's: two releases fit into one namespace. */}}
{{- define "todo.name" -}}
{{- if contains "todo" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-todo" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* Those below take a dict: root ($), part ("backend" or "frontend"). */}}
{{- define "todo.partName" -}}{{ include "todo.name" .root }}-{{ .part }}{{- end }}

{{- define "todo.selector" -}}
app.kubernetes.io/name: todo-{{ .part }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "todo.partLabels" -}}
{{ include "todo.selector" . }}
{{ include "todo.labels" .root }}
{{- end }}

{{- define "todo.labels" -}}
app.kubernetes.io/part-of: todo-chatbot
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "todo.image" -}}
{{- with index .root.Values .part }}{{ .image.name }}:{{ .image.tag | default $.root.Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "todo.replicas" -}}
{{- $own := (index .root.Values .part).replicas }}{{ if kindIs "invalid" $own }}{{ .root.Values.replicas }}{{ else }}{{ $own }}{{ end }}
{{- end }}

{{- define "todo.secret" -}}{{ .Values.secrets.existingSecret | default (printf "%s-secrets" (include "todo.name" .)) }}{{- end }}

{{- define "todo.strategy" -}}
type: RollingUpdate
rollingUpdate: { maxSurge: 1, maxUnavailable: 0 }
{{- end }}

{{- define "todo.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "todo.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}
