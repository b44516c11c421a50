"""A web server in Twisted's words, on h11: sites, resources and files."""
