"""What suites measure with: trained models, samples, curves, fronts and speed."""
