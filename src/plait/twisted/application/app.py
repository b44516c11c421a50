"""
Running an application, as programs that embed twistd's machinery do it.

`plait run` and `plait twistd` do not come by here. The classes are for programs that subclass
`ApplicationRunner`, choose a log observer with `AppLogger`, or call `startApplication`.
"""

from __future__ import annotations

import cProfile
import profile
import pstats
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any, ClassVar

from plait.twisted._absent import absent
from plait.twisted.logger import ILogObserver, LegacyLogObserverWrapper, Logger, globalLogBeginner
from plait.twisted.logger import textFileLogObserver as _text_observer
from plait.twisted.python import log, logfile, usage

from . import service
from .reactors import NoSuchReactor as NoSuchReactor
from .reactors import getReactorTypes
from .reactors import installReactor as installReactor

__all__ = [
    "AppLogger",
    "AppProfiler",
    "ApplicationRunner",
    "CProfileRunner",
    "NoSuchReactor",
    "ProfileRunner",
    "ReactorSelectionMixin",
    "ServerOptions",
    "convertStyle",
    "fixPdb",
    "getApplication",
    "getPassphrase",
    "getSavePassphrase",
    "installReactor",
    "run",
    "runReactorWithLogging",
    "startApplication",
]


class AppLogger:
    """
    Chooses an application's log observer and begins the log.

    Args:
        options:
            twistd's options: `logger`, `syslog`, `logfile`, `nodaemon`.
    """

    _log = Logger()
    _observer: Any = None

    def __init__(self, options: Any) -> None:
        self._logfilename = options.get("logfile", "")
        self._observerFactory = options.get("logger") or None
        if options.get("syslog", False):
            raise NotImplementedError("syslog is the runner's: use plait twistd --syslog")

    def start(self, application: Any) -> None:
        """Begin the log: the named observer, the application's component, or a file."""
        observer = None
        if self._observerFactory is not None:
            observer = self._observerFactory()
        if observer is None:
            observer = application.getComponent(ILogObserver, None)
        if observer is None:
            observer = application.getComponent(log.ILogObserver, None)
        if observer is None:
            observer = self._getLogObserver()
        self._observer = observer
        if not ILogObserver.providedBy(observer):
            if not log.ILogObserver.providedBy(observer):
                warnings.warn(
                    "Passing a logger factory which makes log observers which do not implement "
                    "twisted.logger.ILogObserver or twisted.python.log.ILogObserver is deprecated",
                    DeprecationWarning,
                    stacklevel=2,
                )
            observer = LegacyLogObserverWrapper(observer)
        globalLogBeginner.beginLoggingTo([observer])
        self._initialLog()

    def _initialLog(self) -> None:
        self._log.info(
            "plait ({exe} {version}) starting up.",
            exe=sys.executable,
            version=sys.version.split()[0],
        )

    def _getLogObserver(self) -> Any:
        if self._logfilename in ("-", "") or not self._logfilename:
            return _text_observer(sys.stdout)
        file: Any = logfile.LogFile.fromFullPath(self._logfilename)
        return _text_observer(file)

    def stop(self) -> None:
        """Say that the server is down, and end the log."""
        self._log.info("Server Shut Down.")
        observer, self._observer = self._observer, None
        if observer is not None:
            from plait.twisted.logger import globalLogPublisher

            globalLogPublisher.removeObserver(observer)


class _Profiler:
    """
    Runs the reactor under a profiler.

    Args:
        profileOutput:
            The file for the result.
        saveStats:
            Whether that is the raw statistics and not a text.
    """

    def __init__(self, profileOutput: str, saveStats: bool) -> None:
        self.profileOutput = profileOutput
        self.saveStats = saveStats

    def _profiler(self) -> Any:
        raise NotImplementedError

    def run(self, reactor: Any) -> None:
        """Run the reactor and write the result."""
        profiler = self._profiler()
        profiler.runcall(reactor.run)
        if self.saveStats:
            profiler.dump_stats(self.profileOutput)
            return
        with open(self.profileOutput, "w", encoding="utf-8") as file:
            pstats.Stats(profiler, stream=file).strip_dirs().sort_stats(-1).print_stats()


class ProfileRunner(_Profiler):
    """Runs the reactor under the profiler written in Python."""

    def _profiler(self) -> Any:
        return profile.Profile()


class CProfileRunner(_Profiler):
    """Runs the reactor under the profiler written in C."""

    def _profiler(self) -> Any:
        return cProfile.Profile()


class AppProfiler:
    """
    Chooses a profiler by name.

    Args:
        options:
            twistd's options: `profiler`, `profile`, `savestats`.
    """

    profilers: ClassVar[dict[str, Any]] = {"profile": ProfileRunner, "cprofile": CProfileRunner}

    def __init__(self, options: Any) -> None:
        name = str(options.get("profiler") or "cprofile").lower()
        if name not in self.profilers:
            raise ValueError(f"Unsupported profiler name: {name}")
        output, raw = options.get("profile", False), options.get("savestats", False)
        self.run = self.profilers[name](output, raw).run


