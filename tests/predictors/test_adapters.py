"""Laws of the adapters, on tasks whose relation is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nag.core.errors import DamagedFile, InvalidRequest
from nag.graphs import DagBatch, reduce
from nag.predictors import AdapterPredictor, GPPredictor
from nag.predictors.structure import structure_counts
from nag.spaces import load_space, sample_uniform

SPACE = load_space("nasbench201")
BASE = {"width": 8, "layers": 2, "members": 2, "steps": 80}
ADAPTER = {"width": 8, "layers": 1, "members": 1, "steps": 80}
TRAIN, TEST = sample_uniform(SPACE, 300, seed=0), sample_uniform(SPACE, 400, seed=9)


def value(dags: DagBatch, *wanted: str) -> Tensor:
    """How many nodes of the wanted operations matter; noise-free up to ties."""
    ops = structure_counts(reduce(dags, SPACE.semantics), SPACE.semantics).ops
    return sum(ops[:, SPACE.vocabulary.index(op)] for op in wanted)


def made(*tasks: tuple[str, ...], seed: int = 0) -> AdapterPredictor:
    predictor = AdapterPredictor(SPACE, base=BASE, adapter=ADAPTER, seed=seed)
    for wanted in tasks:
        predictor.fit_source(TRAIN, value(TRAIN, *wanted))
    return predictor


@pytest.fixture(scope="module")
def trained() -> AdapterPredictor:
    return made(("nor_conv_3x3",), ("nor_conv_1x1",), ("avg_pool_3x3",))


def copy(predictor: AdapterPredictor) -> AdapterPredictor:
    return AdapterPredictor.restore(SPACE, predictor.config(), predictor.state_dict())


def correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a, b.double()]))[0, 1])


@pytest.mark.slow
def test_each_head_knows_its_own_task_and_without_labels_their_mean_is_believed(trained):
    view = trained.features(TEST)
    for task, op in enumerate(("nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")):
        found = [correlation(head, value(TEST, op)) for head in view.scores.T]
        assert found[task] > 0.85
        assert found[task] == max(found)
    zero_shot = trained.predict_scores(TEST)
    assert correlation(zero_shot.mean, view.scores.mean(1)) == pytest.approx(1)
    assert torch.equal(trained.predict(TEST).mean, zero_shot.mean)
    assert (zero_shot.std > 0).all()


def test_an_adapter_leaves_the_base_and_the_adapters_before_it_as_they_were():
    predictor = made(("nor_conv_3x3",), ("nor_conv_1x1",))
    before = {name: value.clone() for name, value in predictor.sources.state_dict().items()}
    predictor.fit_source(TRAIN, value(TRAIN, "avg_pool_3x3"))
    after = predictor.sources.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert len(predictor.sources) == 3


def test_an_adapter_sees_the_graph_through_the_base(trained):
    predictor = copy(trained)
    before = predictor.features(TEST).scores
    with torch.no_grad():
        predictor.sources[0].scorers.encoder.updates[0].weight.mul_(2)
    assert (predictor.features(TEST).scores != before).any(0).all()


def test_a_few_labels_with_the_sources_beat_the_same_labels_alone(trained):
    few, alone = copy(trained), GPPredictor(SPACE)
    few_labels, wanted = sample_uniform(SPACE, 10, seed=4), ("nor_conv_3x3", "nor_conv_1x1")
    before = correlation(few.predict_scores(TEST).mean, value(TEST, *wanted))
    for each in (few, alone):
        each.fit(few_labels, value(few_labels, *wanted))
    after = correlation(few.predict_scores(TEST).mean, value(TEST, *wanted))
    assert after > before + 0.05
    assert after > correlation(alone.predict_scores(TEST).mean, value(TEST, *wanted))


def test_labels_make_it_surer_near_them_and_are_forgotten_with_a_new_source(trained):
    predictor, labelled = copy(trained), sample_uniform(SPACE, 40, seed=7)
    zero_shot = predictor.predict_scores(labelled)
    predictor.fit(labelled, value(labelled, "nor_conv_3x3"))
    assert predictor.predict_scores(labelled).std.mean() < zero_shot.std.mean()
    predictor.join([])
    assert torch.equal(predictor.predict_scores(labelled).mean, zero_shot.mean)


def test_a_view_serves_as_the_architectures_themselves(trained):
    one, other = copy(trained), copy(trained)
    labelled, values = TEST[:20], value(TEST[:20], "avg_pool_3x3", "nor_conv_1x1")
    one.fit(labelled, values)
    other.chunk_size = 7
    view = other.features(TEST)
    other.fit_features(view[:20], values)
    torch.testing.assert_close(one.predict_scores(TEST).mean, other.predict_features(view).mean, rtol=0, atol=1e-4)
    assert len(one.held_out) == 20


def test_adapters_that_were_trained_apart_join_on_their_base(trained):
    parts = [made(("nor_conv_3x3",), (op,)) for op in ("nor_conv_1x1", "avg_pool_3x3")]
    joined = AdapterPredictor(SPACE)
    joined.join(parts)
    assert torch.equal(joined.features(TEST).scores, trained.features(TEST).scores)
    with pytest.raises(InvalidRequest, match="different bases"):
        joined.join([made(("avg_pool_3x3",))])


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(trained):
    again, other = made(("nor_conv_3x3",)), made(("nor_conv_3x3",), seed=1)
    assert torch.equal(again.features(TEST).embeddings, trained.features(TEST).embeddings[:, : 2 * 3 * BASE["width"]])
    assert not torch.equal(again.predict(TEST).mean, other.predict(TEST).mean)


def test_a_restored_predictor_predicts_the_same_bits(trained):
    predictor = copy(trained)
    predictor.fit(TEST[:15], value(TEST[:15], "skip_connect"))
    again = AdapterPredictor.restore(SPACE, predictor.config(), predictor.state_dict())
    assert torch.equal(predictor.predict(TEST).mean, again.predict(TEST).mean)
    assert torch.equal(predictor.predict(TEST).std, again.predict(TEST).std)
    with pytest.raises(DamagedFile):
        AdapterPredictor.restore(SPACE, {**predictor.config(), "sources": []}, predictor.state_dict())


def test_misuse_is_refused(trained):
    empty = AdapterPredictor(SPACE)
    with pytest.raises(InvalidRequest, match="not been fitted"):
        empty.predict(TEST)
    with pytest.raises(InvalidRequest, match="no source task"):
        empty.fit(TEST, value(TEST, "nor_conv_3x3"))
    with pytest.raises(InvalidRequest, match="targets of shape"):
        copy(trained).fit_source(TEST, torch.zeros(2))
    with pytest.raises(InvalidRequest, match="width"):
        AdapterPredictor(SPACE, adapter={"width": 0})
