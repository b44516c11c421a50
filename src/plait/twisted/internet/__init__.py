"""The event-driven core: Deferreds, protocols, the reactor and what belongs to it."""
