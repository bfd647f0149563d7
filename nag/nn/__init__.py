"""Pure neural modules; they know nothing of diffusion, benchmarks or files."""

from nag.nn.dag_transformer import DagTransformer, GraphLogits
from nag.nn.message_passing import DagEncoder
from nag.nn.time_embedding import TimeEmbedding

__all__ = ["DagEncoder", "DagTransformer", "GraphLogits", "TimeEmbedding"]
