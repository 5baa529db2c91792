"""The asynchronous client: the same wire, other connections."""

import asyncio

from e2b import AsyncSandbox


def test_everything_at_once():
    async def story():
        sandbox = await AsyncSandbox.create(timeout=120)
        try:
            results = await asyncio.gather(*(sandbox.commands.run(f"echo {i}") for i in range(20)))
            assert [result.stdout for result in results] == [f"{i}\n" for i in range(20)]
            events = []
            watch = await sandbox.files.watch_dir("/tmp", on_event=lambda event: events.append(event.name))
            await sandbox.files.write("/tmp/seen", "x")
            for _ in range(200):
                if "seen" in events:
                    break
                await asyncio.sleep(0.05)
            assert "seen" in events
            await watch.stop()
        finally:
            await sandbox.kill()

    asyncio.run(story())
