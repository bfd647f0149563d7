"""Tables of intervals, selections, learning curves, training-free scores and the store."""

from __future__ import annotations

from nag_docs.values import PLUS_MINUS, Values, markdown


def calibration() -> str:
    found, lines = Values("calibration"), []
    stated = [setting for (setting,) in found.keys("setting") if setting.startswith("coverage=")]
    for task, method in found.keys("task", "method", where=lambda row: row["metric"] == "coverage"):
        of = {"task": task, "method": method}
        inside = (found.cell(".3f", "coverage", **of, setting=setting) for setting in stated)
        others = (("coverage_spread", ".3f"), ("coverage_best", ".3f"), ("width", ".3g"), ("width_median", ".3g"))
        at_90 = (found.cell(form, name, **of, setting="coverage=0.9").partition(PLUS_MINUS)[0] for name, form in others)
        lines.append([task, method, found.labels(**of), *inside, *at_90])
    header = ["task", "intervals", "labels", *(f"coverage at {setting.removeprefix('coverage=')}" for setting in stated)]
    return markdown(
        [*header, "at 0.9: standard deviation over splits", "predicted top 10 %", "mean width", "median width"], lines
    )


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
            fdp, error, *rest = (found.cell(".3f", name, **of, setting=setting).partition(PLUS_MINUS)[0] for name in names)
            cells.append(" / ".join([f"{fdp}{PLUS_MINUS}{error}", *rest]))
        lines.append([task, method, found.labels(**of), *cells])
    return markdown(["task", "rule", "labels", *(level.replace("=", " = ") for level in levels)], lines)


def curves() -> str:
    found, lines = Values("curves"), []
    methods = ("last value", "last value, shifted", "no architecture", "architecture alone", "default")
    for space, setting in found.keys("space", "setting", where=lambda row: str(row["setting"]).startswith("epochs=")):
        cells = []
        for method in methods:
            of = {"space": space, "setting": setting, "method": method}
            mae, spearman = found.cell(".4f", "mae", **of), found.cell(".3f", "spearman", **of).partition(PLUS_MINUS)[0]
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
    header = ["curves", "predictor", "rule", "epochs saved", "including the training half", "best run kept"]
    return markdown([*header, "best run of the test half kept", "regret"], lines)


def proxies() -> str:
    found, lines = Values("proxies"), []
    names = ("spearman_released", "spearman", "kendall_tau", "spearman_top", "networks_per_cpu_second")
    forms = (".4f", ".3f", ".3f", ".3f", ".3g")
    for method, setting in found.keys("method", "setting"):
        of = {"method": method, "setting": setting}
        lines.append([method, setting, *(found.cell(form, name, **of) for name, form in zip(names, forms, strict=True))])
    header = ["score", "networks", "Spearman with published values", "Spearman with accuracy", "tau with accuracy"]
    return markdown([*header, "Spearman, best 10 %", "architectures per CPU second"], lines)


def store() -> str:
    found = Values("store")
    columns = (
        ("evaluations_per_second", ".0f", "completed evaluations per second"),
        ("look_up_seconds", ".3f", "10,000 look-ups, s"),
        ("decoded_seconds", ".3f", "with curves, s"),
        ("state_seconds", ".3f", "states only, s"),
        ("claim_seconds", ".4f", "claim and complete one, s"),
        ("megabytes", ".0f", "MB"),
    )
    return markdown([title for _, _, title in columns], [[found.cell(form, name) for name, form, _ in columns]])
