{{/* Labels of an object of a component: (list . "api"). */}}
{{- define "store-platform.labels" -}}
{{- $root := first . -}}
{{ include "store-platform.selector" . }}
app.kubernetes.io/part-of: store-platform
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name ($root.Chart.Version | replace "+" "_") }}
{{- end }}

{{/* Labels that its pods are selected by. */}}
{{- define "store-platform.selector" -}}
app.kubernetes.io/name: store-{{ last . }}
app.kubernetes.io/instance: {{ (first .).Release.Name }}
{{- end }}

{{- define "store-platform.image" -}}
image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{/* What the values add to the pods of a component, starting with what they add to all components: (list . "api"). */}}
{{- define "store-platform.pods" -}}
{{- $root := first . -}}
{{ toYaml (mergeOverwrite (deepCopy $root.Values.pods) (deepCopy (index $root.Values (last .)).pods)) }}
{{- end }}

{{/* Labels and annotations of its pods: (list . "api" "the settings"). Values can't replace the chart's own
     labels. */}}
{{- define "store-platform.podMetadata" -}}
{{- $of := list (first .) (index . 1) -}}
{{- $pods := fromYaml (include "store-platform.pods" $of) -}}
labels:
  {{- toYaml (merge (fromYaml (include "store-platform.labels" $of)) $pods.labels) | nindent 2 }}
{{- $checksums := dict -}}
{{- with index . 2 }}{{ $_ := set $checksums "checksum/settings" (sha256sum .) }}{{ end -}}
{{- with merge $checksums $pods.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What every pod has: (list . "api"). */}}
{{- define "store-platform.pod" -}}
{{- $root := first . -}}
{{- $pods := fromYaml (include "store-platform.pods" .) -}}
serviceAccountName: {{ last . }}
{{- range $field := list "affinity" "nodeSelector" "priorityClassName" "tolerations" "topologySpreadConstraints" }}
{{- with index $pods $field }}
{{ $field }}: {{ toJson . }}
{{- end }}
{{- end }}
enableServiceLinks: false
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
- name: {{ . }}
{{- end }}
{{- end }}
securityContext: {runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000, fsGroup: 1000, seccompProfile: {type: RuntimeDefault}}
{{- end }}

{{/* The default spread of replicas, if the values do not set it. */}}
{{- define "store-platform.spread" -}}
{{- if not (fromYaml (include "store-platform.pods" .)).topologySpreadConstraints -}}
topologySpreadConstraints:
- maxSkew: 1
  topologyKey: {{ (first .).Values.topologyKey }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "store-platform.selector" . | nindent 6 }}
{{- end }}
{{- end }}

{{- define "store-platform.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
  readOnlyRootFilesystem: true
{{- end }}

{{/*
Probes of a container: (list "http" "HTTP"), its port and protocol. On a busy machine a start may take minutes and a
response seconds, and a working container must not be killed for that. Readiness is decided sooner, because it kills
nothing.
*/}}
{{- define "store-platform.probes" -}}
startupProbe: {httpGet: {path: /healthz, port: {{ first . }}, scheme: {{ last . }}}, periodSeconds: 2, timeoutSeconds: 5, failureThreshold: 150}
readinessProbe: {httpGet: {path: /readyz, port: {{ first . }}, scheme: {{ last . }}}, periodSeconds: 5, timeoutSeconds: 5}
livenessProbe: {httpGet: {path: /healthz, port: {{ first . }}, scheme: {{ last . }}}, periodSeconds: 10, timeoutSeconds: 10, failureThreshold: 6}
{{- end }}

{{/* The settings files, as the services read them. */}}
{{/* Whether stores send by the platform's mail relay. */}}
{{- define "store-platform.relay" -}}
{{- if .Values.hooks.settings.mail.senderDomain }}true{{ end -}}
{{- end }}

{{/* What the relay's accounts are derived from: its key, and the authority that signs its certificate. */}}
{{- define "store-platform.relay.volume" -}}
- name: relay
  projected:
    defaultMode: 288
    sources:
    - secret: {name: relay-key, items: [{key: key, path: key}]}
    - secret: {name: relay-tls, items: [{key: ca.crt, path: ca.crt}]}
{{- end }}

{{- define "store-platform.relay.settings" -}}
{{ toYaml .Values.relay.settings }}
{{- end }}

{{- define "store-platform.hooks.settings" -}}
{{ toYaml (set (deepCopy .Values.hooks.settings) "platformNamespace" .Release.Namespace) }}
{{- end }}

{{- define "store-platform.api.settings" -}}
{{ toYaml .Values.api.settings }}
{{- end }}

{{- define "store-platform.dashboard.settings" -}}
{{- $settings := deepCopy .Values.dashboard.settings -}}
{{- if not $settings.api.url }}{{ $_ := set $settings.api "url" (printf "http://api.%s.svc" .Release.Namespace) }}{{ end -}}
{{- if not $settings.publicURL }}{{ $_ := set $settings "publicURL" (printf "%s://%s" (ternary "https" "http" (ne "" .Values.hooks.settings.ingress.tlsIssuer)) (.Values.dashboard.host | default "localhost")) }}{{ end -}}
{{ toYaml $settings }}
{{- end }}

{{- define "store-platform.metacontroller.where" -}}
{{ .Values.metacontroller.namespaceOverride | default .Release.Namespace }}
{{- end }}

{{- define "store-platform.rootKey.secret" -}}
{{ .Values.rootKey.existingSecret | default "root-key" }}
{{- end }}

{{/* A manifest of metacontroller/platform, in this installation's namespaces: (list . "rbac.yaml"). */}}
{{- define "store-platform.shipped" -}}
{{- $root := first . -}}
{{- $root.Files.Get (printf "files/%s" (last .))
  | replace "namespace: metacontroller" "namespace: @metacontroller"
  | replace "namespace: store-platform" (printf "namespace: %s" $root.Release.Namespace)
  | replace "namespace: @metacontroller" (printf "namespace: %s" (include "store-platform.metacontroller.where" $root))
  | replace "serviceaccount:metacontroller:" "serviceaccount:@metacontroller:"
  | replace "serviceaccount:store-platform:" (printf "serviceaccount:%s:" $root.Release.Namespace)
  | replace "serviceaccount:@metacontroller:" (printf "serviceaccount:%s:" (include "store-platform.metacontroller.where" $root)) -}}
{{- end }}

{{/* A value that is generated at the first installation and then kept: (list . "secret's name" "key" "new value").
     In base64. */}}
{{- define "store-platform.kept" -}}
{{- $existing := lookup "v1" "Secret" (index . 0).Release.Namespace (index . 1) -}}
{{- if $existing }}{{ index $existing.data (index . 2) }}{{ else }}{{ index . 3 | b64enc }}{{ end -}}
{{- end }}

{{/* A HorizontalPodAutoscaler of a Deployment: (list . "api"). */}}
{{- define "store-platform.autoscaler" -}}
{{- $root := first . -}}
{{- $scaling := (index $root.Values (last .)).autoscaling -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ last . }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "store-platform.labels" . | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ last . }}}
  minReplicas: {{ $scaling.minReplicas }}
  maxReplicas: {{ $scaling.maxReplicas }}
  metrics:
  - type: Resource
    resource: {name: cpu, target: {type: Utilization, averageUtilization: {{ $scaling.targetCPUUtilizationPercentage }}}}
{{- end }}

