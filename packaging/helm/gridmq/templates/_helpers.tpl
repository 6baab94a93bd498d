{{- define "gridmq.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Room for what is added to it: Kubernetes allows 63 characters, pods of a StatefulSet get a suffix. */}}
{{- define "gridmq.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "gridmq.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "gridmq.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "gridmq.selector" -}}
app.kubernetes.io/name: {{ include "gridmq.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "gridmq.labels" -}}
{{ include "gridmq.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "gridmq.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "gridmq.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "gridmq.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* The names that go into the certificate. */}}
{{- define "gridmq.hosts" -}}
{{- $name := include "gridmq.fullname" . -}}
{{- $own := list "localhost" "127.0.0.1" "::1" -}}
{{- range $service := list $name (printf "%s-management" $name) -}}
{{- $own = concat $own (list $service (printf "%s.%s" $service $.Release.Namespace) (printf "%s.%s.svc" $service $.Release.Namespace) (printf "%s.%s.svc.cluster.local" $service $.Release.Namespace)) -}}
{{- end -}}
{{- concat $own .Values.hosts | uniq | toYaml -}}
{{- end -}}

{{/* The whole configuration: the user's, and over it what the chart has to decide. */}}
{{- define "gridmq.config" -}}
{{- $decided := dict
  "data" "/data"
  "operations" (dict "enabled" true "address" ":9464")
  "management" (dict "enabled" .Values.management.enabled "address" ":9443")
  "listeners" (dict "mqtts" (dict "address" ":8883") "wss" (dict "address" ":8443"))
-}}
{{- $tls := dict "hosts" (include "gridmq.hosts" . | fromYamlArray) -}}
{{- if .Values.tls.existingSecret -}}
{{- $_ := set $tls "certificates" (dict "kubernetes" (dict "certificate" "/etc/gridmq/tls/tls.crt" "key" "/etc/gridmq/tls/tls.key")) -}}
{{- end -}}
{{- $_ := set $decided "tls" $tls -}}
{{- $defaults := dict "log" (dict "format" "json") -}}
{{- mergeOverwrite $defaults (deepCopy .Values.config) $decided | toYaml -}}
{{- end -}}
