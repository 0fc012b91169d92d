{{/* The name of the namespaced objects of the release. */}}
{{- define "kargo.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The name of the cluster-scoped objects: releases of one name in two namespaces do not meet. */}}
{{- define "kargo.clusterName" -}}
{{- printf "%s:%s" .Release.Namespace (include "kargo.fullname" .) -}}
{{- end -}}

{{- define "kargo.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "kargo.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* What pods are selected by. Immutable in a Deployment, so nothing that changes belongs here. */}}
{{- define "kargo.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "kargo.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "kargo.selectorLabels" . }}
app.kubernetes.io/component: controller
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "kargo.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The name of the Lease, as the controller makes it. */}}
{{- define "kargo.leaseName" -}}
{{- if eq .Values.installation "kargo" -}}kargo{{- else -}}kargo-{{ .Values.installation }}{{- end -}}
{{- end -}}
