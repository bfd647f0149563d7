"""Tables of searches."""

from __future__ import annotations

from statistics import fmean

from nag_docs.values import PLUS_MINUS, Row, Values, markdown


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
        cost = (found.cell(form, name, **of).partition(PLUS_MINUS)[0] for name, form in others)
        values = (found.cell(form, name, **of) for name, form in names)
        lines.append([task, setting, method, found.seeds(**of, metric="reached_optimum"), *values, found.labels(**of), *cost])
    header = [
        "task",
        "setting",
        "strategy",
        "seeds",
        "queries to the optimum",
        "to the top 0.1 %",
        *(f"regret at {n}" for n in (10, 20, 50, 100, 150)),
    ]
    header += ["report metric", "labels", "labels of other tasks", "network training CPU s", "search CPU s"]
    return markdown(header, lines)


def _of_graphs(row: Row) -> bool:
    return row["space"] == "nas_bench_graph"


def _regret_of_graphs(row: Row) -> bool:
    return _of_graphs(row) and row["metric"] in ("regret_50", "search_regret_50")


def search_graphs() -> str:
    """Regret at 50 queries with its standard error, and that by the search metric, in points of accuracy."""
    found = Values("search")
    of = {(row["task"], row["method"], row["metric"]): row for row in found.where(_regret_of_graphs)}
    tasks, methods = ([str(name) for (name,) in found.keys(key, where=_of_graphs)] for key in ("task", "method"))

    def shown(tasks: list[str], method: str) -> str:
        regret, searched = (
            [of[task, method, metric] for task in tasks if (task, method, metric) in of]
            for metric in ("regret_50", "search_regret_50")
        )
        if not regret:
            return "–"
        error = sum((row["std"] or 0) ** 2 / row["seeds"] for row in regret) ** 0.5 / len(regret)
        mean = f"{100 * fmean(row['mean'] for row in regret):.2f}{found.mark(*regret)}"
        text = mean + (f"{PLUS_MINUS}{100 * error:.2f}" if error else "")
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
    header = ["strategy", "seeds", "queries", "hypervolume relative to the true front", "the same with the nadir as reference"]
    return markdown([*header, "points of the true front", "search CPU s"], lines)
