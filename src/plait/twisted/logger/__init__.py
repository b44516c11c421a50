"""
Logging of events: dictionaries that loggers emit, publishers hand on and observers write.

A message is made of an event only where somebody reads it.
"""

from ._format import LogEvent as LogEvent
from ._format import eventAsText as eventAsText
from ._format import extractField as extractField
from ._format import formatEvent as formatEvent
from ._format import formatEventAsClassicLogText as formatEventAsClassicLogText
from ._format import formatTime as formatTime
from ._format import timeFormatRFC3339 as timeFormatRFC3339
from ._global import LogBeginner as LogBeginner
from ._global import LoggingFile as LoggingFile
from ._global import globalLogBeginner as globalLogBeginner
from ._global import globalLogPublisher as globalLogPublisher
from ._json import eventAsJSON as eventAsJSON
from ._json import eventFromJSON as eventFromJSON
from ._json import eventsFromJSONLogFile as eventsFromJSONLogFile
from ._json import jsonFileLogObserver as jsonFileLogObserver
from ._legacy import LegacyLogObserverWrapper as LegacyLogObserverWrapper
from ._legacy import STDLibLogObserver as STDLibLogObserver
from ._levels import InvalidLogLevelError as InvalidLogLevelError
from ._levels import LogLevel as LogLevel
from ._logger import Logger as Logger
from ._logger import Operation as Operation
from ._logger import _loggerFor as _loggerFor
from ._observers import FileLogObserver as FileLogObserver
from ._observers import FilteringLogObserver as FilteringLogObserver
from ._observers import ILogFilterPredicate as ILogFilterPredicate
from ._observers import ILogObserver as ILogObserver
from ._observers import LimitedHistoryLogObserver as LimitedHistoryLogObserver
from ._observers import LogLevelFilterPredicate as LogLevelFilterPredicate
from ._observers import LogPublisher as LogPublisher
from ._observers import PredicateResult as PredicateResult
from ._observers import capturedLogs as capturedLogs
from ._observers import textFileLogObserver as textFileLogObserver

__all__ = [
    "FileLogObserver",
    "FilteringLogObserver",
    "ILogFilterPredicate",
    "ILogObserver",
    "InvalidLogLevelError",
    "LegacyLogObserverWrapper",
    "LimitedHistoryLogObserver",
    "LogBeginner",
    "LogEvent",
    "LogLevel",
    "LogLevelFilterPredicate",
    "LogPublisher",
    "Logger",
    "LoggingFile",
    "Operation",
    "PredicateResult",
    "STDLibLogObserver",
    "capturedLogs",
    "eventAsJSON",
    "eventAsText",
    "eventFromJSON",
    "eventsFromJSONLogFile",
    "extractField",
    "formatEvent",
    "formatEventAsClassicLogText",
    "formatTime",
    "globalLogBeginner",
    "globalLogPublisher",
    "jsonFileLogObserver",
    "textFileLogObserver",
    "timeFormatRFC3339",
]
