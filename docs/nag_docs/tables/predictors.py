"""Tables of predictors: ranking, cost, parts and transfer."""

from __future__ import annotations

from nag_docs.values import Values, markdown

ABLATION = ("gnn", "trees", "transformer", "proxies", "undirected", "squared", "hinge", "listwise", "pretrained")


TAUS = ("kendall_tau", "kendall_tau_no_twins")


def predictor() -> str:
    found, lines = Values("predictor"), []
    for task, method in found.keys("task", "method", where=lambda row: row["method"] not in ABLATION):
        cells = []
        for (setting,) in found.keys("setting", where=lambda row, task=task: row["task"] == task):
            of = {"task": task, "method": method, "setting": setting}
            labels, both = setting.removeprefix("labels="), [found.cell(".3f", name, **of) for name in TAUS]
            if both[0] != "–":
                cells.append(f"{labels}: {both[0]} ({both[1].partition(' ')[0]})")
        lines.append([task, method, ", ".join(cells), found.cell(".3f", "tau_ceiling", task=task, method=method)])
    return markdown(["task", "predictor", "labels: tau (without twins)", "noise ceiling of tau"], lines)


def predictor_times() -> str:
    found, lines = Values("predictor"), []
    for task, method in found.keys("task", "method", where=lambda row: row["method"] in ("default", "gp")):
        of = {"task": task, "method": method}
        settings = [setting for (setting,) in found.keys("setting", where=lambda row, of=of: of.items() <= row.items())]
        times = (
            f"{setting.removeprefix('labels=')}: {found.cell('.1f', 'fit_cpu_seconds', **of, setting=setting)} / "
            f"{found.cell('.1f', 'score_cpu_seconds', **of, setting=setting)}"
            for setting in settings
        )
        lines.append([task, method, ", ".join(times)])
    return markdown(["task", "predictor", "labels: CPU seconds to fit / to score the whole table"], lines)


def ablation() -> str:
    found, lines = Values("predictor"), []
    for task, setting in found.keys("task", "setting", where=lambda row: row["method"] in ABLATION):
        of = {"task": task, "setting": setting}
        lines.append([task, setting, *(found.cell(".3f", TAUS[0], **of, method=name) for name in ("default", "gp", *ABLATION))])
    return markdown(["task", "labels", "default", "gp", *ABLATION], lines)


def transfer() -> str:
    found, lines = Values("transfer"), []
    shots = [setting for (setting,) in found.keys("setting") if setting.startswith("k=")]
    for method in ("meta-predictor", "adapters (AIO-P)", "mean rank", "nearest task", "GP from scratch"):
        cells = []
        for setting in shots:
            where = {"space": "nas_bench_graph", "method": method, "setting": setting}
            shown = []
            for name, form in (("kendall_tau", ".3f"), ("proposed_percentile", ".1f")):
                of = {**where, "metric": name}
                means = [row["mean"] for row in found.where(lambda row, of=of: of.items() <= row.items())]
                shown.append(f"{sum(means) / len(means):{form}}" if means else "–")
            cells.append(" / ".join(shown) if shown[0] != "–" else "–")
        lines.append([method, *cells])
    return markdown(["method", *shots], lines)


def guided_transfer() -> str:
    found, lines = Values("transfer"), []
    shown = found.keys("method", "setting", where=lambda row: row["metric"] == "guided_percentile")
    for (task,) in found.keys("task", where=lambda row: row["metric"] == "guided_percentile"):
        cells = [found.cell(".1f", "guided_percentile", task=task, method=name, setting=setting) for name, setting in shown]
        lines.append([task, *cells])
    return markdown(["task", *(name for name, _ in shown)], lines)
