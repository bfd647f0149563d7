"""Proxies: training-free scores of a built network and a batch.

    proxy = proxy_named("naswot")
    initialise_normal(network, rng)
    score = proxy(network, Batch((images,), labels), rng)

Raw scores of different proxies cannot be compared or added, and some have tails of many decades: combine their ranks with
`nag.predictors.combined_scores`.
"""

from nag.proxies.batch import Batch
from nag.proxies.counts import flops, params
from nag.proxies.gradients import grad_norm, grasp, snip
from nag.proxies.initialisation import initialise_normal
from nag.proxies.jacobian import jacobian_covariance
from nag.proxies.naswot import naswot
from nag.proxies.registry import Proxy, list_proxies, proxy_named
from nag.proxies.synflow import logsynflow, synflow
from nag.proxies.zen import zen

__all__ = [
    "Batch",
    "Proxy",
    "flops",
    "grad_norm",
    "grasp",
    "initialise_normal",
    "jacobian_covariance",
    "list_proxies",
    "logsynflow",
    "naswot",
    "params",
    "proxy_named",
    "snip",
    "synflow",
    "zen",
]
