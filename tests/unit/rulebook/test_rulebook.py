"""A worker's copy of rules: looked at once for all who ask, compiled once, and never replaced by what does not work."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from engine.rulebook import rulebook
from engine.rulebook.patience import patience
from engine.rulebook.rulebook import Rulebook
from engine.rules.errors import RuleError, Undecidable
from engine.rules.prepared import Prepared
from engine.rules.stored import content_hash
from engine.store.rules.versions import activate, add_version
from tests.unit.rulebook.shop import Shop
from tests.worker.rule_flows import RULES, model

ASKERS = 8


def test_a_copy_is_good_for_executions_that_began_before_it_was_read(shop: Shop) -> None:
    shop.put("0.1")
    shop.now_us = 2000
    assert shop.ask(1000).version == 1
    shop.queries = 0
    assert [shop.ask(begun_us).version for begun_us in (1000, 1999)] == [1, 1]
    assert shop.queries == 0
    shop.put("0.2")
    shop.queries = 0
    assert shop.ask(1999).version == 1
    assert shop.queries == 0
    assert shop.ask(2000).version == 2
    assert shop.queries > 0
    assert shop.ask(1999).version == 1


def test_a_version_that_is_named_by_its_number_is_looked_for_once(shop: Shop) -> None:
    shop.put("0.1", active=False)
    assert shop.ask(version=1).version == 1
    shop.queries = 0
    shop.ask(version=1, begun_us=10**15)
    assert shop.queries == 0
    shop.put("0.2", active=False)
    assert shop.ask(version=2).version == 2


def test_one_look_serves_all_who_waited_for_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.put("0.1")
    shop.ask()
    looks: list[int] = []
    under_way = threading.Event()
    waiting = threading.Semaphore(0)
    look = Rulebook.reload

    def slow(self: Rulebook, tx: Any) -> None:
        if not looks:
            under_way.set()
            # The one that looks came by the lock, too.
            for _ in range(ASKERS):
                assert waiting.acquire(timeout=30)
        looks.append(1)
        look(self, tx)

    lock = shop.rulebook._looking

    class Noticed:
        """The lock of looks, which tells that somebody is about to wait for it."""

        def __enter__(self) -> None:
            waiting.release()
            lock.acquire()

        def __exit__(self, *_: object) -> None:
            lock.release()

    shop.rulebook._looking = Noticed()  # type: ignore[assignment]
    monkeypatch.setattr(Rulebook, "reload", slow)
    shop.now_us = 3000
    with ThreadPoolExecutor(ASKERS) as threads:
        asked = [threads.submit(shop.ask, 2500)]
        assert under_way.wait(30)
        asked += [threads.submit(shop.ask, 2500) for _ in range(ASKERS - 1)]
        assert [one.result(30).version for one in asked] == [1] * ASKERS
    # The one that was under way, and one more for all who came while it was.
    assert len(looks) == 2


def test_a_version_is_compiled_once_for_all_threads(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.put("0.1")
    compiled: list[str] = []
    make = Prepared.from_text

    def counted(content: str) -> Prepared:
        compiled.append(content)
        return make(content)

    monkeypatch.setattr(Prepared, "from_text", counted)
    with ThreadPoolExecutor(ASKERS) as threads:
        assert {one.version for one in threads.map(lambda _: shop.ask(), range(50))} == {1}
    assert len(compiled) == 1


def test_what_is_active_is_compiled_before_it_is_asked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.put("0.1")
    with shop.database.read() as tx:
        shop.rulebook.reload(tx)
    shop.rulebook.compile()
    monkeypatch.setattr(Prepared, "from_text", None)
    assert shop.ask().version == 1


def test_few_are_kept(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rulebook, "KEPT", 2)
    for rate in ("0.1", "0.2", "0.3"):
        shop.put(rate, active=False)
    for version in (1, 2, 1, 3):
        assert shop.ask(version=version).version == version
    kept = list(shop.rulebook._slots)
    assert kept == [content_hash(model("0.1")), content_hash(model("0.3"))]
    assert shop.ask(version=2).version == 2


def test_one_that_does_not_compile_is_tried_again_and_harms_no_other(shop: Shop) -> None:
    shop.put("0.1")
    with shop.database.write() as tx:
        add_version(tx, RULES, "{}", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
        activate(tx, RULES, 2)
    shop.rulebook.compile()
    with pytest.raises(RuleError, match="this release") as caught:
        shop.ask()
    assert not isinstance(caught.value, Undecidable)
    assert shop.ask(version=1).version == 1


@pytest.mark.parametrize("inputs", [b"5", b"{", b'{"amount": {"@": "soon"}}'])
def test_inputs_that_are_none_are_undecidable(shop: Shop, inputs: bytes) -> None:
    shop.put("0.1")
    with pytest.raises(Undecidable, match="version 1"):
        shop.ask(inputs=inputs)


def test_an_older_look_does_not_take_back_a_newer_one(shop: Shop) -> None:
    shop.put("0.1")
    with shop.database.read() as old:
        old.connection.exec_driver_sql("SELECT 1 FROM milepost_generations").all()
        shop.put("0.2")
        assert shop.ask(1000).version == 2
        shop.rulebook.reload(old)
    assert shop.ask(999, version=2).version == 2


def test_a_look_waits_for_an_activation_that_is_about_to_be_committed(shop: Shop) -> None:
    """An execution that begins in between would decide by one version first, and by another one later."""
    shop.put("1")
    shop.put("2", active=False)
    with ThreadPoolExecutor(1) as pool:
        with shop.database.write() as tx:
            shop.now_us = 2000
            activate(tx, RULES, 2)
            shop.now_us = 2010
            asked = pool.submit(shop.ask, 2005)
            with pytest.raises(TimeoutError):
                asked.result(0.3)
        assert asked.result(30).version == 2


def test_half_a_character_is_nothing_that_another_attempt_can_decide(shop: Shop) -> None:
    shop.put('"\\uD800"')
    with pytest.raises(Undecidable, match="version 1 of the rules 'credit': a text has half a character"):
        shop.ask()


def test_a_decision_that_keeps_the_processor_for_too_long_is_stopped(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.rulebook.rulebook.patience", lambda: patience(0.05))
    shop.put("count(for i in 1..1000, j in 1..900 return i * j)")
    with pytest.raises(Undecidable, match="longer than it may here"):
        shop.ask()
