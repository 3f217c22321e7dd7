"""How long each part of the platform waits for the next one: a chain, in which who asks waits longer than who answers.

    browser > dashboard > intent API > API server > gate's webhooks > the gate itself > API server, for the gate
                              |-> audit database, Redis, an issuer
    browser > dashboard > Redis, an issuer

So whoever hangs is reported by the part that asked it, and not by one further away that can't know what is wrong. A
caller has an answer within 5 seconds. ``metacontroller/platform/webhooks.yaml`` has the webhooks' seconds for the API
server; tests hold the two together. Seconds all of them.
"""

from __future__ import annotations

# The API server's for the gate's webhooks. An attempt refuses nothing, so a change costs the first two at most where
# the gate hangs, and continues; a creation the first and the third, and fails.
ATTEMPT_WEBHOOK = 1
CHANGE_WEBHOOK = 2
CREATE_WEBHOOK = 3

# The gate's own, for all that a review needs of the API server: with time left for the way to it and back.
GATE_CREATE = 2.5
GATE_CHANGE = 1.5

# The intent API's, for all that one request needs of the API server, and to connect to it. More than the API server
# takes where the gate hangs: ATTEMPT_WEBHOOK + CREATE_WEBHOOK.
API_REQUEST = 4.5
CONNECT = 2.0

# The dashboard's, for all that one page needs of the intent API.
DASHBOARD_PAGE = 4.8
# Its streams: the API sends a comment each STREAM_COMMENT.
STREAM_COMMENT = 15.0
STREAM_SILENCE = 40.0

# What a request needs beside the cluster: each leaves time for the answer that reports it.
DATABASE = 3.0
REDIS = 0.5
METRICS = 0.5
ISSUER = 2.0
