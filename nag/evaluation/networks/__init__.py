"""Networks that trials train: how, on what, and what is kept of them."""
