"""Native strings of architectures: how each benchmark writes a cell down, and further spellings that are read."""

from nag.spaces.codecs.cell_string import CellString
from nag.spaces.codecs.codec import Codec, Wiring
from nag.spaces.codecs.edge_list import EdgeList
from nag.spaces.codecs.links_ops import LinksOps
from nag.spaces.codecs.matrix_ops import MatrixOps
from nag.spaces.codecs.numbering import Numbering
from nag.spaces.codecs.op_list import OpList

__all__ = ["CellString", "Codec", "EdgeList", "LinksOps", "MatrixOps", "Numbering", "OpList", "Wiring"]
