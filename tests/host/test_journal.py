"""The ledger: its invariants against a model of ten lines, processes that race and die, and files copied while open."""

import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altheory.host.journal import Journal, _wal_is_sound, digest, isolated

STEP = st.tuples(
    st.sampled_from(["hold", "settle", "release", "lose", "reconcile"]), st.integers(0, 5), st.integers(0, 60)
)

REFUSED = {
    "settle": lambda amount: {"cost": amount, "label": None, "reply": ""},
    "release": lambda amount: {"why": ""},
    "lose": lambda amount: {"why": ""},
    "reconcile": lambda amount: {"cost": amount},
}


def held(journal, key, amount, item=0):
    return journal.hold(key, request=key, item=item, model="m", try_no=0, amount=amount)


@given(st.lists(STEP, max_size=40), st.integers(0, 150))
def test_books_agree_with_a_model(tmp_path_factory, steps, cap):
    """I1, I6, I7, I9 after any sequence of operations, allowed or not."""
    journal = Journal(tmp_path_factory.mktemp("run") / "run.db", cap=cap)
    calls = {}
    for what, key, amount in steps:
        key = str(key)
        state, hold, _ = calls.get(key, ("none", 0, 0))
        free = cap - sum(c for s, _, c in calls.values() if s in ("settled", "lost"))
        free -= sum(h for s, h, _ in calls.values() if s == "held")
        over = any(c > h for s, h, c in calls.values() if s == "settled")
        if what == "hold" and state == "none":
            assert held(journal, key, amount) == (amount <= free and not over)
            if amount <= free and not over:
                calls[key] = ("held", amount, 0)
        elif what == "reconcile" and state == "lost" and amount <= hold:
            journal.reconcile(key, amount)
            calls[key] = ("lost", hold, amount)
        elif what in ("settle", "release", "lose") and state == "held":
            if what == "settle":
                journal.settle(key, cost=amount, label="a", reply="r")
            elif what == "release":
                journal.release(key, "refused")
            else:
                journal.lose(key, "timeout")
            after = {"settle": ("settled", amount), "release": ("released", 0), "lose": ("lost", hold)}[what]
            calls[key] = (after[0], hold, after[1])
        elif what != "hold":
            with pytest.raises(ValueError, match=r"not held|not lost"):
                getattr(journal, what)(key, **REFUSED[what](amount))
        assert journal.audit() == []
        account = journal.account
        assert account.spent + account.held <= cap + account.overrun
    journal.close()


def test_an_answer_is_stored_with_its_money_or_not_at_all(tmp_path):
    journal = Journal(tmp_path / "run.db", cap=100)
    assert held(journal, "a", 60)
    with pytest.raises(RuntimeError, match="disk"):
        journal.write(
            journal.settling("a", cost=50, label="x", reply="paid"),
            lambda db: (_ for _ in ()).throw(RuntimeError("disk")),
        )
    assert journal.answer("a") is None
    assert (journal.account.held, journal.account.spent) == (60, 0)
    bad = isolated(lambda db: (_ for _ in ()).throw(RuntimeError("one alone")))
    results = journal.write(bad, isolated(journal.settling("a", cost=50, label="x", reply="paid")))
    assert isinstance(results[0], RuntimeError)
    assert journal.answer("a") == ("x", "paid", 50)


def test_an_overrun_is_booked_whole_and_stops_new_holds(tmp_path):
    journal = Journal(tmp_path / "run.db", cap=100)
    held(journal, "a", 10)
    held(journal, "b", 10)
    journal.settle("a", cost=150, label=None, reply="")
    assert not held(journal, "c", 0)
    assert (journal.account.spent, journal.account.overrun) == (150, 140)
    journal.settle("b", cost=5, label=None, reply="")
    assert journal.audit() == []


