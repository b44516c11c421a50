"""A fake operating system: it notes what it is asked for, and does none of it."""

from __future__ import annotations

import errno
import signal
from collections.abc import Callable, Collection, Sequence
from typing import Any, NoReturn

from plait.system import Group, Identity, User


class Gone(BaseException):
    """The fake process has ended."""

    def __init__(self, how: str) -> None:
        self.how = how
        super().__init__(how)


class FakeSystem:
    """Knows root, the user web (33) and the group www (44); acts as root unless told otherwise."""

    def __init__(self, *, uid: int = 0, pid: int = 100, stubborn: bool = False) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.now = Identity((uid,) * 3, (uid,) * 3, (0, 4))
        self.number = pid
        self.stubborn = stubborn
        self.handlers: dict[int, Any] = {signal.SIGINT: signal.default_int_handler}
        self.has_terminal = False
        self.regains = False
        self.told = -1

    def pid(self) -> int:
        return self.number

    def fork(self) -> int:
        self.calls.append(("fork",))
        return 0

    def setsid(self) -> None:
        self.calls.append(("setsid",))

    def wait(self, pid: int, *, block: bool = True) -> int | None:
        return 0

    def watch(self, pid: int) -> int | None:
        return None

    def kill(self, pid: int, signum: int) -> None:
        self.calls.append(("kill", pid, signum))

    def handle(self, signum: int, handler: Any) -> Any:
        before = self.handlers.get(signum, signal.SIG_DFL)
        self.handlers[signum] = handler
        return before

    def handler(self, signum: int) -> Any:
        return self.handlers.get(signum, signal.SIG_DFL)

    def tell_signals(self, descriptor: int) -> int:
        before, self.told = self.told, descriptor
        return before

    def interrupt(self, thread: int, signum: int) -> None:
        self.calls.append(("interrupt", signum))

    def deliver(self, signum: int) -> None:
        """Act as if the signal had come."""
        handler: Callable[[int, None], None] = self.handlers[signum]
        handler(signum, None)

    def die(self, signum: int) -> None:
        if self.number != 1:
            raise Gone(f"signal {signum}")

    def exit(self, code: int) -> NoReturn:
        raise Gone(f"code {code}")

    def leave_no_core(self) -> None:
        self.calls.append(("leave_no_core",))

    def fill_standard(self) -> None:
        self.calls.append(("fill_standard",))

    def close_descriptors(self, keep: Collection[int]) -> None:
        self.calls.append(("close_descriptors", sorted(keep)))

    def terminal(self) -> bool:
        return self.has_terminal

    def chdir(self, path: str) -> None:
        self.calls.append(("chdir", path))

    def chroot(self, path: str) -> None:
        self.calls.append(("chroot", path))

    def umask(self, mask: int) -> int:
        self.calls.append(("umask", mask))
        return 0o022

    def identity(self) -> Identity:
        return self.now

    def user(self, name: str) -> User:
        users = {"root": User("root", 0, 0), "web": User("web", 33, 34)}
        if name.isdigit():
            return User(name, int(name), None)
        return users[name]

    def group(self, name: str) -> Group:
        if name.isdigit():
            return Group(name, int(name))
        return {"www": Group("www", 44)}[name]

    def groups_of(self, user: User, gid: int) -> Sequence[int]:
        return (gid, 50)

    def _refuse(self) -> None:
        if self.now.uids[1] != 0:
            raise PermissionError(errno.EPERM, "Operation not permitted")

    def set_groups(self, groups: Sequence[int]) -> None:
        self._refuse()
        self.calls.append(("set_groups", tuple(groups)))
        self.now = self.now._replace(groups=tuple(groups))

    def set_gid(self, gid: int, *, effective: bool = False) -> None:
        if not (self.regains and gid == 0):
            self._refuse()
        self.calls.append(("set_gid", gid))
        if not self.stubborn:
            gids = self.now.gids
            self.now = self.now._replace(
                gids=(gids[0], gid, gids[2]) if effective else (gid, gid, gid)
            )

    def set_uid(self, uid: int, *, effective: bool = False) -> None:
        if not (self.regains and uid == 0):
            self._refuse()
        self.calls.append(("set_uid", uid))
        if not self.stubborn:
            uids = self.now.uids
            self.now = self.now._replace(
                uids=(uids[0], uid, uids[2]) if effective else (uid, uid, uid)
            )
