"""A web server in Twisted's words, on h11: sites, resources and files."""

from plait.twisted._absent import absentModules

__getattr__ = absentModules(
    __name__,
    "client demo distrib domhelpers guard html newclient proxy rewrite script soap sux tap "
    "template twcgi wsgi xmlrpc",
    microdom="Twisted has left it out; use xml.dom.minidom",
)
