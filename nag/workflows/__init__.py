"""One module and one function a stage, such as `nag.workflows.sample.sample`; they take objects, never a configuration."""
