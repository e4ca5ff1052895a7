{{- define "greeter.name" -}}{{ .Release.Name }}-greeter{{- end }}

{{- define "greeter.selector" -}}
app.kubernetes.io/name: greeter
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "greeter.labels" -}}
{{ include "greeter.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "greeter.secret" -}}{{ .Values.tokenSecret | default (include "greeter.name" .) }}{{- end }}
