"""Learning curves: what was measured of each training run while it lasted, and what came of it."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from nag.core.errors import DamagedFile, InvalidRequest, MissingData
from nag.tasks.tables.table_file import read_text

__all__ = ["CurveTable", "read_curve_table"]


@dataclass(frozen=True, eq=False)
class CurveTable:
    """R training runs seen at the same E budgets; loaded tables are shared, so never write into them.

    Args:
        name: Short name.
        budgets: (E,) float64, epochs after which a run was measured, ascending.
        values: (R, E) float64, the metric of the curve, such as the validation loss.
        final: (R,) float64, the value to be predicted, such as the test loss after the last epoch.
        maximise: Whether more is better, in the curve and in the final value.
        groups: (R,) int64; runs of one architecture share a number, so that a split (`split_by_class`) keeps them together.
        features: (R, F) float64, facts of the architecture that are known before the run.
        feature_names: F names.
        perfect: Value that no run can beat, such as 0 for a loss or 1 for an accuracy; None where there is none.
        separate: Whether each budget is a training of its own, with its own schedule, rather than a point on one curve.

    Raises:
        InvalidRequest: Shapes do not fit together, a number is not finite, or budgets do not ascend.
    """

    name: str
    budgets: np.ndarray
    values: np.ndarray
    final: np.ndarray
    maximise: bool
    groups: np.ndarray
    features: np.ndarray
    feature_names: tuple[str, ...]
    perfect: float | None = None
    separate: bool = False

    def __post_init__(self) -> None:
        rows, points = len(self.final), len(self.budgets)
        shapes = {
            "budgets": (points,),
            "values": (rows, points),
            "final": (rows,),
            "groups": (rows,),
            "features": (rows, len(self.feature_names)),
        }
        for part, shape in shapes.items():
            array = getattr(self, part)
            if array.shape != shape or array.dtype != (np.int64 if part == "groups" else np.float64):
                raise InvalidRequest(
                    f"the {part} of curves {self.name} are {array.dtype} of shape {array.shape}", f"They must be {shape}."
                )
            if not np.isfinite(array).all():
                raise InvalidRequest(f"some {part} of curves {self.name} are not finite", "Drop the runs that diverged.")
        if rows == 0 or points == 0 or self.budgets[0] <= 0 or (np.diff(self.budgets) <= 0).any():
            raise InvalidRequest(
                f"curves {self.name} have no runs, or budgets that do not ascend", "Budgets are epochs above 0."
            )

    def __len__(self) -> int:
        return len(self.final)

    def take(self, rows: np.ndarray) -> CurveTable:
        """Some of the runs.

        Args:
            rows: (S,) integer or (R,) bool.
        """
        parts = {part: getattr(self, part)[rows] for part in ("values", "final", "groups", "features")}
        return replace(self, **parts)


def read_curve_table(
    path: str | Path, *, maximise: bool, perfect: float | None = None, separate: bool = False, name: str | None = None
) -> CurveTable:
    """Reads a user's curves: a CSV file with a header, UTF-8, in one of two forms.

    One row a run: a column for each budget, whose name is its number of epochs. Or one row a measurement: columns `epoch` and
    `value`. In both, `arch` is any text (runs of one architecture share it), `run`, if it is there, tells runs of one
    architecture apart, and `final`, if it is there, is the value to be predicted; else that is the value at the last
    budget. All other columns are features of the architecture, which must be the same in all rows of a run.

    Args:
        path: The file.
        maximise: Whether more is better.
        perfect: Value that no run can beat; None where there is none.
        separate: Whether each budget is a training of its own.
        name: Name of the table; the file's name if None.

    Returns:
        Runs in the order of the file; of one row a measurement, in that of architecture and run.

    Raises:
        MissingData: There is no such file.
        DamagedFile: It is no such table, or a number is missing.
        InvalidRequest: A number is not finite, or a budget is not above 0 or there twice.
    """
    path = Path(path)
    frame = _read_numbers(path)
    if {"epoch", "value"} <= set(frame.columns):
        frame = _one_row_a_run(path, frame)
    epochs = {float(column): column for column in frame.columns if _is_number(column)}
    features = [column for column in frame.columns if column not in {"arch", "run", "final", *epochs.values()}]
    if len(epochs) != sum(map(_is_number, frame.columns)) or not epochs:
        raise DamagedFile(f"{path.name} has no column of an epoch, or two of one", "Name each by its number, as 1, 2, 3.")
    budgets = sorted(epochs)
    for column in (*epochs.values(), *features, *({"final"} & set(frame.columns))):
        if frame[column].isna().any():
            arch = frame["arch"][frame[column].isna()].iloc[0]
            raise DamagedFile(f"{path.name} has a run of '{arch}' without {column}", "Drop runs that diverged or are not over.")
    return CurveTable(
        name=name or path.stem,
        budgets=np.array(budgets),
        values=frame[[epochs[budget] for budget in budgets]].to_numpy(np.float64),
        final=frame["final" if "final" in frame else epochs[budgets[-1]]].to_numpy(np.float64),
        maximise=maximise,
        groups=pd.factorize(frame["arch"], sort=True)[0].astype(np.int64),
        features=frame[features].to_numpy(np.float64),
        feature_names=tuple(features),
        perfect=perfect,
        separate=separate,
    )


def _read_numbers(path: Path) -> pd.DataFrame:
    """The file; text in `arch` and `run`, numbers elsewhere, NaN where a cell is empty; the index counts rows from 0."""
    if not path.is_file():
        raise MissingData(f"table '{path}' does not exist", "Check the path.")
    try:  # without a header, as pandas would rename a column that is there twice
        text = io.StringIO(read_text(path))
        lines = pd.read_csv(text, header=None, dtype=str, keep_default_na=False, skip_blank_lines=False)
    except DamagedFile:
        raise
    except ValueError as error:
        raise DamagedFile(f"{path.name} is no CSV file ({str(error).strip()})", "Save it as CSV in UTF-8.") from error
    lines = lines.fillna("").apply(lambda column: column.str.strip())
    header, frame = list(lines.iloc[0]), lines.iloc[1:].loc[lines.ne("").any(axis=1)]
    if "arch" not in header or frame.empty or "" in header or len(set(header)) < len(header):
        raise DamagedFile(f"{path.name} has no rows, no column 'arch', or two of one name", "Name all in the first line.")
    frame = frame.set_axis(header, axis=1)
    for column in frame.columns.difference(["arch", "run"]):
        numbers = pd.to_numeric(frame[column], errors="coerce")
        for row in frame.index[numbers.isna() & ~frame[column].str.lower().isin(["", "nan"])]:
            raise DamagedFile(f"{path.name} row {row + 1}: '{frame[column][row]}' is no number", "Leave what is missing empty.")
        frame[column] = numbers
    return frame


def _one_row_a_run(path: Path, frame: pd.DataFrame) -> pd.DataFrame:
    runs = [column for column in ("arch", "run") if column in frame]
    facts = frame.drop(columns=["epoch", "value"]).groupby(runs)
    differ = bool((facts.nunique(dropna=False) > 1).to_numpy().any())
    if frame["epoch"].isna().any() or frame.duplicated([*runs, "epoch"]).any() or differ:
        hint = "Tell runs apart by a column 'run', and give each the same features in all its rows."
        raise DamagedFile(f"{path.name} has a run with an epoch twice or not at all, or with two values of a feature", hint)
    values = frame.pivot(index=runs, columns="epoch", values="value").rename(columns=str)
    return values.join(facts.first()).reset_index()


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
