"""``python soak_client.py URL COUNT``: short requests, 16 at a time; writes how many are done, every 500.

A program of its own, because a client's responses are cyclic garbage that would count as memory of the server.
"""

from __future__ import annotations

import asyncio
import sys

import httpx

FORMATS = ("wav", "mp3", "flac")
TOGETHER = 16
STEP = 500


async def soak(url: str, count: int) -> None:
    """Ask, and fail with the first answer that is none."""
    done = 0
    numbers = iter(range(count))
    async with httpx.AsyncClient(base_url=url, timeout=600, trust_env=False) as client:

        async def work() -> None:
            nonlocal done
            for number in numbers:
                body = {"text": "Hello.", "text_lang": "en", "voice": "alice", "seed": number}
                answer = await client.post("/tts", json=body | {"media_type": FORMATS[number % 3]})
                assert answer.status_code == 200, answer.text
                done += 1
                if done % STEP == 0 or done == count:
                    sys.stdout.write(f"{done}\n")
                    sys.stdout.flush()

        await asyncio.gather(*(work() for _ in range(TOGETHER)))


if __name__ == "__main__":
    asyncio.run(soak(sys.argv[1], int(sys.argv[2])))
