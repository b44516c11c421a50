"""Tools that Twisted programs share: failures, logs, options, adapters."""

from plait.twisted._absent import absentModules

__getattr__ = absentModules(
    __name__,
    "fakepwd formmethod htmlizer modules monkey rebuild release roots sendmsg shortcut systemd "
    "threadable threadpool url versions win32 zippath zipstream",
    deprecate="use warnings.warn with DeprecationWarning",
    randbytes="use the module secrets",
    syslog="use plait run --syslog, or logging.handlers.SysLogHandler",
    text="use the module textwrap",
)
