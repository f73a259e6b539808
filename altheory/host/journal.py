"""One SQLite file a run: the money, every attempt at a call, and every round, none of which is ever lost."""

import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS budget(
  id INTEGER PRIMARY KEY CHECK(id = 1), cap INTEGER NOT NULL CHECK(cap >= 0), held INTEGER NOT NULL CHECK(held >= 0),
  spent INTEGER NOT NULL CHECK(spent >= 0), overrun INTEGER NOT NULL DEFAULT 0, prices TEXT NOT NULL,
  CHECK(spent + held <= cap + overrun));
CREATE TABLE IF NOT EXISTS attempt(
  key TEXT PRIMARY KEY, request TEXT NOT NULL, item INTEGER NOT NULL, model TEXT NOT NULL, try_no INTEGER NOT NULL,
  hold INTEGER NOT NULL CHECK(hold >= 0), state TEXT NOT NULL CHECK(state IN ('held','settled','released','lost')),
  cost INTEGER NOT NULL DEFAULT 0, label TEXT, reply TEXT, usage TEXT, response_id TEXT, detail TEXT,
  owner TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS attempt_request ON attempt(request, state);
CREATE TABLE IF NOT EXISTS event(id INTEGER PRIMARY KEY, kind TEXT NOT NULL, detail TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS event_kept BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events are kept'); END;
CREATE TRIGGER IF NOT EXISTS event_fixed BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are kept'); END;
CREATE TABLE IF NOT EXISTS round(t INTEGER PRIMARY KEY, choice TEXT NOT NULL, outcome TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS about(name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

Operation = Callable[[sqlite3.Connection], Any]
"""What is done inside a transaction, and its result."""


@dataclass(frozen=True)
class Account:
    """A run's money in picodollars: the cap, what is held for open calls, what was spent, and by how much too much."""

    cap: int
    held: int
    spent: int
    overrun: int

    @property
    def free(self) -> int:
        """What further calls may hold."""
        return self.cap - self.held - self.spent


def digest(*parts: Any) -> str:
    """A key of anything that JSON can say, in one order of its fields."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


class Journal:
    """The ledger of a run. Every amount is in whole picodollars; every method is one durable transaction.

    A call is *held* at the most it may cost before a byte of it leaves, and then *settled* at its price together with
    its reply, *released* where nothing can have been charged, or *lost*, which is spent in full, where nobody knows. So
    spent + held never exceeds the cap, whatever dies when, as long as no call costs more than its hold; where one does,
    all of it is booked, the excess is the `overrun`, and nothing more is held.

    Raises `ValueError` where the file is of a run with other prices, or holds more than a lower cap allows.
    """

    def __init__(self, path: str | Path, *, cap: int, prices: str = "") -> None:
        self.path, self.owner = str(path), _owner(os.getpid())
        self._lock = threading.RLock()
        self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=60)
        self._db.execute(f"PRAGMA journal_mode={'WAL' if _wal_is_sound() else 'DELETE'}")
        self._db.execute("PRAGMA synchronous=EXTRA")
        self._db.executescript(SCHEMA)
        self.write(lambda db: self._open(db, cap, prices))

    @classmethod
    def opened(cls, path: str | Path) -> "Journal":
        """The journal of a run that was begun, with its own budget. Raises `ValueError` where there is none."""
        if not Path(path).is_file():
            raise ValueError(f"there is no journal {path}")
        with closing(sqlite3.connect(path)) as db:
            try:
                row = db.execute("SELECT cap, prices FROM budget").fetchone()
            except sqlite3.DatabaseError:
                row = None
        if row is None:
            raise ValueError(f"{path} is no journal of a run")
        return cls(path, cap=row[0], prices=row[1])

    def _open(self, db: sqlite3.Connection, cap: int, prices: str) -> None:
        row = db.execute("SELECT cap, prices FROM budget").fetchone()
        if row is None:
            db.execute("INSERT INTO budget(id, cap, held, spent, prices) VALUES (1, ?, 0, 0, ?)", (cap, prices))
            _event(db, "opened", cap=cap, prices=prices)
            return
        if row[1] != prices:
            raise ValueError(f"{self.path} is of a run with other prices ({row[1]}, now {prices}): use a new file")
        self._recover(db)
        if row[0] != cap:
            spent, held = db.execute("SELECT spent, held FROM budget").fetchone()
            if spent + held > cap:
                raise ValueError(
                    f"{self.path} has spent or held {spent + held} picodollars, more than the budget {cap}"
                )
            db.execute("UPDATE budget SET cap = ?", (cap,))
            _event(db, "cap", before=row[0], after=cap)

    def _recover(self, db: sqlite3.Connection) -> None:
        """What a process that died had open is lost: whether it was charged, nobody knows."""
        for key, owner in db.execute("SELECT key, owner FROM attempt WHERE state = 'held'").fetchall():
            if not _alive(owner):
                _lose(db, key, "its process died")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def write(self, *operations: Operation) -> list[Any]:
        """Do all in one transaction: durable when this returns, or not at all where one raises."""
        with self._lock, _transaction(self._db):
            return [operation(self._db) for operation in operations]

    def hold(self, key: str, *, request: str, item: int, model: str, try_no: int, amount: int) -> bool:
        """Set money aside for an attempt that is about to be sent; False where it does not fit, and nothing is held."""
        return bool(
            self.write(self.holding(key, request=request, item=item, model=model, try_no=try_no, amount=amount))[0]
        )

    def holding(self, key: str, *, request: str, item: int, model: str, try_no: int, amount: int) -> Operation:
        """`hold` as an operation, to be written with others."""
        if isinstance(amount, bool) or not isinstance(amount, int) or amount < 0:
            raise ValueError(f"a hold must be whole picodollars of at least 0; it is {amount!r}")

        def operation(db: sqlite3.Connection) -> bool:
            fits = "UPDATE budget SET held = held + :h WHERE spent + held + :h <= cap AND overrun = 0"
            if db.execute(fits, {"h": amount}).rowcount == 0:
                return False
            db.execute(
                "INSERT INTO attempt(key, request, item, model, try_no, hold, state, owner)"
                " VALUES (?,?,?,?,?,?,'held',?)",
                (key, request, item, model, try_no, amount, self.owner),
            )
            return True

        return operation

    def settle(self, key: str, *, cost: int, label: str | None, reply: str, usage: Any = None, id: str = "") -> None:
        """Book what an attempt cost, with its reply. Raises `ValueError` where it is not held."""
        self.write(self.settling(key, cost=cost, label=label, reply=reply, usage=usage, id=id))

    def settling(
        self, key: str, *, cost: int, label: str | None, reply: str, usage: Any = None, id: str = ""
    ) -> Operation:
        """`settle` as an operation, to be written with others."""
        if isinstance(cost, bool) or not isinstance(cost, int) or cost < 0:
            raise ValueError(f"a cost must be whole picodollars of at least 0; it is {cost!r}")

        def operation(db: sqlite3.Connection) -> None:
            hold = _take(db, key)
            over = max(cost - hold, 0)
            _book(db, hold=hold, cost=cost, over=over)
            db.execute(
                "UPDATE attempt SET state='settled', cost=?, label=?, reply=?, usage=?, response_id=? WHERE key=?",
                (cost, label, reply, json.dumps(usage), id, key),
            )
            if over:
                _event(db, "overrun", key=key, hold=hold, cost=cost)

        return operation

    def release(self, key: str, why: str) -> None:
        """Give a hold back: only where the answer proves that nothing was charged."""
        self.write(self.releasing(key, why))

    def releasing(self, key: str, why: str) -> Operation:
        """`release` as an operation, to be written with others."""

        def operation(db: sqlite3.Connection) -> None:
            db.execute("UPDATE budget SET held = held - ?", (_take(db, key),))
            db.execute("UPDATE attempt SET state='released', detail=? WHERE key=?", (why, key))

        return operation

    def lose(self, key: str, why: str) -> None:
        """Spend a hold in full: the outcome is unknown."""
        self.write(self.losing(key, why))

    def losing(self, key: str, why: str) -> Operation:
        """`lose` as an operation, to be written with others."""
        return lambda db: _lose(db, key, why)

    def reconcile(self, key: str, cost: int) -> None:
        """Book what a lost attempt turned out to have cost, at most its hold: by the server's own account."""

        def operation(db: sqlite3.Connection) -> None:
            row = db.execute("SELECT hold, cost FROM attempt WHERE key=? AND state='lost'", (key,)).fetchone()
            if row is None or not 0 <= cost <= row[0]:
                raise ValueError(f"attempt {key} is not lost, or {cost} is not between 0 and its hold")
            db.execute("UPDATE budget SET spent = spent - ?", (row[1] - cost,))
            db.execute("UPDATE attempt SET cost=? WHERE key=?", (cost, key))
            _event(db, "reconciled", key=key, before=row[1], after=cost)

        self.write(operation)

    def answer(self, request: str) -> tuple[str | None, str, int] | None:
        """Label, reply and cost of a settled attempt at this request: the first that could be read, or the first."""
        with self._lock:
            query = (
                "SELECT label, reply, cost FROM attempt WHERE request=? AND state='settled'"
                " ORDER BY label IS NULL, try_no LIMIT 1"
            )
            found: tuple[str | None, str, int] | None = self._db.execute(query, (request,)).fetchone()
            return found

    def tries(self, request: str) -> int:
        """How many attempts at this request were ever made."""
        with self._lock:
            return int(self._db.execute("SELECT COUNT(*) FROM attempt WHERE request=?", (request,)).fetchone()[0])

    @property
    def account(self) -> Account:
        """The money now."""
        with self._lock:
            return Account(*self._db.execute("SELECT cap, held, spent, overrun FROM budget").fetchone())

    def about(self, name: str, value: Any) -> Any:
        """Remember a value under a name, or return what was remembered first."""
        text = json.dumps(value, sort_keys=True)

        def operation(db: sqlite3.Connection) -> Any:
            db.execute("INSERT OR IGNORE INTO about VALUES (?, ?)", (name, text))
            return json.loads(db.execute("SELECT value FROM about WHERE name=?", (name,)).fetchone()[0])

        return self.write(operation)[0]

    def note(self, kind: str, **detail: Any) -> None:
        """Add an event."""
        self.write(lambda db: _event(db, kind, **detail))

    @property
    def why(self) -> str:
        """Why the run ended last; empty where it did not."""
        with self._lock:
            row = self._db.execute("SELECT detail FROM event WHERE kind='ended' ORDER BY id DESC LIMIT 1").fetchone()
        return str(json.loads(row[0])["why"]) if row else ""

    def paid(self, request: str, item: int) -> int:
        """What all attempts at a request cost that were made for this item, lost ones in full."""
        query = "SELECT COALESCE(SUM(cost), 0) FROM attempt WHERE request=? AND item=? AND state IN ('settled','lost')"
        with self._lock:
            return int(self._db.execute(query, (request, item)).fetchone()[0])

    def record(self, t: int, choice: Any, outcome: Any) -> None:
        """Store a round. Raises `sqlite3.IntegrityError` where it was stored before."""
        row = (t, json.dumps(choice), json.dumps(outcome))
        self.write(lambda db: db.execute("INSERT INTO round VALUES (?,?,?)", row))

    def rounds(self) -> list[tuple[int, Any, Any]]:
        """All rounds, in order."""
        with self._lock:
            rows = self._db.execute("SELECT t, choice, outcome FROM round ORDER BY t").fetchall()
        return [(t, json.loads(choice), json.loads(outcome)) for t, choice, outcome in rows]

    def attempts(self) -> list[dict[str, Any]]:
        """Every attempt, in the order they were held."""
        with self._lock:
            rows = self._db.execute("SELECT * FROM attempt ORDER BY rowid")
            names = [column[0] for column in rows.description]
            return [dict(zip(names, row, strict=True)) for row in rows]

    def audit(self) -> list[str]:
        """What is wrong with the books, a sentence each; none where they are in order."""
        with self._lock:
            query = (
                "SELECT COALESCE(SUM(CASE WHEN state IN ('settled','lost') THEN cost END), 0),"
                " COALESCE(SUM(CASE WHEN state = 'held' THEN hold END), 0),"
                " COALESCE(SUM(CASE WHEN state = 'settled' THEN MAX(cost - hold, 0) END), 0) FROM attempt"
            )
            spent, held, over = self._db.execute(query).fetchone()
            sound = self._db.execute("PRAGMA integrity_check").fetchone()[0]
        now = self.account
        found = [] if sound == "ok" else [f"the file is damaged: {sound}"]
        found += [f"{now.spent} picodollars are booked as spent, the attempts add up to {spent}"] * (now.spent != spent)
        found += [f"{now.held} picodollars are booked as held, the attempts add up to {held}"] * (now.held != held)
        found += [f"an overrun of {now.overrun} is booked, the attempts add up to {over}"] * (now.overrun != over)
        return found


def isolated(operation: Operation) -> Operation:
    """An operation that, where it raises, undoes itself alone and returns the exception."""

    def within(db: sqlite3.Connection) -> Any:
        db.execute("SAVEPOINT one")
        try:
            result = operation(db)
        except Exception as error:
            db.execute("ROLLBACK TO one")
            result = error
        db.execute("RELEASE one")
        return result

    return within


def _take(db: sqlite3.Connection, key: str) -> int:
    row = db.execute("SELECT hold FROM attempt WHERE key=? AND state='held'", (key,)).fetchone()
    if row is None:
        raise ValueError(f"attempt {key} is not held: it was settled, released or lost before, or never made")
    return int(row[0])


def _book(db: sqlite3.Connection, *, hold: int, cost: int, over: int) -> None:
    change = "UPDATE budget SET overrun = overrun + ?, held = held - ?, spent = spent + ?"
    db.execute(change, (over, hold, cost))


def _lose(db: sqlite3.Connection, key: str, why: str) -> None:
    hold = _take(db, key)
    _book(db, hold=hold, cost=hold, over=0)
    db.execute("UPDATE attempt SET state='lost', cost=hold, detail=? WHERE key=?", (why, key))


def _event(db: sqlite3.Connection, kind: str, **detail: Any) -> None:
    db.execute("INSERT INTO event(kind, detail) VALUES (?, ?)", (kind, json.dumps(detail, sort_keys=True)))


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _wal_is_sound(version: Sequence[int] = sqlite3.sqlite_version_info) -> bool:
    """Whether SQLite has the fix of the corruption that a WAL reset could cause (3.51.3, and two back-ports)."""
    v = tuple(version)
    return v >= (3, 51, 3) or (3, 50, 7) <= v < (3, 51) or (3, 44, 6) <= v < (3, 45)


def _owner(pid: int) -> str:
    return f"{os.uname().nodename}:{pid}:{_started(pid)}"


def _started(pid: int) -> str:
    """When a process started, so that another with its number is not taken for it; empty where nobody can say."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _alive(owner: str) -> bool:
    """Whether the process that holds an attempt runs. On another host nobody can say: it is taken to."""
    node, pid, started = owner.rsplit(":", 2)
    if node != os.uname().nodename:
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return started == _started(int(pid))
