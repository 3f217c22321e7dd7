"""Terms that no owner should have to know."""

from __future__ import annotations

import re

# Kubernetes' and the platform's own terms. Only the collapsed section "Details for experts" may contain them.
TECHNICAL = re.compile(
    r"(?i:spec\.|status\.|kubectl|kubernetes|namespaces?\b|finalizer|PersistentVolume|Deployment|StatefulSet|\bpods?\b|\bIngress\b|"
    r"\bCRD\b|\bYAML\b|\bHTTP \d|system:|serviceaccount|\bcron|\bregex|must have the form|\^\[|\bUTC\+|[a-z]+Ready\b|"
    r"manifest)|"
    r"\bTrue\b|\bFalse\b|\bNone\b|\bnull\b|\bundefined\b"
)
