"""Settings, prices and CDEvents: refusals with their place, money by the second, events that do not hold up metrics."""

import datetime
import json
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from runs.cdevents import Sender, event_of
from runs.exporter.configuration import InvalidConfiguration, read_configuration
from runs.exporter.ledger import Observation
from runs.exporter.prices import BUILT_IN, InvalidPrices, read_prices
from runs.history import Attempt, Run

GIB = 1024.0**3
PRICES = """\
currency: USD
source: our contract
date: 2026-11-01
vcpu: {on_demand: 0.36, spot: 0.036}
memory: {on_demand: 0.036, spot: 0.0036}
instance_types: {ecs.c6.large: {on_demand: 1.0}}
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("adpt: [x]\n", ":1:1: adpt: unknown key; known are templates, adopt, steps"),
        (
            "templates: [a]\nmax_pipelines: 0\n",
            ":2:1: max_pipelines: Input should be greater than or equal to 1",
        ),
        ("cdevents: {url: ftp://x}\n", ":1:12: cdevents.url: String should match pattern"),
        (
            "cdevents: {url: http://x, sorce: y}\n",
            ":1:27: cdevents.sorce: unknown key; known are url, source",
        ),
        ("adopt: [\n", ":2:1: "),
        ("adopt: [\x01]\n", "config.yaml: unacceptable character"),
        ("[" * 5000, "config.yaml: "),
        ("prices: missing.yaml\n", "missing.yaml"),
        ("[]\n", ""),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    if not message:
        assert read_configuration(path).adopt == ()
        return
    with pytest.raises(InvalidConfiguration) as refused:
        read_configuration(path)
    assert message in str(refused.value)


def test_prices_may_stand_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text(PRICES)
    (tmp_path / "config.yaml").write_text("prices: prices.yaml\nadopt: ['shop-*']\n")
    found = read_configuration(tmp_path / "config.yaml")
    assert found.price_list().currency == "USD"


def test_the_built_in_list_is_what_eci_says() -> None:
    # The vendor's own example of its price API: 2 vCPU and 4 GiB cost 0.00012252 CNY a second.
    assert BUILT_IN.cost(1, 2, 4 * GIB, instance_type="", spot=False) == pytest.approx(0.00012252)
    assert BUILT_IN.cost(1, 2, 4 * GIB, instance_type="", spot=True) is None
    assert BUILT_IN.cost(1, 0, 0, instance_type="ecs.c6.large", spot=False) is None


def test_a_price_file_names_spot_and_types(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(PRICES)
    prices = read_prices(path)
    assert prices.cost(3600, 2, 4 * GIB, instance_type="", spot=True) == pytest.approx(2 * 0.036 + 4 * 0.0036)
    assert prices.cost(1800, 2, 4 * GIB, instance_type="ecs.c6.large", spot=False) == pytest.approx(0.5)
    assert prices.cost(1800, 2, 4 * GIB, instance_type="ecs.c6.large", spot=True) is None
    assert prices.date == datetime.date(2026, 11, 1)


@pytest.mark.parametrize(
    "spoiled", [("USD", "dollars"), ("0.36", "-1"), ("source", "sauce"), ("{", "["), ("0.036", ".nan")]
)
def test_a_wrong_price_file_is_refused(tmp_path: Path, spoiled: tuple[str, str]) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(PRICES.replace(*spoiled))
    with pytest.raises(InvalidPrices, match=r"prices\.yaml"):
        read_prices(path)


RUN = Run("u1", "ci", "shop-1", "shop", "push", "error", 1.0, 2.0, 90.0, message="no node")
ATTEMPT = Attempt("run-test", "shop-1-t", "failure", "spot", "eci", 1.0, 2.0, 3.0, uid="p1")
COUNTED = [
    Observation("run/u1/90", 90.0, (), run=RUN),
    Observation("attempt/p1", 3.0, (), attempt=("u1", ATTEMPT)),
]


def test_a_run_and_a_step_become_cdevents() -> None:
    run, step = (event_of(each, "/ci") for each in COUNTED)
    assert run is not None
    assert step is not None
    data = run.get_data()
    assert isinstance(data, dict)
    assert data["context"]["type"] == "dev.cdevents.pipelinerun.finished.0.2.0"
    assert data["subject"]["content"] == {"pipelineName": "shop", "outcome": "error", "errors": "no node"}
    data = step.get_data()
    assert isinstance(data, dict)
    assert data["subject"]["content"]["taskName"] == "run-test"
    assert data["subject"]["content"]["outcome"] == "failure"
    assert event_of(Observation("lost/x", 1.0, ()), "/ci") is None


def test_sending_is_retried_given_up_and_never_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runs.cdevents.FIRST_PAUSE_SECONDS", 0.001)
    answers = iter([503, OSError("down"), 200, 400])
    bodies: list[bytes] = []

    def post(headers: Mapping[str, str], body: bytes) -> int:
        assert headers["content-type"].startswith("application/cloudevents+json")
        bodies.append(body)
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    sender = Sender(post, "/ci")
    sender.send(COUNTED)
    sender.close(5)
    assert sender.results == {"sent": 1, "dropped": 1}
    assert json.loads(bodies[0])["id"] == "run/u1/90"
    assert bodies[0] == bodies[1] == bodies[2]


def test_a_sink_that_hangs_costs_events_not_memory() -> None:
    release = threading.Event()

    def post(*_: object) -> int:
        release.wait(5)
        return 200

    sender = Sender(post, "/ci", waiting=3)
    for _ in range(10):
        sender.send(COUNTED[:1])
    assert sender.results["dropped"] >= 6
    release.set()
    sender.close(5)
    assert sum(sender.results.values()) == 10
