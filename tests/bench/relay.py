"""Imitates a slow link: passes bytes on with a given delay and speed: `python relay.py LINK.json PORT=HOST:PORT...`

Takes TCP connections and passes their bytes on, late, and no faster than the link. The link's file is read anew for each
connection: `{"rtt": milliseconds, "rate": megabits per second, 0 for no limit}`. All connections share the speed, each
direction for itself. What it does not do: lose packets, start slowly.
"""

import asyncio
import json
import pathlib
import sys

PIECE = 16 * 1024
# Bytes that may be under way in one direction of a connection, as in a socket's buffer: on a slow link beside what the link
# itself holds; on one without a limit, what Linux lets a buffer grow to.
AHEAD, MOST = 256 * 1024, 4 * 1024 * 1024
FREE = {True: 0.0, False: 0.0}  # when the link's two directions have sent what they have taken, in the loop's seconds
LINK = pathlib.Path(sys.argv[1])


async def pass_on(reader, writer, rtt, rate, up, first):
    """One direction. `first` is what its first byte waits for beside the delay: the handshake, that has been done here at once."""
    clock = asyncio.get_running_loop().time
    under_way, room = asyncio.Queue(), asyncio.Event()
    waiting = 0
    most = AHEAD + rate * 125_000 * rtt if rate else MOST

    async def take():
        nonlocal waiting
        late = first
        while piece := await reader.read(PIECE):
            FREE[up] = max(FREE[up], clock() + late) + (len(piece) * 8e-6 / rate if rate else 0)
            late = 0
            waiting += len(piece)
            under_way.put_nowait((FREE[up] + rtt / 2, piece))
            while waiting > most:
                room.clear()
                await room.wait()
        under_way.put_nowait((clock() + rtt / 2, b""))

    async def give():
        nonlocal waiting
        while True:
            due, piece = await under_way.get()
            # The loop's timer rounds to its own granularity: a link without delay must not wait for it.
            if due > clock():
                await asyncio.sleep(due - clock())
            if not piece:
                break
            writer.write(piece)
            await writer.drain()
            waiting -= len(piece)
            room.set()
        if writer.can_write_eof():
            writer.write_eof()

    await asyncio.gather(take(), give())


async def connected(reader, writer, host, port):
    link = json.loads(LINK.read_text())
    rtt, rate = link["rtt"] / 1000, link["rate"]
    try:
        there, beyond = await asyncio.open_connection(host, port)
    except OSError:
        writer.close()
        return
    try:
        await asyncio.gather(pass_on(reader, beyond, rtt, rate, True, rtt), pass_on(there, writer, rtt, rate, False, 0))
    except OSError:
        pass
    finally:
        for end in (writer, beyond):
            end.close()


async def main():
    for pair in sys.argv[2:]:
        port, _, to = pair.partition("=")
        host, _, there = to.rpartition(":")
        await asyncio.start_server(
            lambda reader, writer, host=host, there=int(there): connected(reader, writer, host, there), "0.0.0.0", int(port), backlog=2048
        )
    await asyncio.Event().wait()


asyncio.run(main())
