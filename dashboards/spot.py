"""Spot and cost: what runs used, what it cost, and what spot capacity saved and lost."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.panels import RUNS_VARIABLES, Panel, bars, dashboard, number
from dashboards.queries import BY_PIPELINE, PIPELINE_LEGEND, RATE, increase, ratio, select

__all__ = ["spot"]

HOUR = "3600"
GIB_HOUR = "(1024 * 1024 * 1024 * 3600)"


def spot() -> Dashboard:
    """The dashboard."""
    return dashboard("spot", "Spot and cost", "Usage by capacity, cost, saving, reclaims and lost work.", RUNS_VARIABLES, {
        "Usage": usage(), "Cost": cost(), "Spot": reclaims(),
    })  # fmt: skip


def usage() -> list[Panel]:
    """Processors and memory."""
    vcpu, memory = "hookline_compute_vcpu_seconds_total", "hookline_compute_memory_byte_seconds_total"
    return [
        number("vCPU hours", "vCPU hours of ended pods, by the billed size.", f"{increase(vcpu)} / {HOUR}", width=8),
        number("GiB hours", "GiB hours of ended pods, by the billed size.", f"{increase(memory)} / {GIB_HOUR}", width=8),
        number("Share of spot", "Share of spot capacity in the vCPU hours.", ratio(increase(vcpu, capacity="spot"), increase(vcpu)), "percentunit", width=8),
        bars("vCPU hours by capacity", "vCPU hours of ended pods.", [(f"{increase(vcpu, RATE, 'capacity')} / {HOUR}", "{{capacity}}")], width=8),
        bars("GiB hours by capacity", "GiB hours of ended pods.", [(f"{increase(memory, RATE, 'capacity')} / {GIB_HOUR}", "{{capacity}}")], width=8),
        bars("vCPU hours by step and platform", "vCPU hours of ended pods.", [(f"{increase(vcpu, RATE, 'step, platform')} / {HOUR}", "{{step}}, {{platform}}")], width=8),
    ]  # fmt: skip


def cost() -> list[Panel]:
    """Money."""
    paid, listed, unpriced = (
        f"hookline_compute_{each}_total" for each in ("cost", "list_cost", "unpriced_vcpu_seconds")
    )
    saved = f"{increase(listed, by='currency', capacity='spot')} - {increase(paid, by='currency', capacity='spot')}"
    return [
        number("Cost", "Estimated cost, from the price list.", (increase(paid, by="currency"), "{{currency}}"), width=6),
        number("On demand", "Cost that the same pods would have on demand.", (increase(listed, by="currency"), "{{currency}}"), width=6),
        number("Saved by spot", "List price of spot pods minus their cost. No data without a price for spot.", (saved, "{{currency}}"), width=6),
        number("Without a price", "Share of vCPU hours without a price in the price list. The cost leaves them out.",
               f"({increase(unpriced)} or vector(0)) / ({increase('hookline_compute_vcpu_seconds_total')} > 0)", "percentunit", bad=0.05, width=6),
        bars("Cost by pipeline", "Estimated cost.", [(increase(paid, RATE, f"{BY_PIPELINE}, currency"), PIPELINE_LEGEND + " {{currency}}")]),
        number("Price list", "Currency and source of the price list.", (f"max by (currency, source) ({select('hookline_price_info')})", "{{currency}}, {{source}}"),
               words={"1": "in use"}, width=6),
        number("Age of the price list", "Age of the prices. Prices change, so an old list gives wrong costs.", f"time() - max({select('hookline_price_date_seconds')})", "s",
               bad=180 * 86_400.0, width=6),
        bars("Cost by owner", "Estimated cost. Runs whose Workflow names no owner are the line without a name.",
             [(increase(paid, RATE, "owner, currency"), "{{owner}} {{currency}}")], width=24),
    ]  # fmt: skip


def reclaims() -> list[Panel]:
    """Panels of reclaimed pods."""
    pods, wasted = "hookline_spot_pods_total", "hookline_spot_wasted_vcpu_seconds_total"
    return [
        number("Spot pods", "Ended pods that asked for spot capacity.", increase(pods), width=6),
        number("Reclaimed", "Share of spot pods that were reclaimed while they worked.",
               ratio(increase("hookline_spot_reclaims_total"), increase(pods)), "percentunit", bad=0.05, width=6),
        number("Degraded", "Pods that asked for spot capacity and ran on demand.", f"{increase('hookline_spot_degraded_total')} or vector(0)", width=6),
        number("Wasted vCPU hours", "vCPU hours of reclaimed attempts, whose work was lost.", f"{increase(wasted)} / {HOUR}", width=6),
        bars("Reclaims", "BidFailed: the pod failed, and was kept; evicted: it was deleted.",
             [(increase("hookline_spot_reclaims_total", RATE, f"{BY_PIPELINE}, reason"), PIPELINE_LEGEND + ": {{reason}}")]),
        bars("Wasted vCPU hours", "vCPU hours of reclaimed attempts.", [(f"{increase(wasted, RATE, BY_PIPELINE)} / {HOUR}", PIPELINE_LEGEND)]),
    ]  # fmt: skip
