"""Tables of guided samples, limits and fronts."""

from __future__ import annotations

from nag_docs.values import Values, markdown


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
    return markdown(["method", "mean accuracy", "best", "distinct functions", "mean percentile", "sampling CPU s"], lines)


def limits() -> str:
    found, lines = Values("limits"), []
    for task, method, setting in found.keys("task", "method", "setting", where=lambda row: "<=" in str(row["setting"])):
        of = {"task": task, "method": method, "setting": setting}
        values = (("kept", ".3f"), ("best", ".2f"), ("optimum", ".2f"), ("gap", ".2f"))
        lines.append([setting, method, *(found.cell(form, name, **of) for name, form in values)])
    return markdown(["limit", "method", "share within the limit", "best accuracy", "optimum within the limit", "gap"], lines)


def fronts() -> str:
    found = Values("limits")
    lines = [
        [setting, *(found.cell(".3f", f"hypervolume_ratio{end}", setting=setting) for end in ("", "_nadir"))]
        for (setting,) in found.keys("setting", where=lambda row: str(row["setting"]).startswith("front"))
    ]
    return markdown(["front", "hypervolume relative to the true front", "the same with the nadir as reference"], lines)
