"""Check the texts for words that the project does not use, and print the standard ones (``python -m tests.docs.terms``,
part of ``tox -e lint``).

docs/contributing/glossary.md has the terms of the platform.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHECKED = ["*.md", "*.py", "*.yaml", "*.yml", "*.tpl", "*.html", "*.js", "*.sh", "*.php", "*.ts", "*.cfg", "*.ini"]

TERMS = {
    r"told|tells": "reported, returns, shows, documents",
    r"(?<!fridge's )doors?": "interface",
    r"mend(?:s|ed|ing)?": "repair, revert, correct",
    r"asleep": "suspended",
    r"receipts?": "deletion record",
    r"(?:is|are|was|were) away": "unavailable, unreachable",
    r"small letters": "lowercase letters",
    r"must be a text": "must be a string",
    r"comes? to nothing": "fails, is abandoned",
    r"put right": "reverted, corrected",
    r"is not there": "not found, does not exist",
    r"times? of grace": "grace period",
    r"goes on by itself|go on by themselves|gone by itself": "continues, recovers automatically",
    r"played by": "simulated by",
    r"so for \d+ s": "for the last ... s",
    r"for ever": "forever",
    r"as its parent's": "as in the base class",
    r"none of ours": "invalid, not one of ...",
    r"goes on|went on": "continues, continued",
    r"where there (?:is|are) none": "if there is none",
    r"nobody knows|knows nobody": "is unknown, does not accept",
    r"stays? with(?!in|out)": "belongs to, is kept by",
    r"(?:take|takes|took|taken|taking) (?:it |them )?away": "remove",
    r"(?:holds?|held|holding) (?:\w+ )?up": "delay, block",
    r"in the midst": "during",
    r"nobody asks twice": "say who must not do what",
    r"what waits|which nothing is made": "name the thing",
    r"(?:what|nothing) c[ao]mes? of": "the outcome of",
    r"anew": "again, restarts",
    r"can(?:'t|not| not) be had": "is unavailable, is impossible",
    r"(?:is|are) no more(?: than)?(?=[ ,.:;]?$|[,.:;])": "no longer exists",
    r"lets? go of": "releases",
    r"(?:shop|store)s? (?:that )?(?:sleeps?|slept)": "is suspended",
    r"(?:is|are|be|been) taken for": "is mistaken for",
    r"learns? of": "is notified of, observes",
    r"for want of": "because there is no",
    r"is (?:well|whole) again|is well\b": "works again, is ready",
    r"brought to (?:its|their) end": "completed",
    r"by the past|of the past": "with outdated state, earlier",
    r"in good order": "gracefully, in order",
    r"ever (?:less often|more rarely)": "at growing intervals",
    r"(?:def|test) ?_?(?:\w+_)?away": "unavailable",
    r"patience": "timeout, number of retries",
    r"taken back": "rolled back, undone",
    r"for good": "permanently",
    r"apart by": "separated by",
    r"stays so": "is kept, is left as it is",
    r"it is (?:none|no success)": "it is not a ..., it failed",
    r"as (?!spec)(?:[\w.`']+ ){1,2}ha(?:s|ve) it": "in the form of, like",
    r"(?:is|are|read back) whole": "complete",
    r"(?:let|lets) us in": "refuses, can't sign in to",
    r"goes by the": "applies",
    r"(?:regular|its) course": "normal progress",
    r"is asked by path|answers? with plain": "a call names a path, returns",
    r"(?:would do|does|do|doing) harm": "do damage",
    r"(?:is|are) told": "is shown, is notified",
    r"(?:stores|seconds|calls|objects?|lines?|bytes|records?) an? (?:store|second|line|request|record|minute)": "per",
    r"reconcile the past": "reconcile outdated state",
    r"played": "simulated",
}
# An underscore ends a word, so that names are checked too.
PATTERN = re.compile(
    "|".join(rf"(?P<t{number}>(?<![^\W_])(?:{term})(?![^\W_]))" for number, term in enumerate(TERMS)), re.IGNORECASE
)


def found() -> Iterator[str]:
    """Yield each use, with its place and what to write instead."""
    listed = subprocess.run(["git", "ls-files", *CHECKED], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.split():
        if ROOT / name == Path(__file__):
            continue
        for number, line in enumerate((ROOT / name).read_text().splitlines(), 1):
            for match in PATTERN.finditer(line):
                index = int(str(match.lastgroup)[1:])
                yield f'{name}:{number}: "{match[0]}": write {list(TERMS.values())[index]}'


if __name__ == "__main__":
    uses = list(found())
    print("\n".join(uses))
    sys.exit(bool(uses))
