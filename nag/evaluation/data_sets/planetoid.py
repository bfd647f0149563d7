"""The citation graphs Cora, CiteSeer and PubMed from the published raw files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from nag.core.errors import DamagedFile
from nag.evaluation.data_sets.data_set import DataSet
from nag.evaluation.data_sets.graphs import graph_data_set
from nag.evaluation.data_sets.pickled_arrays import load_pickled_array, load_pickled_graph, load_pickled_matrix
from nag.evaluation.data_sets.places import PLANETOID, PLANETOID_PARTS, find_planetoid
from nag.evaluation.data_sets.splitting import Rows

__all__ = ["CitationGraph", "load_planetoid", "read_planetoid"]

_VALIDATION = 500


@dataclass(frozen=True, eq=False)
class CitationGraph:
    """What the raw files of a graph hold.

    Args:
        x: (n, F) float32.
        edge_index: (2, E) int64, without loops, in both directions.
        labels: (n,) int64; 0 for the few nodes that the files leave out.
        rows: The published split: 20 nodes a class to train, the next 500 to validate, those of `test.index` to test.
    """

    x: torch.Tensor
    edge_index: torch.Tensor
    labels: torch.Tensor
    rows: Rows


def read_planetoid(folder: Path, which: str) -> CitationGraph:
    """Reads the raw files of a graph (Yang, Cohen and Salakhutdinov, ICML 2016); no code that they name is run.

    Nodes of the test range that the files leave out (15 in CiteSeer) have no features and stand in no part.

    Raises:
        DamagedFile: A file is damaged, or they do not fit together.
    """
    from torch_geometric.utils import remove_self_loops, to_undirected  # takes seconds to import

    path = {part: folder / f"ind.{which}.{part}" for part in PLANETOID_PARTS}
    seen, others = load_pickled_matrix(path["allx"]), load_pickled_matrix(path["tx"])
    answers, other_answers = load_pickled_array(path["ally"]), load_pickled_array(path["ty"])
    trained = len(load_pickled_array(path["y"]))
    edges = load_pickled_graph(path["graph"])
    test = _read_index(path["test.index"])
    nodes = int(test.max()) + 1
    fits = (
        seen.shape[1] == others.shape[1]
        and answers.shape[1] == other_answers.shape[1]
        and len(seen) == len(answers)
        and len(others) == len(other_answers) == len(test) == len(np.unique(test))
        and int(test.min()) >= len(seen)
        and (edges.size == 0 or (edges.min() >= 0 and edges.max() < nodes))
    )
    if not fits:
        raise DamagedFile(f"the raw files of planetoid_{which} do not fit together", "Restore the published files.")
    x, labels = np.zeros((nodes, seen.shape[1]), np.float32), np.zeros((nodes, answers.shape[1]))
    x[: len(seen)], labels[: len(seen)] = seen, answers
    x[test], labels[test] = others, other_answers
    both_ways = to_undirected(remove_self_loops(torch.from_numpy(edges))[0], num_nodes=nodes)
    validated = torch.arange(trained, min(trained + _VALIDATION, len(seen)))
    rows = Rows(torch.arange(trained), validated, torch.from_numpy(np.sort(test)))
    return CitationGraph(torch.from_numpy(x), both_ways, torch.from_numpy(labels.argmax(1)), rows)


def load_planetoid(which: str, seed: int, data_dir: str | Path | None) -> DataSet:
    """A citation graph: documents with their words and their fields. Features sum to 1 a node (Kipf and Welling 2017).

    The split is the published one, whatever the seed.

    Args:
        which: "cora", "citeseer" or "pubmed".
        seed: Has no effect.
        data_dir: The data folder; the environment variable NAG_DATA_DIR if None.

    Raises:
        MissingData: The raw files are not there.
        DamagedFile: They are damaged, or hold another graph.
    """
    raw = read_planetoid(find_planetoid(which, data_dir), which)
    nodes, features, classes = PLANETOID[which]
    if raw.x.shape != (nodes, features) or int(raw.labels.max()) + 1 != classes:
        raise DamagedFile(f"the raw files of planetoid_{which} hold another graph", "Restore the published files.")
    x = raw.x / raw.x.sum(1, keepdim=True).clamp(min=1e-8)
    return graph_data_set(f"planetoid_{which}", x, raw.edge_index, raw.labels, raw.rows, standardise=False)


def _read_index(path: Path) -> np.ndarray:
    try:
        found = np.array([int(line) for line in path.read_text(encoding="ascii").split()], dtype=np.int64)
    except (ValueError, UnicodeDecodeError, OverflowError) as error:
        raise DamagedFile(f"{path.name} lists no nodes", "Restore the published file.") from error
    if not len(found) or found.min() < 0:
        raise DamagedFile(f"{path.name} lists no nodes", "Restore the published file.")
    return found