def test_a_file_is_tied_to_its_prices_and_its_cap(tmp_path):
    path = tmp_path / "run.db"
    journal = Journal(path, cap=100, prices="p1")
    held(journal, "a", 60)
    journal.settle("a", cost=60, label=None, reply="")
    journal.close()
    with pytest.raises(ValueError, match="other prices"):
        Journal(path, cap=100, prices="p2")
    with pytest.raises(ValueError, match="more than the budget 50"):
        Journal(path, cap=50, prices="p1")
    assert Journal(path, cap=70, prices="p1").account.free == 10


def test_events_are_kept(tmp_path):
    journal = Journal(tmp_path / "run.db", cap=1)
    for change in ("DELETE FROM event", "UPDATE event SET kind = 'x'"):
        with pytest.raises(Exception, match="events are kept"):
            journal.write(lambda db, change=change: db.execute(change))


def _race(path, cap, process):
    journal, rng = Journal(path, cap=cap), random.Random(process)
    for n in range(60):
        amount = rng.randrange(1, 40)
        if held(journal, f"{process}:{n}", amount):
            journal.settle(f"{process}:{n}", cost=rng.randrange(amount + 1), label="x", reply="r")


def test_processes_race_for_the_last_cents(tmp_path):
    """T3: never above the cap, and what fits is not refused once nothing is held (L1)."""
    path, cap = tmp_path / "run.db", 700
    Journal(path, cap=cap).close()
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_race, args=(path, cap, k)) for k in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    journal = Journal(path, cap=cap)
    assert journal.audit() == []
    assert journal.account.held == 0
    assert journal.account.spent <= cap
    assert held(journal, "last", journal.account.free)


DIES = """
import json, os, sys
from altheory.host.journal import Journal
path, book, start = sys.argv[1], sys.argv[2], int(sys.argv[3])
journal = Journal(path, cap=10**6)
charged = open(book, "a")
for n in range(start, 10**6):
    key = str(n)
    if journal.answer(key):
        continue
    tries = journal.tries(key)
    if not journal.hold(f"{key}.{tries}", request=key, item=n, model="m", try_no=tries, amount=10):
        break
    charged.write(json.dumps([key, 7]) + "\\n"); charged.flush(); os.fsync(charged.fileno())
    journal.settle(f"{key}.{tries}", cost=7, label="x", reply="r")
"""


def test_killed_at_any_moment(tmp_path):
    """T2, I11: a server's fsynced book is never above spent + held, and what was settled is not charged again."""
    path, book, rng = tmp_path / "run.db", tmp_path / "book", random.Random(0)
    Journal(path, cap=10**6).close()
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", DIES, str(path), str(book), "0"])
        lines = book.read_text().count("\n") if book.exists() else 0
        while not book.exists() or book.read_text().count("\n") < lines + 3:
            time.sleep(0.01)
            assert process.poll() is None
        time.sleep(rng.random() * 0.05)
        copy = tmp_path / "copy.db"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        journal = Journal(path, cap=10**6)
        assert journal.audit() == []
        charges = [json.loads(line) for line in book.read_text().splitlines() if line.endswith("]")]
        account = journal.account
        assert account.held == 0
        assert account.spent >= sum(cost for _, cost in charges)
        again = {key for key, _ in charges if sum(key == other for other, _ in charges) > 1}
        lost = {a["request"] for a in journal.attempts() if a["state"] == "lost"}
        assert again <= lost
        journal.close()
        shutil.copy(path, copy)
        assert Journal(copy, cap=10**6).audit() == []


def test_versions_of_sqlite_with_the_fix():
    sound = {(3, 40, 1): False, (3, 44, 6): True, (3, 45, 0): False, (3, 50, 6): False, (3, 50, 7): True,
             (3, 51, 0): False, (3, 51, 2): False, (3, 51, 3): True, (3, 52, 0): True}  # fmt: skip
    assert {v: _wal_is_sound(v) for v in sound} == sound


def test_keys_are_of_content_alone():
    assert digest({"a": 1, "b": [2, "é"]}) == digest({"b": [2, "é"], "a": 1})
    assert digest("a", "b") != digest("ab")