class ApplicationRunner:
    """
    Runs an application: a base with hooks to override.

    Args:
        config:
            twistd's options.
    """

    profilerFactory: Any = AppProfiler
    loggerFactory: Any = AppLogger

    def __init__(self, config: Any) -> None:
        self.config = config
        self.profiler = self.profilerFactory(config)
        self.logger = self.loggerFactory(config)
        self.application: Any = None

    def run(self) -> None:
        """Make the application, begin the log, and run."""
        self.preApplication()
        self.application = self.createOrGetApplication()
        self.logger.start(self.application)
        self.postApplication()
        self.logger.stop()

    def startReactor(self, reactor: Any, oldstdout: Any, oldstderr: Any) -> None:
        """Run the reactor, under the profiler if one was asked for."""
        if reactor is None:
            from plait.twisted.internet import reactor
        runReactorWithLogging(self.config, oldstdout, oldstderr, self.profiler, reactor)

    def preApplication(self) -> None:
        """Do what comes before the application is made."""
        raise NotImplementedError

    def postApplication(self) -> None:
        """Start the application and run the reactor."""
        raise NotImplementedError

    def createOrGetApplication(self) -> Any:
        """Return the application: of a sub-command, or of the file that the options name."""
        if getattr(self.config, "subCommand", None):
            plug = self.config.loadedPlugins[self.config.subCommand]
            application = service.Application(plug.tapname)
            plug.makeService(self.config.subOptions).setServiceParent(application)
            return application
        return getApplication(self.config, None)


def getApplication(config: Any, passphrase: Any) -> Any:
    """Return the application of the file that the options name; an error ends the program."""
    name = config.get("python")
    if not name:
        raise NotImplementedError(
            "only .tac and .py files are loaded: saved applications execute what they contain"
        )
    log.msg(f"Loading {name}...")
    application = service.loadApplication(name, "python", passphrase)
    log.msg("Loaded.")
    return application


def startApplication(application: Any, save: bool) -> None:
    """
    Start an application and have it stopped before the reactor's shutdown.

    Args:
        application:
            The application.
        save:
            Must be false: applications are not saved.
    """
    from plait.twisted.internet import reactor

    if save:
        raise NotImplementedError("applications are not saved; pass save=False")
    root: Any = service.IService(application)
    root.startService()
    reactor.addSystemEventTrigger("before", "shutdown", root.stopService)


def runReactorWithLogging(
    config: Any, oldstdout: Any, oldstderr: Any, profiler: Any = None, reactor: Any = None
) -> None:
    """Run the reactor; what the loop itself raises goes to the log and to the old streams."""
    if reactor is None:
        from plait.twisted.internet import reactor
    try:
        if config.get("profile") and profiler is not None:
            profiler.run(reactor)
        elif config.get("debug"):
            import pdb  # noqa: T100 - what the user has asked for

            pdb.runcall(reactor.run)
        else:
            reactor.run()
    except Exception:
        log.deferr()
        raise


class ReactorSelectionMixin:
    """Options that choose a reactor."""

    messageOutput: Any = sys.stdout

    def opt_help_reactors(self) -> None:
        """List the reactors."""
        for each in getReactorTypes():
            self.messageOutput.write(f"    {each.shortName:<10}\t{each.description}\n")
        raise usage.UsageError("")

    def opt_reactor(self, shortName: str) -> None:
        """Choose a reactor by its short name."""
        try:
            installReactor(shortName)
        except NoSuchReactor:
            raise usage.UsageError(
                f"The specified reactor does not exist: '{shortName}'.\n"
                "See the list of available reactors with --help-reactors"
            ) from None
        self["reactor"] = shortName  # type: ignore[index]  # Options is a dict

    opt_r = opt_reactor


class ServerOptions(usage.Options, ReactorSelectionMixin):
    """The options of twistd that every platform has."""

    longdesc = "Runs an application of the Twisted API."
    optFlags: ClassVar[Any] = [
        ["savestats", None, "save the statistics of the profiler and not a text"],
        ["no_save", "o", "accepted: applications are never saved"],
        ["nodaemon", "n", "stay in the foreground"],
        ["encrypted", "e", "accepted: applications are never saved"],
    ]
    optParameters: ClassVar[Any] = [
        ["logfile", "l", None, "log to this file, - for standard output"],
        ["logger", None, None, "the dotted name of a factory of a log observer"],
        ["profile", "p", None, "run under a profiler and write the result to this file"],
        ["profiler", None, "cprofile", "the profiler: profile or cprofile"],
        ["python", "y", None, "the .tac or .py file to run"],
        ["rundir", "d", ".", "the directory to change to"],
    ]

    def postOptions(self) -> None:
        """Find the log observer's factory."""
        if self["logger"]:
            module, _dot, name = self["logger"].rpartition(".")
            try:
                self["logger"] = getattr(import_module(module), name)
            except (ImportError, AttributeError, ValueError) as error:
                raise usage.UsageError(
                    f"Logger '{self['logger']}' could not be imported: {error}"
                ) from error


def run(runApp: Callable[[Any], object], ServerOptions: Callable[[], Any]) -> None:
    """
    Parse the command line and run.

    Args:
        runApp:
            Called with the options.
        ServerOptions:
            Makes the options.
    """
    config = ServerOptions()
    config.parseOptions(sys.argv[1:] or ["--help"])
    runApp(config)


def convertStyle(*_args: object) -> None:
    """Refuse to convert saved applications."""
    raise NotImplementedError("saved applications are not read: write a .tac file")


def getPassphrase(needed: bool) -> str | None:
    """Return a pass phrase asked for on the terminal, None when none is needed."""
    if not needed:
        return None
    import getpass

    return getpass.getpass("Passphrase: ")


def getSavePassphrase(needed: bool) -> str | None:
    """Return a pass phrase asked for on the terminal, None when none is needed."""
    return getPassphrase(needed)


def fixPdb() -> None:
    """Give the debugger a command `stop` that stops the reactor."""
    import pdb  # noqa: T100 - it is the debugger that is changed

    def do_stop(self: Any, arg: str) -> int:
        """Stop the reactor and let the program go on."""
        from plait.twisted.internet import reactor

        self.set_continue()
        reactor.callLater(0, reactor.stop)
        return 1

    pdb.Pdb.do_stop = do_stop  # type: ignore[attr-defined]  # added


__getattr__ = absent(__name__, {"reportProfile": "use CProfileRunner, or plait run --profile FILE"})
