"""Pure neural modules; they know nothing of diffusion, benchmarks or files."""

from nag.nn.dag_transformer import DagBody, DagTransformer, GraphLogits
from nag.nn.time_embedding import TimeEmbedding

__all__ = ["DagBody", "DagTransformer", "GraphLogits", "TimeEmbedding"]
