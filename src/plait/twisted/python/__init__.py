"""Tools that Twisted programs share: failures, logs, options, adapters."""
