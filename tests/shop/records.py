"""The content of a shop's database, independent of ids and times, so that two shops can be compared."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any

import psycopg
from psycopg import sql

# How often ids are replaced by the content of their rows: the longest chain of references between two tables.
ROUNDS = 6
# Columns that differ in each row: when it was created, and counters.
TIMES = {"created_at", "updated_at", "executed_at", "finished_at", "expires_at"}
SERIAL = {"link_module_migrations", "mikro_orm_migrations", "script_migrations"}


def content(address: str, secret: set[str]) -> Counter[str]:
    """Return how often each row occurs, without deleted rows and references to them.

    Each id is shown as a hash of its row.

    :param address: of the database.
    :param secret: columns that differ in every shop.
    """
    found = _rows(address)
    deleted = {row.get("id") for _, row in found if row.get("deleted_at")}
    rows = [
        (table, row) for table, row in found if not deleted & {each for each in row.values() if isinstance(each, str)}
    ]
    ids = {str(row["id"]): "" for table, row in rows if "id" in row and table not in SERIAL}
    for _ in range(ROUNDS):
        ids = {
            str(row["id"]): hashlib.sha256(_shown(table, row, ids, secret).encode()).hexdigest()[:8]
            for table, row in rows
            if str(row.get("id")) in ids and table not in SERIAL
        }
    return Counter(_shown(table, row, ids, secret) for table, row in rows)


def _rows(address: str) -> list[tuple[str, dict[str, Any]]]:
    named = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    with psycopg.connect(address) as connection:
        return [
            (table, row)
            for (table,) in connection.execute(named).fetchall()
            for (row,) in connection.execute(
                sql.SQL("SELECT to_jsonb(t) FROM {} t").format(sql.Identifier(table))
            ).fetchall()
        ]


def _shown(table: str, row: dict[str, Any], ids: dict[str, str], secret: set[str]) -> str:
    def shown(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shown(each) for key, each in value.items()}
        if isinstance(value, list):
            return [shown(each) for each in value]
        return f"#{ids[value]}" if isinstance(value, str) and value in ids else value

    left_out = TIMES | secret | ({"id"} if table in SERIAL else set())
    kept = {name: shown(value) for name, value in row.items() if name not in left_out and value is not None}
    return f"{table} {json.dumps(kept, sort_keys=True)}"
