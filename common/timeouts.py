"""Timeouts between the parts of the platform, in seconds. In a chain of calls, each caller waits longer than the next.

    browser > dashboard > intent API > API server > gate's webhooks > the gate itself > API server, for the gate
                              |-> audit database, Redis, an issuer
    browser > dashboard > Redis, an issuer

So a part that hangs is reported by its direct caller, which knows what it called. Every caller gets a response within
5 seconds. ``metacontroller/platform/webhooks.yaml`` contains the webhooks' timeouts for the API server; tests compare
the two.
"""

from __future__ import annotations

# The API server's timeouts for the gate's webhooks. The attempt webhook rejects nothing, so if the gate hangs, a change
# takes at most the first two and then continues; a creation takes the first and the third, and fails.
ATTEMPT_WEBHOOK = 1
CHANGE_WEBHOOK = 2
CREATE_WEBHOOK = 3

# The gate's total for all API server calls of one review. It leaves time for the review to travel to the gate and back.
GATE_CREATE = 2.5
GATE_CHANGE = 1.5

# The intent API's total for all API server calls of one request, and its timeout to connect. It is longer than the API
# server takes if the gate hangs: ATTEMPT_WEBHOOK + CREATE_WEBHOOK.
API_REQUEST = 4.5
CONNECT = 2.0

# The dashboard's total for all intent API calls of one page.
DASHBOARD_PAGE = 4.8
# The dashboard's timeout for a stream's next data: the API sends a comment every STREAM_COMMENT.
STREAM_COMMENT = 15.0
STREAM_SILENCE = 40.0

# Timeouts for everything other than the cluster. Each leaves time to send the response that reports the failure.
DATABASE = 3.0
REDIS = 0.5
METRICS = 0.5
ISSUER = 2.0
