"""DNS in Twisted's words: messages and servers, on the engine of `plait.services.dns`."""
