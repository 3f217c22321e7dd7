"""The content of a database and an uploads folder, in a form that can be compared."""

import os
from pathlib import Path

from .postgres import Server

SHOP = Path(__file__).with_name("shop.sql").read_text()

# One line for each relation (one checksum of all rows), sequence (its state) and large object.
CONTENT = r"""
SET search_path = '';
SELECT CASE relkind WHEN 'S' THEN format('SELECT %1$L, last_value, is_called FROM %2$I.%3$I', nspname || '.' || relname, nspname, relname)
  ELSE format('SELECT %1$L, count(*), md5(string_agg(t::text, E''\n'' ORDER BY t::text)) FROM %2$I.%3$I t', nspname || '.' || relname, nspname, relname)
  END
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('r', 'm', 'S', 'p', 'v') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
ORDER BY nspname, relname \gexec
SELECT 'large object', loid, md5(string_agg(data, ''::bytea ORDER BY pageno)) FROM pg_largeobject GROUP BY loid;
"""  # noqa: E501 - psql wants a statement's parts on as few lines as a person can bear


def content(server: Server, database: str) -> dict[str, list[str]]:
    """Return `{"schema": lines of SQL, "rows": [relation|number|sum, ...]}`."""
    return {"schema": server.schema(database).splitlines(), "rows": server.sql(CONTENT, database).splitlines()}


def files(folder: Path) -> dict[bytes, tuple[int, int, bytes]]:
    """Return all files below a folder: relative name to (mode, mtime in seconds, bytes or a link's target)."""
    found = {}
    root = os.fsencode(folder)
    for parent, folders, names in os.walk(root):
        for name in folders + names:
            path = os.path.join(parent, name)  # noqa: PTH118 - Path knows no bytes
            stat = os.lstat(path)
            if os.path.islink(path):  # noqa: PTH114
                value = os.readlink(path)  # noqa: PTH115
            elif os.path.isdir(path):  # noqa: PTH112
                value = b"/"
            else:
                value = Path(os.fsdecode(path)).read_bytes()
            found[os.path.relpath(path, root)] = (stat.st_mode, int(stat.st_mtime), value)
    return found


UPLOADS = {
    b"plain.png": b"\x89PNG\x00\xff",
    b"with space.txt": b"",
    b"new\nline": b"x",
    b"-rf": b"a name like an option",
    b".hidden": b"h",
    "日本語 🛒.jpg".encode(): b"u",
    b"not-utf8-\xff\xfe": b"bytes",
    b"deep/er/est/" + b"n" * 120 + b".bin": os.urandom(300_000),
    b"a" * 250: b"long name",
}


def fill(folder: Path, contents: dict[bytes, bytes] = UPLOADS) -> None:
    """Write files whose names are given in bytes, an empty folder and a link."""
    for name, data in contents.items():
        path = folder / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (1_700_000_000, 1_700_000_000))
    (folder / "empty folder").mkdir(mode=0o2775)
    (folder / "link").symlink_to("plain.png")
    (folder / "plain.png").chmod(0o640)
