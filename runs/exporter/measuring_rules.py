"""The rules of measuring, from the configuration and from what the ledger knows."""

from runs.exporter.configuration import Configuration
from runs.exporter.family import PIPELINE, PipelineLabels
from runs.exporter.labels import Labels
from runs.exporter.ledger import Ledger
from runs.exporter.measuring import Rules

__all__ = ["make_rules"]


def make_rules(configuration: Configuration, ledger: Ledger) -> Rules:
    """The rules of a configuration; pipelines that have series keep them."""
    known = {
        PipelineLabels(*labels[: len(PIPELINE)])
        for (name, labels), _ in ledger.series.values()
        if name == "hookline_runs_total"
    }
    fan_outs = {
        (labels[0], labels[1])
        for (name, labels), _ in ledger.series.values()
        if name == "hookline_fan_outs_total"
    }
    labels = Labels(
        adopt=configuration.adopt,
        steps=configuration.steps,
        max_pipelines=configuration.max_pipelines,
        known=known,
        known_fan_outs=fan_outs,
    )
    return Rules(labels=labels, prices=configuration.price_list)
