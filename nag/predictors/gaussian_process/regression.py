"""Exact Gaussian-process regression, its hyperparameters by marginal likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nag.core.numbers import Count, Rate, Size
from nag.core.signatures import checked
from nag.predictors.gaussian_process.covariance import GroupCovariance
from nag.predictors.gaussian_process.marginal_likelihood import MarginalLikelihood
from nag.predictors.gaussian_process.posterior import GPPosterior

__all__ = ["GaussianProcess"]


@checked
@dataclass(frozen=True)
class GaussianProcess:
    """Regression with a Matern 5/2 kernel that has one length scale for each group of features, on top of a linear trend.

    Length scales, amplitudes, noise and constant maximise the marginal likelihood under log-normal priors (Rasmussen and
    Williams 2006, ch. 5), so that a group that does not matter fades out. The trend leads beyond what was seen, to where the
    features that it is linear in are extreme. Time grows with the cube of the labels, memory with the square.

    Args:
        steps: Adam steps on the hyperparameters.
        learning_rate: Their step size, in logarithms.
        max_points_hyper: Labels used to find the hyperparameters, evenly spread over all.
        additive: Whether the kernel is the mean of one kernel for each group, so that what is new in one group leaves what was
            learned from the others in force; else one kernel sees the distances of all groups summed up.
        amplitude_width: Standard deviation of the prior of the amplitude's logarithm.

    Raises:
        InvalidRequest: A number is out of range.

    Example:
        >>> import torch
        >>> x = torch.linspace(0, 3, 20, dtype=torch.float64).unsqueeze(1)
        >>> posterior = GaussianProcess().fit(x, (1,), x.squeeze(1).sin())
        >>> round(float(posterior.predict(torch.tensor([[1.5]], dtype=torch.float64)).mean), 1)
        1.0
    """

    steps: Size = 60
    learning_rate: Rate = 0.1
    max_points_hyper: Count = 200
    additive: bool = True
    amplitude_width: Rate = 1.0

    def fit(self, features: Tensor, sizes: tuple[int, ...], targets: Tensor) -> GPPosterior:
        """Conditions on labels.

        Args:
            features: (n, F) rows, each group best at mean squared distance 1, those of the trend at mean square 1.
            sizes: Number of features of each group; the trend is linear in those beyond their sum.
            targets: (n,) float64, best of zero mean and unit variance.
        """
        features, targets = features.double(), targets.double()
        number = min(len(targets), self.max_points_hyper)
        few = torch.linspace(0, len(targets) - 1, number, device=targets.device).round().long()
        found = self._maximise(self._likelihood(features[few], sizes, targets[few]))
        stretch = torch.exp(-found[: len(sizes)]).repeat_interleave(torch.tensor(sizes, device=found.device))
        slope = (found[len(sizes) + 3] / 2).exp().expand(features.shape[1] - sum(sizes))
        stretch = torch.cat([stretch, slope])
        log_amplitude, log_noise, constant = found[len(sizes) : len(sizes) + 3].cpu()
        covariance = GroupCovariance(sizes, self.additive, float(log_amplitude.exp()))
        return GPPosterior.of(features * stretch, stretch, covariance, float(log_noise.exp()), float(constant), targets)

    def _likelihood(self, features: Tensor, sizes: tuple[int, ...], targets: Tensor) -> MarginalLikelihood:
        groups, trend = features[:, : sum(sizes)].split(sizes, 1), features[:, sum(sizes) :]
        return MarginalLikelihood(groups, trend, targets, self.additive, self.amplitude_width)

    def _maximise(self, likelihood: MarginalLikelihood) -> Tensor:
        """The hyperparameters that explain the labels best (see `MarginalLikelihood`)."""
        vector = likelihood.start
        optimizer = torch.optim.Adam([vector], lr=self.learning_rate)
        for _ in range(self.steps):
            vector.grad = likelihood.gradient(vector)
            optimizer.step()
        return vector
