"""Tables of what was generated without guidance."""

from __future__ import annotations

from nag_docs.values import PLUS_MINUS, Values, markdown


def generation() -> str:
    found, lines = Values("generation"), []
    for space, method in found.keys("space", "method"):
        of = {"space": space, "method": method}
        settings = [setting for (setting,) in found.keys("setting", where=lambda row, of=of: of.items() <= row.items())]
        most = max((s for s in settings if s.startswith("samples=")), key=lambda s: int(s.partition("=")[2]))

        def mean(metric: str, form: str, setting: str, of: dict[str, str] = of) -> str:
            return found.cell(form, metric, **of, setting=setting).partition(PLUS_MINUS)[0]

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
    return markdown([*header, "evaluations", "training CPU s", "samples per CPU s"], lines)


def steps() -> str:
    found = Values("generation")
    settings = [setting for (setting,) in found.keys("setting") if setting.startswith("steps=")]
    lines = []
    for (space,) in found.keys("space", where=lambda row: str(row["setting"]).startswith("steps=")):
        shown = (found.cell(".4f", "validity_raw", space=space, method="absorbing", setting=s) for s in settings)
        lines.append([space, *(text.partition(PLUS_MINUS)[0] for text in shown)])
    return markdown(["validity_raw", *(setting.removeprefix("steps=") for setting in settings)], lines)


def extrapolation() -> str:
    found, lines = Values("extrapolation"), []
    names = ("ceiling", "before_mean", "after_mean", "after_best", "best_found", "random_best", "beyond_ceiling", "labels_used")
    for (method,) in found.keys("method"):
        lines.append([method, *(found.cell(".0f" if name == "labels_used" else ".2f", name, method=method) for name in names)])
    header = ["pretrained on", "best of the training set", "mean before", "mean after", "best sample after", "best labelled"]
    return markdown(
        [*header, "best of equally many random labels", "gain of the best labelled over the training set", "labels"], lines
    )


def speed() -> str:
    found, lines = Values("speed"), []
    names = ("samples_per_cpu_second", "times_published", "train_cpu_seconds", "published_training_over", "network_evaluations")
    for space, method in found.keys("space", "method"):
        of = {"space": space, "method": method, "setting": "timed"}
        quality = (found.cell(".3f", name, **of) for name in ("validity_raw", "uniqueness", "novelty"))
        floor = found.cell(".1f", "times_floor", space=space, method=method)
        lines.append([space, method, *(found.cell(".4g", name, **of) for name in names), *quality, floor])
    header = [
        "space",
        "method",
        "samples per CPU s",
        "speed-up over the published code",
        "training CPU s",
        "training speed-up over the published code",
    ]
    return markdown([*header, "evaluations", "valid", "unique", "novel", "step over roofline bound"], lines)


def scale() -> str:
    found, lines = Values("scale"), []
    names = ("train_seconds_per_step", "train_peak_mb", "seconds_per_sample", "sample_peak_mb", "attention_share")
    forms = (".3f", ".0f", ".2f", ".0f", ".2f")
    for (setting,) in found.keys("setting", where=lambda row: str(row["setting"]).startswith("nodes=")):
        shown = [found.cell(form, name, setting=setting) for name, form in zip(names, forms, strict=True)]
        lines.append([setting.removeprefix("nodes="), *shown])
    exponents = [found.cell(".2f", f"{name}_exponent") for name in ("train", "memory", "sample")]
    lines.append(["exponent from 64 nodes", *exponents, "–", "–"])
    header = ["nodes", "s per training step (4 graphs)", "peak MB", "s per sample (64 evaluations)", "peak MB"]
    return markdown([*header, "share of attention and node states in the network"], lines)


def real_graphs() -> str:
    found = Values("scale")
    names = ("validity_raw", "uniqueness", "novelty", "tv_ops", "tv_in_degree", "tv_out_degree", "w1_depth", "w1_nodes")
    lines = [
        [title, *(found.cell(".3f", name + suffix, setting="held out") for name in names)]
        for title, suffix in (("samples", ""), ("training graphs", "_reference"))
    ]
    return markdown(["to held-out graphs", *names], lines)
