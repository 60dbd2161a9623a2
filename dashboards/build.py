"""Makes the dashboards; their texts are kept in `out/`, so that who loads them needs no library of Grafana's."""

from collections.abc import Mapping

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.caches import caches
from dashboards.event_path import event_path
from dashboards.exporter import exporter
from dashboards.overview import overview
from dashboards.pipeline import pipeline
from dashboards.spot import spot

__all__ = ["build"]


def build() -> Mapping[str, str]:
    """File name → JSON."""
    made = [each().build() for each in (overview, pipeline, caches, spot, event_path, exporter)]
    return {f"{each.uid}.json": JSONEncoder(sort_keys=True, indent=1).encode(each) + "\n" for each in made}
