"""What every layer may use: documents checked by schema, numbers, randomness, secrets and locks."""
