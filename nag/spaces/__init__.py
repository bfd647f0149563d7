"""Search spaces: what may be generated, how it is written, what is valid."""

from typing import TYPE_CHECKING

from nag.core.lazy import lazily

if TYPE_CHECKING:
    from nag.spaces.codecs import Codec
    from nag.spaces.constraints import Constraint
    from nag.spaces.edge_constraints import EdgeConstraints
    from nag.spaces.enumeration import can_sample_uniform, enumerate_space, is_enumerable, sample_uniform
    from nag.spaces.layered import layered_space
    from nag.spaces.loader import load_space, space_from_mapping
    from nag.spaces.models import SpaceModel, load_model, save_model
    from nag.spaces.notation import Notation, notation_of
    from nag.spaces.shipped import check_space_name, list_spaces, space_titles
    from nag.spaces.space import SearchSpace, SpaceMasks

__all__ = [
    "Codec",
    "Constraint",
    "EdgeConstraints",
    "Notation",
    "SearchSpace",
    "SpaceMasks",
    "SpaceModel",
    "can_sample_uniform",
    "check_space_name",
    "enumerate_space",
    "is_enumerable",
    "layered_space",
    "list_spaces",
    "load_model",
    "load_space",
    "notation_of",
    "sample_uniform",
    "save_model",
    "space_from_mapping",
    "space_titles",
]

lazily(__name__)
