"""Every wrong input ends with exit code 2 and one line that names the option at fault, before anything is written.

`{p}` stands for a folder with a small space, its task, and trained predictors and generators (see `products`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TRAIN = "train-generator search_space=nasbench201"
SAMPLE = "sample generator={p}/drawn/generator.safetensors"
TOLD = "sample generator={p}/told/generator.safetensors"
EVALUATE = "evaluate architectures={p}/archs.txt task={p}/task/task.yaml"
DIGITS = "evaluate architectures={p}/cell.txt task=digits/nasbench201"
SEARCH = "search task={p}/task/task.yaml budget=3"
PREDICT = "train-predictor task={p}/task/task.yaml"
TUNE = "finetune-generator generator={p}/told/generator.safetensors"
META = "train-meta-predictor tasks=[nas_bench_graph/citeseer,nas_bench_graph/pubmed,nas_bench_graph/cs]"
IMPORT = "import-table csv={p}/table.csv search_space={p}/space.yaml search_metric=accuracy"
CELL = "'|nor_conv_3x3~0|+|nor_conv_3x3~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|'"

FOUND = [
    (f"{TRAIN} training.learning_rate=nan", "training.learning_rate is nan"),
    (f"{TRAIN} training.learning_rate=inf", "training.learning_rate is inf"),
    (f"{TRAIN} training.learning_rate=1e30", "training.learning_rate is 1e+30"),
    (f"{TRAIN} training.gradient_clip=nan", "training.gradient_clip is nan"),
    (f"{TRAIN} training.gradient_clip=inf", "training.gradient_clip is inf"),
    (f"{TRAIN} training.gradient_clip=0", "training.gradient_clip is 0"),
    (f"{TRAIN} training.weight_decay=nan", "training.weight_decay is nan"),
    (f"{TRAIN} training.weight_decay=inf", "training.weight_decay is inf"),
    (f"{TRAIN} training.batch_size=1e9", "training.batch_size is 1000000000.0"),
    (f"{TRAIN} training.batch_size=1000000000", "training.batch_size is 1000000000"),
    (f"{TRAIN} training.ema_decay=nan", "training.ema_decay is nan"),
    (f"{TRAIN} training.ema_decay=2", "training.ema_decay is 2"),
    (f"{TRAIN} training.max_seconds=0", "training.max_seconds is 0"),
    (f"{TRAIN} training.max_seconds=nan", "training.max_seconds is nan"),
    (f"{TRAIN} generator.width=63", "width"),
    (f"{TRAIN} generator.width=0", "generator.width is 0"),
    (f"{TRAIN} generator.heads=0", "generator.heads is 0"),
    (f"{TRAIN} generator.layers=-1", "generator.layers is -1"),
    (f"{TRAIN} seed=20261128120000", "seed is 20261128120000"),
    (f"{TRAIN} device=mps", "device is mps"),
    (f"{TRAIN} threads=1e9", "threads is 1000000000.0"),
    (f"{TRAIN} threads=1000000000", "threads is 1000000000"),
    (f"{TRAIN} out_dir=[a,b]", "out_dir is [a,b]"),
    (f"{TRAIN} tracker.console=maybe", "tracker.console is maybe"),
    (f"{TRAIN} --shell-completion", "'--shell-completion' is no option"),
    ("sample generator=null", "generator is null"),
    (f"{SAMPLE} num_samples=1000000000000", "num_samples is 1000000000000"),
    (f"{TOLD} guidance=gradient", "predictor"),
    (f"{TOLD} predictor={{p}}/accuracy/predictor.safetensors guidance.scale=inf", "guidance.scale is inf"),
    (f"{TOLD} task={{p}}/task/task.yaml budget=5 guidance=none", "budget"),
    (f"{EVALUATE} probe=true", "probe"),
    (f"{EVALUATE} evaluator=function", "error: evaluator.function is missing"),
    (f"{DIGITS} evaluator=train evaluator.device=cuda", "there is no device 'cuda'"),
    (f"{DIGITS} evaluator=train builder=nas_bench_graph", "NASBenchGraphBuilder reads graph, not images"),
    (f"{EVALUATE} evaluator=shell 'evaluator.command=nosuchprogram {{arch}}'", "nosuchprogram"),
    (f"{EVALUATE} store=postgresql://nobody:pw@127.0.0.1:1/nag evaluator=shell evaluator.command=true", "127.0.0.1"),
    (f"{SEARCH} strategy=random generator={{p}}/told/generator.safetensors", "generator"),
    (f"{SEARCH} minimise=latenz", "no secondary metric 'latenz'. Did you mean 'latency'?"),
    (f"{SEARCH} limits=3", "limits is 3"),
    (f"{SEARCH} limits=[latency]", "limits is [latency]"),
    (f"{SEARCH} budget=ü", "budget is ü"),
    (f"{SEARCH} 'budget=3\"'", 'budget is 3"'),
    (f"{SEARCH} budget=[1", "budget is [1"),
    ("import-table csv='müller (1).csv' search_space=nasbench201 search_metric=a", "'müller (1).csv' does not exist"),
    ("report runs=[{p}/table.csv]", "is a file"),
    ("evaluate architectures={p}/cell.txt task={p}/pictures/nasbench201 evaluator=train", "the line size: PIXELS"),
    (f"{DIGITS} evaluator=train builder._target_=nowhere.Builder", "there is no module 'nowhere'"),
    (f"{DIGITS} evaluator=train builder._target_=broken.Builder", "ZeroDivisionError: division by zero"),
]  # fmt: skip

FURTHER = [
    # numbers of every class
    (f"{TRAIN} seed=-1", "seed is -1"),
    (f"{TRAIN} seed=1.5", "seed is 1.5"),
    (f"{TRAIN} seed=true", "seed is true"),
    (f"{TRAIN} seed=null", "seed is null"),
    (f"{TRAIN} threads=0", "threads is 0"),
    (f"{TRAIN} threads=-3", "threads is -3"),
    (f"{TRAIN} train_fraction=0", "train_fraction is 0"),
    (f"{TRAIN} train_fraction=nan", "train_fraction is nan"),
    (f"{TRAIN} train_fraction=[0.5]", "train_fraction is [0.5]"),
    (f"{TRAIN} num_architectures=0", "num_architectures is 0"),
    (f"{TRAIN} num_architectures=1000000000000", "num_architectures is 1000000000000"),
    (f"{TRAIN} metric_samples=1e3", "metric_samples is 1000.0"),
    (f"{TRAIN} devices=0", "devices is 0"),
    (f"{TRAIN} resume=1", "resume is 1"),
    (f"{TRAIN} training.max_steps=-5", "training.max_steps is -5"),
    (f"{TRAIN} training.max_steps=1000000000000", "training.max_steps is 1000000000000"),
    (f"{TRAIN} training.warmup_steps=0.5", "training.warmup_steps is 0.5"),
    (f"{TRAIN} training.save_every_seconds=-1", "training.save_every_seconds is -1"),
    (f"{TRAIN} training.batch_size=null", "training.batch_size is null"),
    (f"{TRAIN} training=[1]", "training is [1]"),
    (f"{TRAIN} 'training.batch_size={{a: 1}}'", "training.batch_size is "),
    (f"{TRAIN} generator.width=1000000000", "generator.width is 1000000000"),
    (f"{TRAIN} generator.layers=1000000", "generator.layers is 1000000"),
    (f"{TRAIN} generator=vp generator.sampler.snr=nan", "generator.sampler.snr is nan"),
    (f"{TRAIN} generator=vp generator.sde.beta_max=1e40", "generator.sde.beta_max is 1e+40"),
    (f"{TRAIN} generator=ve generator.sde.sigma_min=0", "generator.sde.sigma_min is 0"),
    (f"{TRAIN} generator=vp generator.steps=0", "generator.steps is 0"),
    # names, spellings and the grammar
    (f"{TRAIN} generator=../absorbing", "generator is ../absorbing"),
    (f"{TRAIN} generator=absorbing,uniform", "generator is absorbing,uniform"),
    (f"{TRAIN} generator=", "generator is ''"),
    (f"{TRAIN} generator=[absorbing]", "generator is [absorbing]"),
    (f"{TRAIN} generator.kernl._target_=nag.diffusion.AbsorbingKernel", "unknown option 'generator.kernl"),
    (f"{TRAIN} generator.kernel=absorbing", "generator.kernel is absorbing"),
    (f"{TRAIN} generator._target_=nag.diffusion.Nothing", "has no 'Nothing'"),
    (f"{TRAIN} generator._target_=os.system", "generator"),
    (f"{TRAIN} generator._target_=3", "generator._target_ is 3"),
    (f"{TRAIN} +generator.dept=3", "unknown option 'generator.dept'"),
    (f"{TRAIN} ++sed=3", "unknown option 'sed'. Did you mean 'seed'?"),
    (f"{TRAIN} ~training", "'~training' is no option"),
    (f"{TRAIN} hydra.run.dir=x", "unknown option 'hydra.run.dir'"),
    (f"{TRAIN} --multirun", "'--multirun' is no option"),
    (f"{TRAIN} --config-dir=/tmp", "'--config-dir=/tmp' is no option"),
    (f"{TRAIN} -m", "'-m' is no option"),
    (f"{TRAIN} ü=3", "unknown option 'ü'"),
    (f"{TRAIN} =3", "unknown option"),
    (f"{TRAIN} seed.a=3", "unknown option 'seed.a'"),
    (f"{TRAIN} training.batch_size.a=3", "unknown option 'training.batch_size.a'"),
    (f"{TRAIN} 'seed=${{nothing}}'", "Interpolation key 'nothing' not found"),
    (f"{TRAIN} seed=???", "seed"),
    (f"{TRAIN} tracker.mode=null", "tracker.mode is null"),
    (f"{TRAIN} tracker.project=", "tracker.project is ''"),
    (f"{TRAIN} tracker=null", "tracker is null"),
    (f"{TRAIN} 'tracker={{mode: x}}'", "tracker.mode is x"),
    (f"{TRAIN} conditions=depth", "conditions is depth"),
    (f"{TRAIN} 'conditions={{depth: none.safetensors}}'", "none.safetensors"),
    (f"{TRAIN} architectures=none.jsonl", "none.jsonl"),
    (f"{TRAIN} device=[cpu]", "device is [cpu]"),
    (f"{TRAIN} data_dir=", "data_dir is ''"),
    ("train-generator search_space=[nasbench201]", "[nasbench201]"),
    ("train-generator search_space={p}/table.csv", "table.csv"),
    ("train-generator search_space=", "search_space is ''"),
    # sample
    (f"{SAMPLE} num_samples=0.5", "num_samples is 0.5"),
    (f"{SAMPLE} num_samples=-3", "num_samples is -3"),
    (f"{SAMPLE} steps=0", "steps is 0"),
    (f"{SAMPLE} compile=yes please", "'please' is no option"),
    (f"{SAMPLE} compile=often", "compile is often"),
    (f"{SAMPLE} budget=5", "task"),
    (f"{SAMPLE} objective.risk=nan", "objective.risk is nan"),
    (f"{SAMPLE} objective.boundary_fraction=2", "objective.boundary_fraction is 2"),
    (f"{SAMPLE} objective.pareto=maybe", "objective.pareto is maybe"),
    (f"{SAMPLE} objective.limits=3", "objective.limits is 3"),
    (f"{SAMPLE} 'objective.limits={{latency: {{max: nan}}}}'", "nan"),
    (f"{SAMPLE} 'objective.maximise={{accuracy: inf}}'", "inf"),
    (f"{SAMPLE} predictors=[none.safetensors]", "none.safetensors"),
    (f"{SAMPLE} labels={{p}}/table.csv", "meta_predictor"),
    (f"{SAMPLE} predictor={{p}}/table.csv", "table.csv"),
    (f"{SAMPLE} guidance.pool=1000000000000", "guidance.pool is 1000000000000"),
    (f"{SAMPLE} guidance=particles guidance.proposal.threshold=1.5", "guidance.proposal.threshold is 1.5"),
    (f"{SAMPLE} guidance.corrector.rounds=nan", "guidance.corrector.rounds is nan"),
    (f"{SAMPLE} guidance=candidates guidance.proposal.number=0", "guidance.proposal.number is 0"),
    (f"{SAMPLE} guidance=evolution guidance.proposal.pressure=-1", "guidance.proposal.pressure is -1"),
    (f"{SAMPLE} guidance.distinct=perhaps", "guidance.distinct is perhaps"),
    # predictors
    (f"{PREDICT} num_train=1", "num_train is 1"),
    (f"{PREDICT} num_train=1e2", "num_train is 100.0"),
    (f"{PREDICT} metric=latenz", "Did you mean 'latency'?"),
    (f"{PREDICT} predictor=gnn predictor.learning_rate=1e20", "predictor.learning_rate is 1e+20"),
    (f"{PREDICT} predictor=gnn predictor.dropout=1", "predictor.dropout is 1"),
    (f"{PREDICT} predictor=gnn predictor.directed=0", "predictor.directed is 0"),
    (f"{PREDICT} predictor=gnn predictor.loss=squared", "predictor.loss is squared"),
    (f"{PREDICT} predictor=gnn predictor.loss._target_=nag.predictors.Squared", "has no 'Squared'"),
    (f"{PREDICT} predictor.parts.gnn.members=nan", "predictor.parts.gnn.members is nan"),
    (f"{PREDICT} predictor.parts.gnnn.members=2", "unknown option 'predictor.parts.gnnn.members'"),
    (f"{PREDICT} predictor=trees predictor.leaves=1", "predictor.leaves is 1"),
    (f"{PREDICT} predictor=transformer predictor.heads=3", "heads"),
    (f"{META} num_train=0", "num_train is 0"),
    (f"{META} episodes.labels=3", "episodes.labels is 3"),
    (f"{META} episodes.labels=[]", "episodes.labels is []"),
    (f"{META} episodes.top=nan", "episodes.top is nan"),
    (f"{META} tasks=[]", "task"),
    ("train-meta-predictor tasks=nas_bench_graph/coar", "Did you mean 'nas_bench_graph/cora'?"),
    # evaluate and search
    ("evaluate architectures={p} task={p}/task/task.yaml", "is not a file"),
    (f"{EVALUATE} executor.workers=0", "executor.workers is 0"),
    (f"{EVALUATE} executor.lease_seconds=1e18", "executor.lease_seconds is 1e+18"),
    (f"{EVALUATE} evaluator=shell evaluator.command=''", "evaluator.command"),
    (f"{EVALUATE} evaluator=function evaluator.function=nothing.py:f", "nothing.py"),
    (f"{EVALUATE} store={{p}}/table.csv evaluator=shell evaluator.command=true", "table.csv"),
    (f"{DIGITS} evaluator=train evaluator.epochs=0", "epochs is 0"),
    (f"{DIGITS} evaluator=train evaluator.momentum=1", "unknown option 'evaluator.momentum'"),
    (f"{DIGITS} evaluator=proxy evaluator.batch_size=1.5", "evaluator.batch_size is 1.5"),
    (f"{DIGITS} evaluator=proxy evaluator.proxy=naswoot", "Did you mean 'naswot'?"),
    (f"{SEARCH} budget=0", "budget is 0"),
    (f"{SEARCH} batch=0", "batch is 0"),
    (f"{SEARCH} 'limits={{latency: nan}}'", "'latency' is nan"),
    (f"{SEARCH} 'limits={{latency: low}}'", "'latency' is 'low'"),
    (f"{SEARCH} limits.latenzy=3", "no secondary metric 'latenzy'"),
    (f"{SEARCH} maximise=[latency,latenz]", "no secondary metric 'latenz'"),
    (f"{SEARCH} proxies=nothing", "nothing"),
    (f"{SEARCH} strategy=evolution strategy.population=1e6", "strategy.population is 1000000.0"),
    (f"{SEARCH} strategy=gp strategy.pool=2", "strategy.pool is 2"),
    (f"{SEARCH} strategy=smbo strategy.epsilon=-0.1", "strategy.epsilon is -0.1"),
    (f"{SEARCH} strategy=default strategy.start.share=7", "strategy.start.share is 7"),
    # the rest
    ("quickstart num_samples=0", "num_samples is 0"),
    ("quickstart num_train=many", "num_train is many"),
    (f"show {CELL}", "search_space is missing"),
    ("show '' search_space=nasbench201", "cell string"),
    (f"show {CELL} search_space=nasbench201 file=[a]", "file is [a]"),
    (f"export {CELL} search_space=nasbench201 channels=0", "channels is 0"),
    (f"export {CELL} search_space=nasbench201 height=1000000000", "height is 1000000000"),
    (f"export {CELL} search_space=nasbench201 classes=true", "classes is true"),
    (f"export {CELL} search_space=nasbench201 weights=none.safetensors", "none.safetensors"),
    (f"{IMPORT} maximise=yess", "maximise is yess"),
    (f"{IMPORT} 'side_metrics={{a: 1}}'", "no metric '{a: 1}'"),
    (f"{IMPORT} arch_column=nothing", "nothing"),
    (f"{IMPORT} report_metric=", "report_metric is ''"),
    (f"{TUNE}", "reward"),
    (f"{TUNE} task={{p}}/task/task.yaml budget=-1", "budget is -1"),
    (f"{TUNE} task={{p}}/task/task.yaml finetuning.kl=nan", "finetuning.kl is nan"),
    (f"{TUNE} task={{p}}/task/task.yaml finetuning.clip=-1", "finetuning.clip is -1"),
    (f"{TUNE} task={{p}}/task/task.yaml finetuning.learning_rate=inf", "finetuning.learning_rate is inf"),
    ("benchmark preset=fast", "fast"),
    ("benchmark jobs=0", "jobs is 0"),
    ("benchmark seeds=1e3", "seeds is 1000.0"),
    ("benchmark suite=genration", "Did you mean 'generation'?"),
    pytest.param("benchmark only=[nothingofthekind]", "nothingofthekind", marks=pytest.mark.data),
    ("report runs=[]", "runs=[a,b]"),
    ("report runs=[{p}/pictures]", "metrics.json"),
    ("list spaces tasks", "nag list"),
    ("sampel", "Did you mean 'sample'?"),
]  # fmt: skip


def everything_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if "__pycache__" not in path.parts}


@pytest.fixture(scope="session")
def folder(products: Path) -> Path:
    """The products, and some files that go wrong."""
    from PIL import Image

    rows = (products / "table.csv").read_text().splitlines()
    (products / "archs.txt").write_text(rows[1].split('"')[1] + "\n")
    (products / "cell.txt").write_text(CELL.strip("'") + "\n")
    (products / "exits.py").write_text("import sys\n\n\ndef f(arch):\n    sys.exit(3)\n")
    for label, size in (("a", 8), ("b", 12)):
        (products / "pictures" / label).mkdir(parents=True, exist_ok=True)
        for number in range(12):
            Image.new("RGB", (size, size), (number, 0, 0)).save(products / "pictures" / label / f"{number}.png")
    return products


def slow(case):
    """A case that the quick suite leaves out: another of its kind is there."""
    return pytest.param(*getattr(case, "values", case), marks=[pytest.mark.slow, *getattr(case, "marks", ())])


@pytest.mark.parametrize(
    ("line", "words"),
    [*FOUND, *(slow(case) if place % 3 else case for place, case in enumerate(FURTHER))],
)
def test_a_wrong_input_is_told_in_one_line(nag, folder, tmp_path, line, words):
    (tmp_path / "broken.py").write_text("1 / 0\n")
    before = everything_in(tmp_path)
    started = time.monotonic()
    outcome = nag(line.replace("{p}", str(folder)) + " tracker.mode=disabled" * ("tracker" not in line and "list" not in line))
    assert outcome.code == 2, outcome
    lines = outcome.err.strip().splitlines()
    assert len(lines) == 1, outcome.err
    assert lines[0].startswith("error: ")
    assert words in lines[0]
    assert len(lines[0]) <= 500
    for word in ("LexerNoViableAlt", "no viable alternative", "Error merging", "Traceback", "HydraException"):
        assert word not in lines[0]
    assert everything_in(tmp_path) == before
    assert time.monotonic() - started < 15


def test_a_function_that_ends_the_process_is_a_failed_evaluation(nag, folder):
    line = f"{EVALUATE} evaluator=function evaluator.function={folder}/exits.py:f tracker.mode=disabled"
    outcome = nag(line.replace("{p}", str(folder)))
    assert outcome.code == 2, outcome
    assert "SystemExit: 3" in outcome.err


def test_a_builder_of_ones_own_takes_no_options_of_the_preset(nag, folder, tmp_path):
    """A class in the current folder is found, and `small`, an option of the preset, is not passed to it."""
    (tmp_path / "own.py").write_text(
        "from nag.networks import NASBench201Builder\n\n\n"
        "def tiny():\n    return NASBench201Builder(channels=2, cells_per_stage=1)\n"
    )
    line = f"{DIGITS} evaluator=proxy evaluator.proxy=params builder._target_=own.tiny tracker.mode=disabled executor.workers=1"
    outcome = nag(line.replace("{p}", str(folder)))
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize("line", ["list spaces", TRAIN])
def test_a_deleted_working_directory(tmp_path, line):
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"rmdir {gone}; exec {sys.executable} -P -m nag.cli {line}"
    done = subprocess.run(["sh", "-c", command], cwd=gone, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: the current folder does not exist any more")
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.3])
def test_an_interruption_is_told_in_one_line(tmp_path, seconds):
    """From the moment on at which the command line begins, however early in its imports."""
    heeded = (
        "signal.signal(signal.SIGINT, signal.default_int_handler)"  # which a shell takes from what it starts in the background
    )
    program = f"import os, signal; {heeded}; os.write(1, b'.'); from nag.cli import main; main()"
    words = TRAIN.split()
    process = subprocess.Popen(
        [sys.executable, "-c", program, *words], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.read(1)
    time.sleep(0.1 + seconds)
    os.kill(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told.decode().startswith("error: interrupted")
    assert len(told.decode().strip().splitlines()) == 1
