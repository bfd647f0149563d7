"""Exported networks compute what the network computes, also where there is no nag."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from nag.core.errors import InvalidRequest, NagError
from nag.networks import DataShape, NASBench101Builder, NASBench201Builder, NASBenchGraphBuilder, export
from nag.spaces import load_space, sample_uniform

IMAGES = DataShape("images", 3, 10, 9, 8)
GRAPH = DataShape("graph", 6, 5)
BUILDERS = {
    "nasbench101": (NASBench101Builder(8, 2, 1), IMAGES),
    "nasbench201": (NASBench201Builder(4, 1), IMAGES),
    "nas_bench_graph": (NASBenchGraphBuilder(8, linear_first=True), GRAPH),
}
ALL_LAYERS = ["0,1,2,3|gat,gcn,gin,cheb", "0,1,2,3|sage,arma,graph,fc", "0,1,1,1|gcn,skip,sage,fc"]
CELL = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|skip_connect~2|"

WITHOUT_NAG = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("nag", "torch_geometric", "torch_sparse"):
            raise ImportError(name + " is blocked")

sys.meta_path.insert(0, Blocker())
try:
    import nag
except ImportError:
    pass
else:
    sys.exit("nag was imported")
import torch
program = torch.export.load(sys.argv[1]).module()
inputs, expected = torch.load(sys.argv[2])
assert not any(name.split(".")[0] in ("nag", "torch_geometric") for name in sys.modules)
print(float((program(*inputs) - expected).abs().max()))
"""


def trained(name, arch):
    """A network whose running statistics are not the initial ones, and inputs of it."""
    builder, shape = BUILDERS[name]
    rng = torch.Generator().manual_seed(0)
    network = builder.build(arch, shape, 0)
    for _ in range(3):
        network(*shape.example(16, rng))
    return network, shape.example(5, rng)


def check_export(name, arch, folder):
    network, inputs = trained(name, arch)
    found = export(network, inputs, folder, "network")
    assert found.differences.keys() == {"safetensors", "pt2", "onnx"}
    assert max(found.differences.values()) <= 1e-4
    assert network.training
    assert {path.name for path in folder.iterdir()} == {f"network.{ending}" for ending in found.differences}
    return network.eval(), found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nasbench101", "nasbench201", "nas_bench_graph"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_exports_of_random_architectures_agree(name, seed, tmp_path):
    space = load_space(name)
    (arch,) = space.to_architectures(sample_uniform(space, 1, seed))
    check_export(name, arch, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("native", ALL_LAYERS)
def test_exports_of_every_graph_layer_agree(native, tmp_path):
    check_export("nas_bench_graph", load_space("nas_bench_graph").decode(native), tmp_path)


@pytest.mark.parametrize(
    ("name", "native"),
    [
        ("nasbench201", CELL),
        pytest.param("nasbench101", "0110/0001/0001/0000:input,conv3x3-bn-relu,maxpool3x3,output", marks=pytest.mark.slow),
        pytest.param("nas_bench_graph", ALL_LAYERS[0], marks=pytest.mark.slow),
    ],
)
def test_files_hold_the_weights_alone_and_the_program_runs_where_there_is_no_nag(name, native, tmp_path):
    network, found = check_export(name, load_space(name).decode(native), tmp_path / "files")
    loaded = load_file(found.weights)
    assert loaded.keys() == network.state_dict().keys()
    assert all(torch.equal(loaded[key], value) for key, value in network.state_dict().items())
    for path in (found.onnx, found.program):  # no trace of where they were made
        assert b"cell.py" not in path.read_bytes()
    inputs = BUILDERS[name][1].example(11, torch.Generator().manual_seed(3))  # another size than it was exported with
    with torch.no_grad():
        torch.save((inputs, network(*inputs)), tmp_path / "expected.pt")
    command = [sys.executable, "-c", WITHOUT_NAG, str(found.program), str(tmp_path / "expected.pt")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) <= 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(("name", "native"), [("nasbench201", CELL), ("nas_bench_graph", ALL_LAYERS[0])])
def test_without_onnxruntime_the_reference_implementation_checks(name, native, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    check_export(name, load_space(name).decode(native), tmp_path)


class Random(nn.Module):
    def forward(self, x):
        return x + torch.rand_like(x)


class Branching(nn.Module):
    def forward(self, x):
        return x if float(x.sum()) > 0 else -x


def test_what_cannot_be_exported_truly_leaves_earlier_files_alone(tmp_path):
    (tmp_path / "network.pt2").write_text("earlier")
    inputs = IMAGES.example(4, torch.Generator().manual_seed(0))
    with pytest.raises(NagError, match=r"something else than the network"):
        export(Random(), inputs, tmp_path, "network")
    with pytest.raises(InvalidRequest, match="cannot export Branching"):
        export(Branching(), inputs, tmp_path, "network")
    with pytest.raises(InvalidRequest, match="none empty"):
        export(Random(), (inputs[0][:0],), tmp_path, "network")
    assert [path.name for path in tmp_path.iterdir()] == ["network.pt2"]
    assert (tmp_path / "network.pt2").read_text() == "earlier"


def test_a_batch_of_one_does_not_fix_the_batch_size(tmp_path):
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 9 * 8, 2))
    found = export(network, IMAGES.example(1, torch.Generator().manual_seed(0)), tmp_path, "network")
    inputs = IMAGES.example(7, torch.Generator().manual_seed(1))
    torch.testing.assert_close(torch.export.load(found.program).module()(*inputs), network(*inputs))
