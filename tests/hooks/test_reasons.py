"""The registry of reasons is the only place for remedies: everything else reads them from it."""

from __future__ import annotations

import re
from pathlib import Path

from storeplatform.common.reasons import REASONS

ROOT = Path(__file__).parents[2]


def test_owners_texts_exist_in_both_languages_and_end_as_sentences() -> None:
    words_of = {name: reason.owner for name, reason in REASONS.items() if reason.owner}
    assert len(words_of) > 8
    assert [name for name, words in words_of.items() if words.keys() != {"en", "de"}] == []
    assert [name for name, words in words_of.items() for text in words.values() if not text.endswith(".")] == []


def test_the_section_that_helps_is_on_the_page() -> None:
    page = (ROOT / "dashboard" / "templates" / "store.html").read_text()
    parts = set(re.findall(r'(?:id="|section\(")([a-z]+)"', page))
    named = {reason.help for reason in REASONS.values() if reason.help}
    assert named <= parts
    assert {"version", "plan", "address", "backups"} <= named


def test_no_other_file_of_the_platform_repeats_a_remedy() -> None:
    sources = [file for folder in ("hooks", "dashboard", "api", "common") for file in (ROOT / folder).rglob("*.py")]
    text = {file: file.read_text() for file in sources}
    remedies = {reason.remedy for reason in REASONS.values() if len(reason.remedy) > 20}
    assert [(str(file), remedy) for file, said in text.items() for remedy in remedies if remedy in said] == []
