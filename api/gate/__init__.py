"""The admission gate: webhooks that enforce quotas and write the audit, for every interface."""
