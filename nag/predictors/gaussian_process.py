"""Exact Gaussian-process regression on groups of features, hyperparameters by marginal likelihood (GPyTorch)."""

from __future__ import annotations

from typing import Any

import gpytorch
import torch
from gpytorch.constraints import GreaterThan
from gpytorch.priors import NormalPrior
from torch import Tensor

from nag.predictors.base import Prediction, ResizableState
from nag.predictors.matern import matern, squared_distances
from nag.predictors.structure import group_scales

__all__ = ["GaussianProcess"]

_JITTER = 1e-6
_LOG_NOISE = -1.5


class _GroupMatern(gpytorch.kernels.Kernel):
    """Matern kernel of smoothness 5/2 with an amplitude and one length scale for each group of features.

    Args:
        sizes: Number of features of each group.
    """

    def __init__(self, sizes: list[int]) -> None:
        super().__init__()
        self.sizes = torch.tensor(sizes)
        self.register_parameter("log_lengths", torch.nn.Parameter(torch.zeros(len(sizes))))
        self.register_parameter("log_amplitude", torch.nn.Parameter(torch.zeros(())))
        self.register_prior("length_prior", NormalPrior(0.0, 1.0), "log_lengths")
        self.register_prior("amplitude_prior", NormalPrior(0.0, 1.5), "log_amplitude")
        self.matern = gpytorch.kernels.MaternKernel(nu=2.5)
        self.matern.lengthscale = 1.0
        self.matern.raw_lengthscale.requires_grad_(False)

    @property
    def stretch(self) -> Tensor:
        """Inverse length scale of each feature."""
        return torch.exp(-self.log_lengths).repeat_interleave(self.sizes.to(self.log_lengths.device))

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: Any) -> Tensor:
        """Covariances of the rows of x1 and x2."""
        return self.log_amplitude.exp() * self.matern.forward(x1 * self.stretch, x2 * self.stretch, diag=diag, **params)


class _Regression(gpytorch.models.ExactGP):
    """Constant mean and `_GroupMatern`."""

    def __init__(self, x: Tensor, y: Tensor, sizes: list[int]) -> None:
        noise = gpytorch.likelihoods.GaussianLikelihood(noise_constraint=GreaterThan(_JITTER, torch.exp, torch.log))
        noise.noise = torch.tensor(_LOG_NOISE).exp()
        noise.register_prior("log_noise_prior", NormalPrior(_LOG_NOISE, 1.0), lambda m: m.noise.log())
        super().__init__(x, y, noise)
        self.mean_module, self.covar_module = gpytorch.means.ConstantMean(), _GroupMatern(sizes)

    def forward(self, x: Tensor) -> gpytorch.distributions.MultivariateNormal:
        """Prior at x."""
        return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))


