"""Prices of capacity: a dated list, built in or from a file.

The built-in list holds ECI's on-demand list price for mainland China in vCPU-and-memory mode (help.aliyun.com/zh/eci/
product-overview/elastic-container-instances, read 2026-11). Spot prices are market prices: without a file that names them a
spot pod has a list cost and no cost.
"""

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from documents.blocks import Block
from documents.files import read_model
from documents.lines import check_line
from documents.scalars import parse_date
from documents.wanted import Wanted
from runs.capacity import GIB

__all__ = ["BUILT_IN", "Prices", "read_prices"]

WANTED = Wanted(
    mapping="such as currency: CNY",
    empty="expected a price list with currency, source, date, vcpu and memory",
    merge_key="write its keys out",
)
Hourly = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
Platform = Literal["eci", "acs", "node"]


class _Rate(Block):
    on_demand: Hourly
    spot: Hourly | None = None


class Prices(Block):
    """Prices per hour, in one currency."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["CNY"])]
    source: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(check_line)]
    date: Annotated[datetime.date, BeforeValidator(parse_date)]
    """The day on which the prices were read."""
    vcpu: _Rate
    """One vCPU."""
    memory: _Rate
    """One GiB."""
    instance_types: Mapping[str, _Rate] = {}
    """ECS types, as `eci-instance-spec` names them."""
    platforms: Annotated[tuple[Platform, ...], Field(strict=False)] = ("eci",)
    """Platforms to which the prices apply; pods on others have no cost."""

    @property
    def as_of(self) -> float:
        """The day in Unix seconds."""
        midnight = datetime.datetime.combine(self.date, datetime.time(), datetime.UTC)
        return midnight.timestamp()

    def cost(
        self, seconds: float, vcpu: float, memory_bytes: float, *, instance_type: str, spot: bool
    ) -> float | None:
        """The price of a pod's time; None where no price is known."""
        rate = self.instance_types.get(instance_type) if instance_type else None
        if rate is not None:
            hourly = rate.spot if spot else rate.on_demand
            return None if hourly is None else hourly * seconds / 3600
        cpu_price = self.vcpu.spot if spot else self.vcpu.on_demand
        memory_price = self.memory.spot if spot else self.memory.on_demand
        if cpu_price is None or memory_price is None or vcpu <= 0:
            return None
        return (vcpu * cpu_price + memory_bytes / GIB * memory_price) * seconds / 3600


BUILT_IN = Prices(
    currency="CNY",
    source="ECI list price, mainland China",
    date=datetime.date(2026, 11, 1),
    vcpu=_Rate(on_demand=0.1764),
    memory=_Rate(on_demand=0.022068),
)


def read_prices(path: Path) -> Prices:
    """Read a price file.

    Raises:
        InvalidInput: With every problem that was found, each with its position.
    """
    return read_model(path, Prices, WANTED)
