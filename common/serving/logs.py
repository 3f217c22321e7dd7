"""Write all logs (ours, Flask's and gunicorn's) to stderr, one JSON object per line."""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection

import structlog


def configure_logs(hide: Collection[str] = ()) -> None:
    """Send structlog's and the standard library's records through one JSON renderer.

    :param hide: secrets to redact, in case a line contains one by accident, such as in the path of a failed request.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.EventRenamer("message"),
                structlog.processors.JSONRenderer(),
                lambda _logger, _name, line: _without(str(line), hide),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)


def _without(line: str, secrets: Collection[str]) -> str:
    for secret in secrets:
        line = line.replace(secret, "(hidden)")
    return line