{{/* A kubernetes.io/tls Secret for NAME.NAMESPACE.svc, as YAML, generated at the first installation and then kept:
     (list . "gate"). */}}
{{- define "store-platform.keptCertificate" -}}
{{- $root := first . -}}
{{- $name := printf "%s.%s.svc" (last .) $root.Release.Namespace -}}
{{- $existing := lookup "v1" "Secret" $root.Release.Namespace (printf "%s-tls" (last .)) -}}
{{- if and $existing (index $existing.data "ca.crt") -}}
{{ toYaml $existing.data }}
{{- else -}}
{{- $authority := genCA (printf "%s CA" $name) 3650 -}}
{{- $certificate := genSignedCert $name nil (list $name) 3650 $authority -}}
{{ toYaml (dict "ca.crt" ($authority.Cert | b64enc) "tls.crt" ($certificate.Cert | b64enc) "tls.key" ($certificate.Key | b64enc)) }}
{{- end }}
{{- end }}

{{/*
The same by cert-manager: (list . "gate" "the part of the labels"). It is signed by a certificate authority of its own,
so that a renewal changes nothing for clients.
*/}}
{{- define "store-platform.certificate" -}}
{{- $root := first . -}}
{{- $name := index . 1 -}}
{{- $labels := include "store-platform.labels" (list $root (last .)) -}}
apiVersion: cert-manager.io/v1
kind: Issuer
metadata:
  name: {{ $name }}-self-signed
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- $labels | nindent 4 }}
spec:
  selfSigned: {}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: {{ $name }}-authority
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- $labels | nindent 4 }}
spec:
  isCA: true
  commonName: {{ $name }}.{{ $root.Release.Namespace }}.svc CA
  secretName: {{ $name }}-authority
  duration: 87600h
  privateKey: {algorithm: ECDSA, size: 256, rotationPolicy: Never}
  issuerRef: {name: {{ $name }}-self-signed, kind: Issuer, group: cert-manager.io}
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- $labels | nindent 4 }}
spec:
  ca: {secretName: {{ $name }}-authority}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- $labels | nindent 4 }}
spec:
  dnsNames: [{{ $name }}.{{ $root.Release.Namespace }}.svc]
  secretName: {{ $name }}-tls
  duration: 2160h
  privateKey: {algorithm: ECDSA, size: 256, rotationPolicy: Always}
  issuerRef: {name: {{ $name }}, kind: Issuer, group: cert-manager.io}
{{- end }}

{{- define "store-platform.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ last . }}
  namespace: {{ (first .).Release.Namespace }}
  labels:
    {{- include "store-platform.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "store-platform.selector" . | nindent 6 }}
{{- end }}

{{- define "store-platform.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ last . }}
  namespace: {{ (first .).Release.Namespace }}
  labels:
    {{- include "store-platform.labels" . | nindent 4 }}
automountServiceAccountToken: false
{{- end }}

{{/* An Ingress of a Service, at a host: (list . "api"). */}}
{{- define "store-platform.ingress" -}}
{{- $root := first . -}}
{{- $host := (index $root.Values (last .)).host -}}
{{- with $root.Values.hooks.settings.ingress -}}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ last $ }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "store-platform.labels" $ | nindent 4 }}
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

{{/* The initial number of replicas; empty if an autoscaler sets it. */}}
{{- define "store-platform.replicas" -}}
{{- $of := index (first .).Values (last .) -}}
{{- if not $of.autoscaling.enabled }}replicas: {{ $of.replicas }}{{ end -}}
{{- end }}

{{/* Whether there may be more than one replica. */}}
{{- define "store-platform.many" -}}
{{- $of := index (first .).Values (last .) -}}
{{- if or $of.autoscaling.enabled (gt (int $of.replicas) 1) }}true{{ end -}}
{{- end }}