class GaussianProcess(ResizableState):
    """Regression with a Matern 5/2 kernel that has one length scale for each group of features.

    Length scales, amplitude, noise and mean maximise the marginal likelihood (Rasmussen and Williams 2006, ch. 5) under
    log-normal priors, so that a group that does not matter fades out. Computes in float64.

    Args:
        steps: Adam steps on the hyperparameters.
        learning_rate: Their step size, in logarithms.
        max_points: Labels used; beyond that, the first so many. Cost grows with the cube, memory with the square.
        max_points_hyper: Labels used to find the hyperparameters.
    """

    _resizable = ("shift", "scale", "points", "factor", "weights")

    shift: Tensor
    scale: Tensor
    points: Tensor
    factor: Tensor
    weights: Tensor
    mean: Tensor
    amplitude: Tensor
    noise: Tensor

    def __init__(
        self, steps: int = 60, learning_rate: float = 0.1, max_points: int = 2048, max_points_hyper: int = 512
    ) -> None:
        super().__init__()
        self.steps, self.learning_rate = steps, learning_rate
        self.max_points, self.max_points_hyper = max_points, max_points_hyper
        for name in ("shift", "scale", "weights"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.float64))
        for name in ("points", "factor"):
            self.register_buffer(name, torch.zeros(0, 0, dtype=torch.float64))
        for name in ("mean", "amplitude", "noise"):
            self.register_buffer(name, torch.zeros((), dtype=torch.float64))

    def fault(self) -> str:
        """Whether the shapes or the ranges of a loaded state are not those of a process."""
        features, labels = len(self.shift), len(self.weights)
        shapes = (self.scale.shape, self.points.shape, self.factor.shape)
        if shapes != ((features,), (labels, features), (labels, labels)) and (features or labels):
            return "the tensors of the process have different sizes"
        if bool(self.noise < 0) or bool(self.amplitude < 0) or bool((self.factor.diagonal() <= 0).any()):
            return "a variance of the process is negative"
        return ""

    def check_features(self, number: int) -> None:
        """Raises `ValueError` if a fitted process reads another number of features."""
        if len(self.weights) and number != len(self.shift):
            raise ValueError(f"the process reads {len(self.shift)} features, the space has {number}")

    def fit(self, groups: list[Tensor], targets: Tensor) -> None:
        """Conditions on labels.

        Args:
            groups: Feature matrices (B, F_g) float64 of the same rows.
            targets: (B,) float64, best of zero mean and unit variance.
        """
        groups, targets = [group[: self.max_points] for group in groups], targets[: self.max_points]
        shift, scale = group_scales(groups)
        x = (torch.cat(groups, 1) - shift) * scale
        few = min(len(x), self.max_points_hyper)
        model = self._maximise(x[:few], targets[:few], [group.shape[1] for group in groups])
        with torch.no_grad():
            stretch = model.covar_module.stretch
            self.shift, self.scale, self.points = shift, scale * stretch, x * stretch
            self.amplitude, self.noise = model.covar_module.log_amplitude.exp(), model.likelihood.noise.squeeze()
            self.mean = model.mean_module.constant.clone()
            covariance = self._kernel(self.points) + (self.noise + _JITTER) * torch.eye(len(x), dtype=x.dtype, device=x.device)
            self.factor = torch.linalg.cholesky(covariance).contiguous()
            self.weights = torch.cholesky_solve((targets - self.mean).unsqueeze(1), self.factor).squeeze(1)

    def _maximise(self, x: Tensor, targets: Tensor, sizes: list[int]) -> _Regression:
        """The model whose hyperparameters maximise the marginal likelihood under the priors."""
        model = _Regression(x, targets, sizes).to(x).train()
        likelihood = gpytorch.mlls.ExactMarginalLogLikelihood(model.likelihood, model)
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.Adam(parameters, lr=self.learning_rate)
        exact = gpytorch.settings.fast_computations(False, False, False)
        with torch.enable_grad(), exact, gpytorch.settings.cholesky_jitter(double_value=_JITTER):
            for _ in range(self.steps):
                optimizer.zero_grad()
                (-likelihood(model(x), targets)).backward()
                optimizer.step()
        return model

    def left_out(self, targets: Tensor) -> Prediction:
        """Prediction of each target given all others (Rasmussen and Williams 2006, eq. 5.12).

        Args:
            targets: The (B,) targets of the fit.

        Returns:
            Of the n = min(B, max_points) labels in use; float64.
        """
        precision = torch.cholesky_inverse(self.factor).diagonal()
        mean, variance = targets[: len(self.weights)] - self.weights / precision, 1 / precision
        return Prediction(mean, (variance - self.noise).clamp(min=0).sqrt(), variance.sqrt())

    def _kernel(self, x: Tensor) -> Tensor:
        """Covariances of scaled rows with the labelled ones: (B, n)."""
        return self.amplitude * matern(squared_distances(x, self.points))

    def forward(self, groups: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Posterior mean and variance of the noise-free function, each (B,) float64; the noise variance is `noise`."""
        kernel = self._kernel((torch.cat(groups, 1) - self.shift) * self.scale)
        explained = torch.linalg.solve_triangular(self.factor, kernel.T, upper=False).square().sum(0)
        return self.mean + kernel @ self.weights, (self.amplitude - explained).clamp(min=0)
