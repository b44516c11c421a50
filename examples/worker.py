"""
A worker without a network: a timer that puts jobs into a queue, and a task that does them.

Run it with `python examples/worker.py`; Ctrl-C ends it when the job at hand is done.
"""

import asyncio

import plait
from plait import Application, TaskService, TimerService


async def work(ready, jobs):
    """Do the jobs one after the other."""
    ready()
    while True:
        job = await jobs.get()
        print(f"job {job} done", flush=True)
        jobs.task_done()


def main():
    """Build the application and run it until it is told to end."""
    jobs = asyncio.Queue()
    numbers = iter(range(1, 1_000_000))

    application = Application("worker")
    worker = application.add(TaskService(work, jobs), name="worker")
    application.add(
        TimerService(lambda: jobs.put_nowait(next(numbers)), every=1.0, immediately=True),
        name="clock",
        needs=[worker],
    )
    plait.run(application)


if __name__ == "__main__":
    main()
