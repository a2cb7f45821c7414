"""Models that import others, decided by workers: a version has all of it, whatever becomes of the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine import Client, Registry, flow, rules, wait_for_event
from tests.unit.rules.dmn.lending import LENDING, RISK, SHARED, put
from tests.worker.serving import Store, serving


@flow
async def lend(order: dict[str, Any]) -> list[Any]:
    first = await rules.decide("lending", order)
    await wait_for_event("go", timeout="1m")
    second = await rules.decide("lending", order)
    return [first.outcome, second.outcome, second.version]


def test_a_version_keeps_what_it_imports(store: Store, tmp_path: Path) -> None:
    here = put(tmp_path / "rules", lending=LENDING, risk=RISK, shared=SHARED)
    order = {"Age": 23, "Amount": 500}
    with Client(store.url) as client:
        client.import_rules(here / "lending.dmn")
        client.activate_rules("lending")
        with serving(store.url, registry=Registry([lend])):
            old = client.start(lend, order)
            store.wait_for_step(old.id, "waiting", 2)
            # Another release of what is imported is another version of what imports it.
            put(here, risk=RISK.replace("&lt; 25", "&lt; 21"))
            version, is_new = client.import_rules(here / "lending.dmn")
            assert (version.number, is_new) == (2, True)
            client.activate_rules("lending")
            new = client.start(lend, order)
            store.wait_for_step(new.id, "waiting", 2)
            for one in (old, new):
                one.signal("go")
            assert old.result(30) == [0, 0, 1]
            assert new.result(30) == [6, 6, 2]
        explained = client.explain_decision(new.id, 1)
        assert explained.agrees
        assert [one.decision for one in explained.tables] == ["Offer", "risk / Risk"]
