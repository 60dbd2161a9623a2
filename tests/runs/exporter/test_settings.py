"""Settings and prices: refusals with their place, money by the second."""

import datetime
import os
from pathlib import Path

import pytest

from documents.diagnostics import InvalidInput
from runs.exporter.configuration import Configuration, read_configuration
from runs.exporter.labels import Labels
from runs.exporter.prices import BUILT_IN, read_prices
from runs.facts import Began

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
    ("text", "problems"),
    [
        ("adpt: [x]\n", ["1:1: error: adpt: unknown key; did you mean adopt?"]),
        (
            "templates: [a]\nmax_pipelines: 0\n",
            ["2:16: error: max_pipelines: expected 1 or more, not 0"],
        ),
        (
            "cdevents: {url: ftp://x}\n",
            [
                '1:17: error: cdevents.url: "ftp://x" is not accepted; expected text such as https://host.example.com'
            ],
        ),
        (
            "cdevents: {url: http://x, sorce: y}\n",
            ["1:27: error: cdevents.sorce: unknown key; did you mean source?"],
        ),
        ("adopt: [\n", ["2:1: error: expected a key or a value here"]),
        ("adopt: [\x01]\n", ["1:9: error: the character U+0001 is not allowed in YAML; remove it"]),
        ("[" * 5000, ["1:1001: error: nested too deeply; at most 100 levels are read"]),
        ("prices: missing.yaml\n", ["1:9: error: prices: there is no file {folder}/missing.yaml"]),
        ("[]\n", ["1:1: error: expected a mapping at the top, such as max_pipelines: 500, not a list"]),
        (
            "steps: [a]\nsteps: [b]\n",
            ['2:1: error: the key "steps" stands here twice; the first is in line 1'],
        ),
        ("on: 1\n", ['1:1: error: YAML reads the key "on" as true; quote the key']),
        (
            "log_seconds: 1:30\ntemplates: [yes, 1.20]\nkeep_runs: 1e3\n",
            [
                '1:14: error: YAML reads 1:30 as the number 90; write 90, or "1:30" if it is text',
                '2:13: error: templates.0: expected text, but YAML reads yes as true; write "yes"',
                '2:18: error: templates.1: expected text, but YAML reads 1.20 as the number 1.2; write "1.20"',
                '3:12: error: keep_runs: expected a whole number, not text "1e3"',
            ],
        ),
        (
            'adopt: ["[ab]*", "!x", "shop-*"]\n',
            [
                '1:9: error: adopt.0: "[ab]*": character classes are not part of the dialect; accepted: * within a path part, ** across parts, ? for one character',
                '1:18: error: adopt.1: "!x" starts with !; no pattern excludes anything here',
            ],
        ),
        ("a: &x {}\n<<: *x\n", ["2:1: error: the merge key << is refused; write its keys out"]),
    ],
)
def test_a_wrong_configuration_is_refused_with_each_place(
    tmp_path: Path, text: str, problems: list[str]
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInput) as refused:
        read_configuration(path)
    lines = str(refused.value).splitlines()
    assert len(lines) == len(problems)
    for line, problem in zip(lines, problems, strict=True):
        assert line.startswith(f"{path}:{problem.replace('{folder}', str(tmp_path))}")


@pytest.mark.parametrize("text", ["", "# every setting at its default\n", "{}\n", "---\n"])
def test_an_empty_configuration_is_every_default(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    assert read_configuration(tmp_path / "config.yaml") == Configuration()


def test_a_pipe_is_no_configuration_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.yaml")
    with pytest.raises(InvalidInput, match="not a regular file"):
        read_configuration(tmp_path / "config.yaml")


def test_patterns_of_adopted_runs_are_those_of_the_declaration() -> None:
    labels = Labels(adopt=["acme/*", "tools/**"])

    def pipeline(repository: str) -> str:
        return labels.pipeline(
            Began(uid="u", namespace="ci", name="shop-1", repo_name=repository, created=1.0)
        )[0].pipeline

    assert pipeline("acme/shop") == "acme/shop"
    assert pipeline("acme/shop/web") == "other"
    assert pipeline("tools/a/b") == "tools/a/b"
    assert pipeline("ACME/shop") == "other"
    assert pipeline("") == "other"


def test_prices_may_stand_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text(PRICES)
    (tmp_path / "config.yaml").write_text("prices: prices.yaml\nadopt: ['shop-*']\n")
    found = read_configuration(tmp_path / "config.yaml")
    assert found.price_list.currency == "USD"


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
    ("spoiled", "problems"),
    [
        (("USD", "dollars"), ['1:11: error: currency: "dollars" is not accepted; expected text such as CNY']),
        (("0.36,", "-1,"), ["4:19: error: vcpu.on_demand: expected 0.0 or more, not -1"]),
        (
            ("source", "sauce"),
            ["2:1: error: sauce: unknown key; did you mean source?"],
        ),
        (("vcpu: {", "vcpu: ["), ["4:"]),
        (("0.036}", ".nan}"), ["4:31: error: vcpu.spot: expected a finite number, not the number nan"]),
        (
            ("0.36, spot: 0.036", "1:30, spot: yes"),
            [
                '4:19: error: YAML reads 1:30 as the number 90; write 90, or "1:30" if it is text',
                "4:31: error: vcpu.spot: expected a number, not true",
            ],
        ),
        (("2026-11-01", "20261101"), ["3:7: error: date: expected a date such as 2026-12-31"]),
        (
            ("currency: USD", "currency: USD\ncurrency: CNY"),
            ['2:1: error: the key "currency" stands here twice; the first is in line 1'],
        ),
    ],
)
def test_a_wrong_price_file_is_refused_with_each_place(
    tmp_path: Path, spoiled: tuple[str, str], problems: list[str]
) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(PRICES.replace(*spoiled, 1))
    (tmp_path / "config.yaml").write_text("prices: prices.yaml\n")
    for read, file in ((read_prices, path), (read_configuration, tmp_path / "config.yaml")):
        with pytest.raises(InvalidInput) as refused:
            read(file)
        lines = str(refused.value).splitlines()
        assert len(lines) == len(problems)
        for line, problem in zip(lines, problems, strict=True):
            assert line.startswith(f"{path}:{problem}")
