"""Laws of the predictor across tasks, on tasks whose relation is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nag.core.errors import DamagedFile, InvalidRequest, NagError
from nag.graphs import DagBatch, reduce
from nag.predictors import Episodes, GPPredictor, MetaPredictor, NormalScores, TransferPredictor
from nag.predictors.meta import MetaFeatures
from nag.predictors.structure import structure_counts
from nag.spaces import load_space, sample_uniform

SPACE = load_space("nasbench201")
SHORT = Episodes(steps=15, queries=60)


def value(dags: DagBatch, angle: float) -> Tensor:
    """A family of tasks: the angle turns the reward from one convolution to the other."""
    ops = structure_counts(reduce(dags, SPACE.semantics), SPACE.semantics).ops
    three, one = (ops[:, SPACE.vocabulary.index(op)] for op in ("nor_conv_3x3", "nor_conv_1x1"))
    clean = torch.cos(torch.tensor(angle)) * three + torch.sin(torch.tensor(angle)) * one
    return clean + 0.05 * torch.randn(len(dags), generator=torch.Generator().manual_seed(int(100 * angle))).double()


def made(angles: tuple[float, ...], episodes: Episodes = SHORT) -> MetaPredictor:
    dags = sample_uniform(SPACE, 150, seed=0)
    sources, scores = {}, []
    for angle in angles:
        source = GPPredictor(SPACE)
        source.fit(dags, value(dags, angle))
        sources[f"task{angle}"] = source
        scores.append(NormalScores().fit(value(dags, angle)))
    meta = MetaPredictor(SPACE, ["angle"], sources)
    metadata = [{"angle": angle} for angle in angles]
    meta.fit(metadata, dags, torch.stack(scores, 1), torch.Generator().manual_seed(0), episodes)
    return meta


@pytest.fixture(scope="module")
def meta() -> MetaPredictor:
    return made((0.0, 0.3, 1.2, 1.5))


def agreement(predictor, angle: float) -> float:
    test = sample_uniform(SPACE, 400, seed=9)
    return float(torch.corrcoef(torch.stack([predictor.predict_scores(test).mean, value(test, angle)]))[0, 1])


def test_zero_shot_follows_the_tasks_that_are_alike(meta):
    near, far = TransferPredictor(meta, {"angle": 0.2}), TransferPredictor(meta, {"angle": 1.4})
    assert agreement(near, 0.2) > 0.8
    assert agreement(far, 1.4) > 0.8
    assert agreement(near, 0.2) > agreement(far, 0.2)


def test_weights_are_those_of_similar_tasks_and_sum_to_the_gain(meta):
    weights = meta.weights(meta.scaled({"angle": 0.3}))
    assert weights.argmax() == 1
    torch.testing.assert_close(weights.sum(), meta.prior["gain"].exp())


def test_labels_correct_a_wrong_descriptor(meta):
    dags = sample_uniform(SPACE, 40, seed=3)
    predictor = TransferPredictor(meta, {"angle": 0.0})
    before = agreement(predictor, 1.5)
    predictor.fit(dags, value(dags, 1.5))
    assert agreement(predictor, 1.5) > before + 0.1


def test_a_few_labels_with_the_sources_beat_the_same_labels_alone(meta):
    dags = sample_uniform(SPACE, 6, seed=4)
    predictor, alone = TransferPredictor(meta, {"angle": 0.4}), GPPredictor(SPACE)
    for each in (predictor, alone):
        each.fit(dags, value(dags, 0.4))
    assert agreement(predictor, 0.4) > agreement(alone, 0.4)


def test_the_order_and_the_unit_of_the_labels_do_not_matter(meta):
    dags, test = sample_uniform(SPACE, 12, seed=5), sample_uniform(SPACE, 50, seed=6)
    first, second = TransferPredictor(meta, {"angle": 0.5}), TransferPredictor(meta, {"angle": 0.5})
    labels, turned = value(dags, 0.5), torch.arange(11, -1, -1)
    first.fit(dags, labels)
    second.fit(dags[turned], 90 + 3 * labels[turned])
    torch.testing.assert_close(first.predict_scores(test).mean, second.predict_scores(test).mean)
    torch.testing.assert_close(90 + 3 * first.predict(test).mean, second.predict(test).mean)
    assert (first.predict(test).std > 0).all()


def test_labels_make_it_surer(meta):
    dags = sample_uniform(SPACE, 60, seed=7)
    predictor = TransferPredictor(meta, {"angle": 0.5})
    before = predictor.predict_scores(dags).std
    predictor.fit(dags, value(dags, 0.5))
    assert (predictor.predict_scores(dags).std < before).all()


def test_a_restored_meta_predictor_predicts_the_same_bits(meta):
    again = MetaPredictor.restore(SPACE, meta.config(), meta.state_dict())
    dags = sample_uniform(SPACE, 30, seed=8)
    one, other = TransferPredictor(meta, {"angle": 0.7}), TransferPredictor(again, {"angle": 0.7})
    for each in (one, other):
        each.fit(dags[:10], value(dags[:10], 0.7))
    assert torch.equal(one.predict(dags).mean, other.predict(dags).mean)
    with pytest.raises(DamagedFile):
        MetaPredictor.restore(SPACE, {**meta.config(), "feature_names": ["angle", "more"]}, meta.state_dict())
    broken = {**meta.config(), "sources": {"a": {"class": "os:system", "config": {}}}}
    with pytest.raises(NagError):
        MetaPredictor.restore(SPACE, broken, meta.state_dict())


def test_one_source_alone_keeps_the_default_prior_and_serves():
    single = made((0.0,))
    predictor = TransferPredictor(single, {"angle": 0.3})
    assert agreement(predictor, 0.0) > 0.8
    dags = sample_uniform(SPACE, 30, seed=2)
    predictor.fit(dags, value(dags, 1.5))
    assert agreement(predictor, 1.5) > 0.4


def test_misuse_is_refused(meta):
    with pytest.raises(InvalidRequest, match="lacks 'angle'"):
        TransferPredictor(meta, {})
    with pytest.raises(InvalidRequest, match="no source"):
        MetaPredictor(SPACE, ["angle"], {})
    with pytest.raises(InvalidRequest, match="targets of shape"):
        TransferPredictor(meta, {"angle": 0.1}).fit(sample_uniform(SPACE, 3, seed=0), torch.zeros(2))


def test_episodes_ask_for_architectures_that_are_not_labelled(meta, monkeypatch):
    """Labels and queries of an episode are drawn without replacement, from what is measured."""
    dags = sample_uniform(SPACE, 30, seed=3)
    view, drawn, whole = meta.features(dags), [], MetaFeatures.__getitem__

    def noted(self: MetaFeatures, rows):
        drawn.append(rows.tolist())
        return whole(self, rows)

    monkeypatch.setattr(MetaFeatures, "__getitem__", noted)
    scores = value(dags, 0.3)
    scores[::3] = float("nan")
    rng = torch.Generator().manual_seed(0)
    loss = meta._loss(0, view, scores, Episodes(labels=[0, 5, 10, 50], queries=12), rng)
    assert bool(loss.isfinite())
    for seen, asked in zip(drawn[::2], drawn[1::2], strict=True):
        assert len({*seen, *asked}) == len(seen) + len(asked)
        assert len(asked) >= 2
        assert bool(scores[seen + asked].isfinite().all())
    assert [len(seen) for seen in drawn[::2]] == [0, 5, 10]
