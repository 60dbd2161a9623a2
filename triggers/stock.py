"""Templates that are known without asking a cluster: hookline's own, and facts about a vendor's."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources

import yaml

from triggers.inspection.anatomy import anatomy
from triggers.inspection.capabilities import capabilities, roles
from triggers.shipped import shipped, shipped_names
from triggers.template import Template

__all__ = ["StockTemplates", "stock", "stock_names"]


def stock_names() -> tuple[str, ...]:
    """Templates whose capabilities come with hookline."""
    return tuple(sorted({*_fact_files(), *shipped_names()}))


def _fact_files() -> frozenset[str]:
    folder = resources.files("triggers.templates")
    return frozenset(
        item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml")
    )


@cache
def stock(name: str, *, restricted: bool = False) -> Template:
    """A template that hookline knows without asking a cluster: by facts about a vendor's template, or from one that comes with hookline.

    Args:
        name: One of `stock_names`.
        restricted: Whether hookline's own are in the form for templateReferencing.

    Raises:
        KeyError: hookline knows nothing of it.
    """
    if name not in _fact_files():
        return capabilities(
            anatomy(shipped(name, restricted=restricted)), "the template that hookline brings"
        )
    facts = yaml.safe_load(
        resources.files("triggers.templates").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    )
    return Template(
        name=facts["name"],
        cluster_scope=facts["kind"] == "ClusterWorkflowTemplate",
        namespace="",
        parameters=facts["parameters"],
        choices={},
        roles=roles(facts["parameters"], {}),
        concurrent_runs=facts["concurrent_runs"],
        takes_any_ref=facts["takes_any_ref"],
        inline_tasks=facts["inline_tasks"],
        own_retries=facts["own_retries"],
        moves_latest=facts["moves_latest"],
        pasted=frozenset(facts["pasted"]),
        service_account=facts["service_account"],
        executor=None,
        synchronized=facts["synchronized"],
        own_semaphores=False,
        sizes={},
        one_pod="",
        origin="what hookline knows of the stock template",
    )


class StockTemplates(Mapping[str, Template]):
    """Every template known without asking, each read when somebody asks for it."""

    def __init__(self, *, restricted: bool = False) -> None:
        self._restricted = restricted

    def __getitem__(self, name: str) -> Template:
        return stock(name, restricted=self._restricted)

    def __iter__(self) -> Iterator[str]:
        return iter(stock_names())

    def __len__(self) -> int:
        return len(stock_names())
