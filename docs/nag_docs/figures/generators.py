"""Figures of what was generated without guidance."""

from __future__ import annotations

from matplotlib.figure import Figure

from nag_docs.plotting import ABOVE, axes_of, bars, figure_of, lines, reference
from nag_docs.values import Values

_PUBLISHED_RATE = 0.53  # architectures a second of DiffusionNAG's code on a GPU


def generation() -> Figure:
    """Distance of the samples' parameter counts from the whole space, beside that of uniform draws and the training half."""
    found = Values("generation")
    spaces = [space for (space,) in found.keys("space")]
    axes = axes_of(len(spaces))
    for axis, space in zip(axes, spaces, strict=True):
        methods = [method for (method,) in found.keys("method", where=lambda row, space=space: row["space"] == space)]
        of = {"space": space, "setting": "samples=1000"}
        bars(axis, {method: found.mean("tv_params", method=method, **of) for method in methods})
        reference(axis, found.mean("tv_params_reference", method=methods[0], **of), "uniform draws", upright=True)
        axis.set(title=space, xlabel="TV of parameter counts\n(1,000 samples)")
    axes[-1].legend(**ABOVE)
    return figure_of(axes)


def extrapolation() -> Figure:
    """Mean of the samples before and after fine-tuning, beside the best of the training set."""
    found = Values("extrapolation")
    methods = [method for (method,) in found.keys("method")]
    axes = axes_of(len(methods), height=2.6)
    names = {"before_mean": "mean before", "after_mean": "mean after", "after_best": "best after", "ceiling": "best seen"}
    for axis, method in zip(axes, methods, strict=True):
        bars(axis, {title: found.mean(name, method=method) for name, title in names.items()})
        axis.set(title=method, xlabel="CIFAR-10 accuracy, %", xlim=(0, 100))
    for axis in axes[1:]:
        axis.tick_params(labelleft=False)
    return figure_of(axes)


def speed() -> Figure:
    """Architectures generated per CPU second."""
    found = Values("speed")
    of = found.keys("space", "method")
    rates = {f"{space}, {m}": found.mean("samples_per_cpu_second", space=space, method=m) for space, m in of}
    (axis,) = axes_of(height=2.0)
    bars(axis, rates)
    reference(axis, _PUBLISHED_RATE, "published (DiffusionNAG, GPU)", upright=True)
    axis.set(xscale="log", xlabel="architectures per CPU second, one thread")
    axis.legend(**ABOVE)
    return figure_of([axis])


def scale() -> Figure:
    """Time and memory by the number of nodes."""
    found = Values("scale")
    settings = [s for (s,) in found.keys("setting", where=lambda row: str(row["setting"]).startswith("nodes="))]
    nodes = sorted(int(s.partition("=")[2]) for s in settings)
    axes = axes_of(2)
    shown = (
        (axes[0], "seconds", {"train_seconds_per_step": "a training step (4 graphs)", "seconds_per_sample": "a sample"}),
        (axes[1], "peak memory, MB", {"train_peak_mb": "training", "sample_peak_mb": "sampling"}),
    )
    for axis, title, names in shown:
        lines(
            axis,
            {
                text: (nodes, [found.mean(name, setting=f"nodes={n}") for n in nodes], [0.0] * len(nodes))
                for name, text in names.items()
            },
        )
        axis.set(xscale="log", yscale="log", xlabel="nodes", ylabel=title, xticks=nodes, xticklabels=nodes)
        axis.minorticks_off()
        axis.legend(frameon=False)
    return figure_of(axes)


def gpu() -> Figure:
    """Seconds of the steps of the GPU check, with the device that it ran on."""
    found = Values("gpu")
    seconds = {s: found.mean("seconds_per_sample", setting=s) for (s,) in found.keys("setting") if s.startswith("nodes=")}
    (axis,) = axes_of(height=2.0)
    bars(axis, {s.replace("=", " = "): value for s, value in seconds.items()})
    axis.set(xlabel="seconds per sample of a large graph")
    return figure_of([axis])
