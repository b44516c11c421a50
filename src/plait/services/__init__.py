"""Ready-made services, each with an extra and an entry point of its own."""
