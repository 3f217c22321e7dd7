{{/* Labels of an object of a component: (list . "api"). */}}
{{- define "labels" -}}
{{- $root := first . -}}
{{ include "selector" . }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/part-of: store-platform
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name ($root.Chart.Version | replace "+" "_") }}
{{- end }}

{{/* Labels that its pods are selected by. */}}
{{- define "selector" -}}
app.kubernetes.io/name: store-{{ last . }}
{{- end }}

{{- define "image" -}}
image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{/* What every pod has: (list . "api"). */}}
{{- define "pod" -}}
{{- $root := first . -}}
serviceAccountName: {{ last . }}
enableServiceLinks: false
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
- name: {{ . }}
{{- end }}
{{- end }}
securityContext: {runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000, fsGroup: 1000, seccompProfile: {type: RuntimeDefault}}
{{- end }}

{{- define "spread" -}}
topologySpreadConstraints:
- maxSkew: 1
  topologyKey: {{ (first .).Values.topologyKey }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector: {matchLabels: { {{- include "selector" . -}} }}
{{- end }}

{{- define "containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
  readOnlyRootFilesystem: true
{{- end }}

{{/* The settings files, as the services read them. */}}
{{- define "hooks.settings" -}}
{{ toYaml .Values.hooks.settings }}
{{- end }}

{{- define "api.settings" -}}
{{ toYaml .Values.api.settings }}
{{- end }}

{{- define "dashboard.settings" -}}
{{- $settings := deepCopy .Values.dashboard.settings -}}
{{- if not $settings.api.url }}{{ $_ := set $settings.api "url" (printf "http://api.%s.svc" .Release.Namespace) }}{{ end -}}
{{- if not $settings.publicURL }}{{ $_ := set $settings "publicURL" (printf "%s://%s" (ternary "https" "http" (ne "" .Values.hooks.settings.ingress.tlsIssuer)) (.Values.dashboard.host | default "localhost")) }}{{ end -}}
{{ toYaml $settings }}
{{- end }}

{{- define "metacontroller.where" -}}
{{ .Values.metacontroller.namespaceOverride | default .Release.Namespace }}
{{- end }}

{{- define "rootKey.secret" -}}
{{ .Values.rootKey.existingSecret | default "root-key" }}
{{- end }}

{{/* A manifest of metacontroller/platform, in this installation's namespaces: (list . "rbac.yaml"). */}}
{{- define "shipped" -}}
{{- $root := first . -}}
{{- $root.Files.Get (printf "files/%s" (last .))
  | replace "namespace: metacontroller" "namespace: @metacontroller"
  | replace "namespace: store-platform" (printf "namespace: %s" $root.Release.Namespace)
  | replace "namespace: @metacontroller" (printf "namespace: %s" (include "metacontroller.where" $root))
  | replace "serviceaccount:store-platform:" (printf "serviceaccount:%s:" $root.Release.Namespace) -}}
{{- end }}

{{/* A value made at the first installation and kept: (list . "secret's name" "key" "new value"). In base64. */}}
{{- define "kept" -}}
{{- $existing := lookup "v1" "Secret" (index . 0).Release.Namespace (index . 1) -}}
{{- if $existing }}{{ index $existing.data (index . 2) }}{{ else }}{{ index . 3 | b64enc }}{{ end -}}
{{- end }}

{{/* A HorizontalPodAutoscaler of a Deployment: (list . "api"). */}}
{{- define "autoscaler" -}}
{{- $root := first . -}}
{{- $scaling := (index $root.Values (last .)).autoscaling -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ last . }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "labels" . | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ last . }}}
  minReplicas: {{ $scaling.minReplicas }}
  maxReplicas: {{ $scaling.maxReplicas }}
  metrics:
  - type: Resource
    resource: {name: cpu, target: {type: Utilization, averageUtilization: {{ $scaling.targetCPUUtilizationPercentage }}}}
{{- end }}

{{- define "disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ last . }}
  namespace: {{ (first .).Release.Namespace }}
  labels:
    {{- include "labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "selector" . | nindent 6 }}
{{- end }}

{{- define "serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ last . }}
  namespace: {{ (first .).Release.Namespace }}
  labels:
    {{- include "labels" . | nindent 4 }}
automountServiceAccountToken: false
{{- end }}

{{/* An Ingress of a Service, at a host: (list . "api"). */}}
{{- define "ingress" -}}
{{- $root := first . -}}
{{- $host := (index $root.Values (last .)).host -}}
{{- with $root.Values.hooks.settings.ingress -}}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ last $ }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "labels" $ | nindent 4 }}
  {{- if .tlsIssuer }}
  annotations:
    cert-manager.io/cluster-issuer: {{ .tlsIssuer }}
  {{- end }}
spec:
  ingressClassName: {{ .className }}
  {{- if .tlsIssuer }}
  tls:
  - hosts: [{{ $host | quote }}]
    secretName: {{ last $ }}-tls
  {{- end }}
  rules:
  - host: {{ $host | quote }}
    http:
      paths:
      - path: /
        pathType: Prefix
        backend: {service: {name: {{ last $ }}, port: {name: http}}}
{{- end }}
{{- end }}

{{/* How many at first; nothing where an autoscaler says it. */}}
{{- define "replicas" -}}
{{- $of := index (first .).Values (last .) -}}
{{- if not $of.autoscaling.enabled }}replicas: {{ $of.replicas }}{{ end -}}
{{- end }}

{{/* Whether there may be more than one. */}}
{{- define "many" -}}
{{- $of := index (first .).Values (last .) -}}
{{- if or $of.autoscaling.enabled (gt (int $of.replicas) 1) }}true{{ end -}}
{{- end }}
