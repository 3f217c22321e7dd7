"""The admission gate: what the API server asks before a Store is written. Quotas and the audit, for every interface."""
