"""plait: an application framework and process runner for long-running Python services."""
