"""Tools that Twisted programs share: failures, logs, options, adapters."""

from plait.twisted._absent import absentModules

__getattr__ = absentModules(
    __name__,
    "fakepwd formmethod htmlizer modules monkey rebuild release roots sendmsg shortcut systemd "
    "threadable threadpool url util versions win32 zippath zipstream",
    compat="Python 3 is all there is; use str and bytes as they are",
    deprecate="use warnings.warn with DeprecationWarning",
    procutils="use shutil.which",
    randbytes="use the module secrets",
    runtime="use sys.platform and os.name",
    syslog="use plait run --syslog, or logging.handlers.SysLogHandler",
    text="use the module textwrap",
)
