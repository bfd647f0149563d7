"""What guidance makes high: metrics of graphs, objectives over them, margins of their errors, measured rewards."""
