"""Pure neural modules; they know nothing of diffusion, benchmarks or files."""

from nag.nn.dag_transformer import DagTransformer, GraphLogits
from nag.nn.time_embedding import TimeEmbedding

__all__ = ["DagTransformer", "GraphLogits", "TimeEmbedding"]
