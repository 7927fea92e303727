"""Run with faults.c preloaded: argument 1 is that library, 2 a folder, 3 how many faults to try.

An article is added and deleted in turn, with an index built each time, and one operation on the
files fails. Prints a line of JSON at the end; an assertion says what was wrong.
"""

import ctypes
import errno
import json
import logging
import random
import sys
from pathlib import Path

from conftest import article
from storage_children import FEW_CHANGES, opened, stored, text_of

import rag.index
from rag.doctor import examine
from rag.errors import DatelineError

rag.index._FEW_CHANGES = FEW_CHANGES
logging.getLogger("dateline").setLevel(logging.CRITICAL)
library, folder, tries = ctypes.CDLL(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
never = 10**9
others = {f"a{n}": text_of(f"a{n}", n) for n in range(4)}
many = {f"x{n}": text_of(f"x{n}", n) for n in range(FEW_CHANGES + 1)}


def arm(nth: int, always: bool, number: int) -> None:
    library.faults_arm(str(folder).encode(), ctypes.c_long(nth), int(always), number)


def step(present: bool) -> bool:
    """Add what is many, or delete it; whether that was acknowledged."""
    try:
        if present:
            for article_id in many:
                dateline.delete(article_id)
        else:
            list(dateline.ingest(article(text, id) for id, text in many.items()))
    except DatelineError:
        return False
    return True


with opened(folder) as dateline:
    list(dateline.ingest(article(text, id) for id, text in others.items()))
    arm(never, False, 0)
    assert step(present=False)
    operations = library.faults_disarm()
    assert step(present=True)
    assert {a.id for a in dateline.articles()} == set(others)

rng = random.Random(4)
acknowledged = refused = 0
positions = [1 + n * operations // tries for n in range(tries)]
for nth in positions:
    for always in (False, True):
        with opened(folder) as dateline:
            before = {a.id: a.text for a in dateline.articles(1000)}
            arm(nth, always, rng.choice((errno.EIO, errno.ENOSPC)))
            done = step(present=False)
            library.faults_disarm()
            now = {a.id: a.text for a in dateline.articles(1000)}
            assert before == others
            assert now in (others, others | many), f"a mix after operation {nth}"
            assert not done or now == others | many, f"acknowledged and lost at {nth}"
            # The same process recovers by itself.
            if now == others:
                assert step(present=False), f"did not recover from {nth}"
            (hit, *_) = dateline.search("x3 storm edition3", 3)
            assert hit.passage.article.id == "x3"
        assert stored(folder) == others | many
        assert [p for p in examine(folder) if p.check != "files"] == []
        with opened(folder) as dateline:
            assert step(present=True)
        acknowledged += done
        refused += not done
print(json.dumps({"operations": operations, "acknowledged": acknowledged, "refused": refused}))
