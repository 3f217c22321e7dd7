"""What every service of the platform is served with: one JSON log, and gunicorn around a ready application.

Nothing in here knows what is served.
"""
