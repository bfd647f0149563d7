"""Writes the tables of the README from docs/results, between the markers that name them; a test compares.

Run in the repository: python scripts/readme_tables.py
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import fmean

Row = dict[str, object]
ROOT = Path(__file__).parents[1]


def rows(suite: str) -> list[Row]:
    path = ROOT / "docs" / "results" / f"{suite}.json"
    return json.loads(path.read_text()) if path.is_file() else []


def markdown(header: list[str], lines: Iterable[list[str]]) -> str:
    text = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join([*text, *("| " + " | ".join(line) + " |" for line in lines)])


class Values:
    """The numbers of one suite, by what they are of."""

    def __init__(self, suite: str) -> None:
        self.rows = rows(suite)

    def keys(self, *names: str, where: Callable[[Row], bool] = lambda row: True) -> list[tuple[str, ...]]:
        return list(dict.fromkeys(tuple(str(row[name]) for name in names) for row in self.rows if where(row)))

    def cell(self, form: str, metric: str, **of: str) -> str:
        """`mean ± std` of a metric, or a dash."""
        for row in self.rows:
            if row["metric"] == metric and all(row[name] == value for name, value in of.items()):
                if row["mean"] is None:
                    return "–"
                spread = "" if not row["std"] else f" ± {row['std']:{form}}"
                return f"{row['mean']:{form}}{spread}"
        return "–"

    def seeds(self, **of: str) -> str:
        return next((str(row["seeds"]) for row in self.rows if all(row[name] == value for name, value in of.items())), "–")

    def labels(self, **of: str) -> str:
        return next((f"{row['labels']:g}" for row in self.rows if all(row[name] == value for name, value in of.items())), "–")


def generation() -> str:
    found, lines = Values("generation"), []
    for space, method in found.keys("space", "method"):
        of = {"space": space, "method": method}
        settings = [setting for (setting,) in found.keys("setting", where=lambda row, of=of: of.items() <= row.items())]
        most = max((s for s in settings if s.startswith("samples=")), key=lambda s: int(s.partition("=")[2]))

        def mean(metric: str, form: str, setting: str, of: dict[str, str] = of) -> str:
            return found.cell(form, metric, **of, setting=setting).partition(" ")[0]

        def share(metric: str) -> str:
            return f"{mean(metric, '.3f', 'samples=1000')} ({mean(metric + '_reference', '.3f', 'samples=1000')})"

        def distance(metric: str, most: str = most) -> str:
            return " / ".join(mean(metric + suffix, ".4f", most) for suffix in ("", "_reference", "_train"))

        cost = [mean(name, ".0f", "default sampler") for name in ("network_evaluations", "train_cpu_seconds")]
        rate = mean("samples_per_cpu_second", ".0f", "default sampler")
        lines.append(
            [
                *(space, method, found.seeds(**of), mean("validity_raw", ".4f", most), share("uniqueness"), share("novelty")),
                *(distance(name) for name in ("tv_ops", "tv_edges", "tv_depth", "tv_params")),
                *(*cost, rate),
            ]
        )
    header = ["space", "process", "seeds", "valid", "unique", "novel", "TV operations", "TV edges", "TV depth", "TV parameters"]
    return markdown([*header, "evaluations", "training CPU-s", "samples a CPU-s"], lines)


def steps() -> str:
    found = Values("generation")
    settings = [setting for (setting,) in found.keys("setting") if setting.startswith("steps=")]
    lines = []
    for (space,) in found.keys("space", where=lambda row: str(row["setting"]).startswith("steps=")):
        shown = (found.cell(".4f", "validity_raw", space=space, method="absorbing", setting=s) for s in settings)
        lines.append([space, *(text.partition(" ")[0] for text in shown)])
    return markdown(["validity_raw", *(setting.removeprefix("steps=") for setting in settings)], lines)


def guidance() -> str:
    found = Values("guidance")
    methods = [method for (method,) in found.keys("method")]
    lines = [
        [task, *(found.cell(".1f", "percentile_mean", task=task, method=method) for method in methods)]
        for (task,) in found.keys("task")
    ]
    return markdown(["task", *methods], lines)


def peers() -> str:
    found = Values("peers")
    names = ("true_mean", "true_best", "functional_uniqueness", "percentile_mean", "sampling_cpu_seconds")
    forms = (".2f", ".2f", ".2f", ".1f", ".1f")
    lines = [
        [method, *(found.cell(form, name, method=method) for name, form in zip(names, forms, strict=True))]
        for (method,) in found.keys("method")
    ]
    return markdown(["method", "mean accuracy", "best", "functions", "mean percentile", "sampling CPU-s"], lines)


def limits() -> str:
    found, lines = Values("limits"), []
    for task, method, setting in found.keys("task", "method", "setting", where=lambda row: "<=" in str(row["setting"])):
        of = {"task": task, "method": method, "setting": setting}
        values = (("kept", ".3f"), ("best", ".2f"), ("optimum", ".2f"), ("gap", ".2f"))
        lines.append([setting, method, *(found.cell(form, name, **of) for name, form in values)])
    return markdown(["limit", "method", "share that keeps it", "best accuracy", "optimum under it", "gap"], lines)


def fronts() -> str:
    found = Values("limits")
    lines = [
        [setting, *(found.cell(".3f", f"hypervolume_ratio{end}", setting=setting) for end in ("", "_nadir"))]
        for (setting,) in found.keys("setting", where=lambda row: str(row["setting"]).startswith("front"))
    ]
    return markdown(["front", "hypervolume over the true front's", "above the front's worst corner"], lines)


def extrapolation() -> str:
    found, lines = Values("extrapolation"), []
    names = ("ceiling", "before_mean", "after_mean", "after_best", "best_found", "random_best", "beyond_ceiling", "labels_used")
    for (method,) in found.keys("method"):
        lines.append([method, *(found.cell(".0f" if name == "labels_used" else ".2f", name, method=method) for name in names)])
    header = ["pretrained on", "its ceiling", "mean before", "mean after", "best sample after", "best labelled"]
    return markdown([*header, "best of as many random labels", "beyond the ceiling by", "labels"], lines)


def speed() -> str:
    found, lines = Values("speed"), []
    names = ("samples_per_cpu_second", "times_published", "train_cpu_seconds", "published_training_over", "network_evaluations")
    for space, method in found.keys("space", "method"):
        of = {"space": space, "method": method, "setting": "timed"}
        quality = (found.cell(".3f", name, **of) for name in ("validity_raw", "uniqueness", "novelty"))
        floor = found.cell(".1f", "times_floor", space=space, method=method)
        lines.append([space, method, *(found.cell(".4g", name, **of) for name in names), *quality, floor])
    header = ["space", "method", "samples a CPU-s", "times 0.53", "training CPU-s", "published training over it"]
    return markdown([*header, "evaluations", "valid", "unique", "novel", "step over the floor"], lines)


def scale() -> str:
    found, lines = Values("scale"), []
    names = ("train_seconds_per_step", "train_peak_mb", "seconds_per_sample", "sample_peak_mb", "attention_share")
    forms = (".3f", ".0f", ".2f", ".0f", ".2f")
    for (setting,) in found.keys("setting", where=lambda row: str(row["setting"]).startswith("nodes=")):
        shown = [found.cell(form, name, setting=setting) for name, form in zip(names, forms, strict=True)]
        lines.append([setting.removeprefix("nodes="), *shown])
    exponents = [found.cell(".2f", f"{name}_exponent") for name in ("train", "memory", "sample")]
    lines.append(["exponent from 64 nodes", *exponents, "–", "–"])
    header = ["nodes", "s a training step (4 graphs)", "peak MB", "s a sample (64 evaluations)", "peak MB"]
    return markdown([*header, "node states and attention, share of the network"], lines)


def real_graphs() -> str:
    found = Values("scale")
    names = ("validity_raw", "uniqueness", "novelty", "tv_ops", "tv_in_degree", "tv_out_degree", "w1_depth", "w1_nodes")
    lines = [
        [title, *(found.cell(".3f", name + suffix, setting="held out") for name in names)]
        for title, suffix in (("samples", ""), ("training graphs", "_reference"))
    ]
    return markdown(["to held-out graphs", *names], lines)


def calibration() -> str:
    found, lines = Values("calibration"), []
    stated = [setting for (setting,) in found.keys("setting") if setting.startswith("coverage=")]
    for task, method in found.keys("task", "method", where=lambda row: row["metric"] == "coverage"):
        of = {"task": task, "method": method}
        inside = (found.cell(".3f", "coverage", **of, setting=setting) for setting in stated)
        others = (("coverage_spread", ".3f"), ("coverage_best", ".3f"), ("width", ".3g"), ("width_median", ".3g"))
        at_90 = (found.cell(form, name, **of, setting="coverage=0.9").partition(" ")[0] for name, form in others)
        lines.append([task, method, found.labels(**of), *inside, *at_90])
    header = ["task", "intervals", "labels", *(f"inside, {setting.removeprefix('coverage=')} stated" for setting in stated)]
    return markdown([*header, "at 0.9: over splits ±", "predicted best tenth", "mean width", "median width"], lines)


def selection() -> str:
    found, lines = Values("calibration"), []
    levels = [setting for (setting,) in found.keys("setting") if setting.startswith("q=")]
    for task, method in found.keys("task", "method", where=lambda row: row["metric"] == "fdp"):
        of = {"task": task, "method": method}
        known = [setting for (setting,) in found.keys("setting", where=lambda row, of=of: of.items() <= row.items())]
        cells = []
        for level in levels:
            setting = level if level in known else known[0]  # a rule that knows no level does the same at each
            names = ("fdp", "fdp_error", "power", "empty")
            fdp, error, *rest = (found.cell(".3f", name, **of, setting=setting).partition(" ")[0] for name in names)
            cells.append(" / ".join([f"{fdp} ± {error}", *rest]))
        lines.append([task, method, found.labels(**of), *cells])
    return markdown(["task", "rule", "labels", *(level.replace("=", " = ") for level in levels)], lines)


ABLATION = ("gnn", "trees", "transformer", "proxies", "undirected", "squared", "hinge", "listwise", "pretrained")


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
    return markdown(["task", "predictor", "labels: tau (without twins)", "tau that label noise allows"], lines)


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
    return markdown(["task", "predictor", "labels: CPU-seconds to fit / to score the whole table"], lines)


def ablation() -> str:
    found, lines = Values("predictor"), []
    for task, setting in found.keys("task", "setting", where=lambda row: row["method"] in ABLATION):
        of = {"task": task, "setting": setting}
        lines.append([task, setting, *(found.cell(".3f", TAUS[0], **of, method=name) for name in ("default", "gp", *ABLATION))])
    return markdown(["task", "labels", "default", "gp", *ABLATION], lines)


TAUS = ("kendall_tau", "kendall_tau_no_twins")


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
                means = [row["mean"] for row in found.rows if all(row[key] == value for key, value in of.items())]
                shown.append(f"{sum(means) / len(means):{form}}" if means else "–")
            cells.append(" / ".join(shown) if shown[0] != "–" else "–")
        lines.append([method, *cells])
    return markdown(["method", *shots], lines)


def curves() -> str:
    found, lines = Values("curves"), []
    methods = ("last value", "last value, shifted", "no architecture", "architecture alone", "default")
    for space, setting in found.keys("space", "setting", where=lambda row: str(row["setting"]).startswith("epochs=")):
        cells = []
        for method in methods:
            of = {"space": space, "setting": setting, "method": method}
            mae, spearman = found.cell(".4f", "mae", **of), found.cell(".3f", "spearman", **of).partition(" ")[0]
            cells.append("–" if mae == "–" else f"{mae} / {spearman}")
        lines.append([space, found.labels(space=space, method=methods[1]), setting.removeprefix("epochs="), *cells])
    return markdown(["curves", "complete runs", "epochs seen", *methods], lines)


def stopping() -> str:
    found, lines = Values("curves"), []
    names = ("epochs_saved", "epochs_saved_all", "recall", "recall_whole")
    for space, method, setting in found.keys(
        "space", "method", "setting", where=lambda row: str(row["setting"]).startswith("delta=")
    ):
        of = {"space": space, "method": method, "setting": setting}
        shown = [*(found.cell(".3f", name, **of) for name in names), found.cell(".4f", "regret", **of)]
        lines.append([space, method, setting.replace("=", " "), *shown])
    header = ["curves", "predictor", "rule", "epochs saved", "with the predictor's own runs", "best run kept"]
    return markdown([*header, "of the whole half", "regret"], lines)


def guided_transfer() -> str:
    found, lines = Values("transfer"), []
    shown = found.keys("method", "setting", where=lambda row: row["metric"] == "guided_percentile")
    for (task,) in found.keys("task", where=lambda row: row["metric"] == "guided_percentile"):
        cells = [found.cell(".1f", "guided_percentile", task=task, method=name, setting=setting) for name, setting in shown]
        lines.append([task, *cells])
    return markdown(["task", *(name for name, _ in shown)], lines)


def proxies() -> str:
    found, lines = Values("proxies"), []
    names = ("spearman_released", "spearman", "kendall_tau", "spearman_top", "networks_per_cpu_second")
    forms = (".4f", ".3f", ".3f", ".3f", ".3g")
    for method, setting in found.keys("method", "setting"):
        of = {"method": method, "setting": setting}
        lines.append([method, setting, *(found.cell(form, name, **of) for name, form in zip(names, forms, strict=True))])
    header = ["score", "networks", "Spearman with released values", "Spearman with accuracy", "tau with accuracy"]
    return markdown([*header, "Spearman, best tenth", "architectures a CPU-s"], lines)


def store() -> str:
    found = Values("store")
    columns = (
        ("evaluations_per_second", ".0f", "evaluations completed a second"),
        ("look_up_seconds", ".3f", "10,000 look-ups, s"),
        ("decoded_seconds", ".3f", "with curves, s"),
        ("state_seconds", ".3f", "states alone, s"),
        ("claim_seconds", ".4f", "claim and complete one, s"),
        ("megabytes", ".0f", "MB"),
    )
    return markdown([title for _, _, title in columns], [[found.cell(form, name) for name, form, _ in columns]])


def search() -> str:
    found, lines = Values("search"), []
    names = (
        *(("queries_to_optimum_median", "g"), ("queries_to_top_median", "g")),
        *((f"regret_{number}", ".3g") for number in (10, 20, 50, 100, 150)),
        ("best_value", ".4g"),
    )
    others = (("labels_of_other_tasks", ".0f"), ("network_train_cpu_seconds", ".0f"), ("search_cpu_seconds", ".0f"))
    known = found.keys(
        "task", "setting", "method", where=lambda row: row["metric"] == "reached_optimum" and not _of_graphs(row)
    )
    tasks = list(dict.fromkeys(task for task, _, _ in known))
    for task, setting, method in sorted(known, key=lambda key: (tasks.index(key[0]), key[1] != "whole space")):
        of = {"task": task, "setting": setting, "method": method}
        cost = (found.cell(form, name, **of).partition(" ")[0] for name, form in others)
        values = (found.cell(form, name, **of) for name, form in names)
        lines.append([task, setting, method, found.seeds(**of, metric="reached_optimum"), *values, found.labels(**of), *cost])
    header = [
        "task",
        "sees",
        "strategy",
        "seeds",
        "queries to the optimum",
        "to the top 0.1 %",
        *(f"regret at {n}" for n in (10, 20, 50, 100, 150)),
    ]
    header += ["report metric", "labels", "of other tasks", "network training CPU-s", "search CPU-s"]
    return markdown(header, lines)


def _of_graphs(row: Row) -> bool:
    return row["space"] == "nas_bench_graph"


def search_graphs() -> str:
    """Regret at 50 queries with its standard error, and that by the search metric, in points of accuracy."""
    found = Values("search")
    of = {(row["task"], row["method"], row["metric"]): row for row in found.rows if _of_graphs(row)}
    tasks, methods = ([str(name) for (name,) in found.keys(key, where=_of_graphs)] for key in ("task", "method"))

    def shown(tasks: list[str], method: str) -> str:
        regret, searched = (
            [of[task, method, metric] for task in tasks if (task, method, metric) in of]
            for metric in ("regret_50", "search_regret_50")
        )
        if not regret:
            return "–"
        error = sum((row["std"] or 0) ** 2 / row["seeds"] for row in regret) ** 0.5 / len(regret)
        text = f"{100 * fmean(row['mean'] for row in regret):.2f}" + (f" ± {100 * error:.2f}" if error else "")
        return text + (f" ({100 * fmean(row['mean'] for row in searched):.2f})" if searched else "")

    lines = [
        [name, *(shown(those, method) for method in methods)] for name, those in [*((t, [t]) for t in tasks), ("mean", tasks)]
    ]
    return markdown(["regret at 50, in points", *methods], lines)


def search_front() -> str:
    found, lines = Values("search"), []
    names = (
        ("hypervolume_ratio", ".3f"),
        ("hypervolume_ratio_nadir", ".3f"),
        ("front_found", ".1f"),
        ("search_cpu_seconds", ".0f"),
    )
    for method, setting in found.keys("method", "setting", where=lambda row: row["metric"] == "hypervolume_ratio"):
        of = {"method": method, "setting": setting}
        shown = (found.cell(form, name, **of) for name, form in names)
        lines.append([method, found.seeds(**of), found.labels(**of), *shown])
    header = ["strategy", "seeds", "queries", "hypervolume over the true front's", "above the front's worst corner"]
    return markdown([*header, "points of the true front", "search CPU-s"], lines)


TABLES: dict[str, Callable[[], str]] = {
    f.__name__: f
    for f in (
        generation,
        steps,
        guidance,
        peers,
        limits,
        fronts,
        extrapolation,
        speed,
        scale,
        real_graphs,
        predictor,
        predictor_times,
        ablation,
        calibration,
        selection,
        transfer,
        guided_transfer,
        curves,
        stopping,
        proxies,
        store,
        search,
        search_graphs,
        search_front,
    )
}


SUITES = {
    "steps": "generation",
    "fronts": "limits",
    "real_graphs": "scale",
    "ablation": "predictor",
    "predictor_times": "predictor",
    "selection": "calibration",
    "guided_transfer": "transfer",
    "stopping": "curves",
    "search_front": "search",
    "search_graphs": "search",
}


def render(text: str) -> str:
    """The README with its tables written anew."""

    def table(match: re.Match[str]) -> str:
        suite = SUITES.get(match[1], match[1])
        content = TABLES[match[1]]() if rows(suite) else f"*Not measured yet: `nag benchmark suite={suite}`.*"
        return f"<!-- table: {match[1]} -->\n{content}\n<!-- end -->"

    return re.sub(r"<!-- table: (\w+) -->\n.*?<!-- end -->", table, text, flags=re.S)


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(render(readme.read_text()))
