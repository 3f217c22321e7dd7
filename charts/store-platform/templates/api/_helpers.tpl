{{/* Where both of its containers find what several replicas share. */}}
{{- define "store-platform.api.urls" -}}
{{- if .Values.postgresql.urlSecret }}
- {name: STORE_PLATFORM_AUDIT_URL_FILE, value: /etc/store-platform-postgresql/url}
{{- end }}
{{- if .Values.redis.urlSecret }}
- {name: STORE_PLATFORM_RATES_URL_FILE, value: /etc/store-platform-redis/url}
{{- end }}
{{- end }}

{{- define "store-platform.api.mounts" -}}
- {name: settings, mountPath: /etc/store-platform, readOnly: true}
- {name: audit, mountPath: /var/lib/store-platform}
- {name: tmp, mountPath: /tmp}
{{- if .Values.postgresql.urlSecret }}
- {name: postgresql, mountPath: /etc/store-platform-postgresql, readOnly: true}
{{- end }}
{{- if .Values.redis.urlSecret }}
- {name: redis, mountPath: /etc/store-platform-redis, readOnly: true}
{{- end }}
{{- end }}
