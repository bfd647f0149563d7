"""Networks of architectures: from a directed acyclic graph to a `torch.nn.Module`, and from there to files.

A builder has a method `build(arch, shape, seed) -> nn.Module` and a `fingerprint`; nothing need be registered. One for a
space of your own, whose nodes sum what they read, takes a mapping from operations to modules:

    OPERATIONS = {
        "conv": lambda channels: nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()),
        "skip": lambda channels: nn.Identity(),
    }

    @dataclass(frozen=True)
    class MyBuilder(Builder):
        channels: int = 16

        @property
        def fingerprint(self) -> str:
            return options_fingerprint(self)

        def build(self, arch: Architecture, shape: DataShape, seed: int) -> nn.Module:
            with seeded(seed):
                return nn.Sequential(
                    nn.Conv2d(shape.channels, self.channels, 3, padding=1),
                    SummedCell(arch, OPERATIONS, self.channels),
                    nn.AdaptiveAvgPool2d(1),
                    nn.Flatten(),
                    nn.Linear(self.channels, shape.classes),
                )

In a space file, name it by `networks: my_package:MyBuilder`; in a command, by `builder=my_package:MyBuilder`.
"""

from nag.networks.builder import Builder, check_operations, count_parameters, options_fingerprint, seeded
from nag.networks.cell import SummedCell, Zero, sources_of
from nag.networks.export import Exported, export
from nag.networks.nas_bench_graph import NASBenchGraphBuilder
from nag.networks.nasbench101 import NASBench101Builder
from nag.networks.nasbench201 import NASBench201Builder
from nag.networks.probe import ProbeHash
from nag.networks.registry import builder_of, check_builder, has_builder
from nag.networks.shape import DataShape

__all__ = [
    "Builder",
    "DataShape",
    "Exported",
    "NASBench101Builder",
    "NASBench201Builder",
    "NASBenchGraphBuilder",
    "ProbeHash",
    "SummedCell",
    "Zero",
    "builder_of",
    "check_builder",
    "check_operations",
    "count_parameters",
    "export",
    "has_builder",
    "options_fingerprint",
    "seeded",
    "sources_of",
]
