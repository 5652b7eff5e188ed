"""What users ask of the hub that asks its database: `python database.py URL PASSWORD-FILE SECONDS USER...`

All users log in at once. Then as many as there are workers ask for themselves with a token, again and again for so many
seconds, and then each makes new tokens. Prints JSON: the seconds until the last user was logged in, and requests in a second of both kinds.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

WORKERS = 8


def client(**headers):
    jar = aiohttp.CookieJar(unsafe=True)  # for a host without a name
    return aiohttp.ClientSession(cookie_jar=jar, headers={"Sec-Fetch-Site": "same-origin", **headers})


async def log_in(url, user, password):
    """A user logs in, and makes a token; the seconds that the login took, and the token."""
    async with client() as session:

        def xsrf(address):
            return session.cookie_jar.filter_cookies(aiohttp.client.URL(address))["_xsrf"].value

        page, began = f"{url}hub/login", time.monotonic()
        async with session.get(page) as answer:
            await answer.read()
        form = {"username": user, "password": password, "_xsrf": xsrf(page)}
        async with session.post(page, params={"next": urlsplit(f"{url}hub/home").path}, data=form) as answer:
            if answer.status != 200 or not answer.url.path.endswith("/hub/home"):
                raise RuntimeError(f"the login of {user} ends on {answer.url} with {answer.status}")
        took, tokens = time.monotonic() - began, f"{url}hub/api/users/{user}/tokens"
        async with session.post(tokens, json={"note": "bench"}, headers={"X-XSRFToken": xsrf(tokens)}) as answer:
            return took, (await answer.json())["token"]


async def again(url, token, seconds, method, path, status, **options):
    end, count = time.monotonic() + seconds, 0
    async with client(Authorization=f"token {token}") as session:
        while time.monotonic() < end:
            async with session.request(method, f"{url}hub/api/{path}", **options) as answer:
                if answer.status != status:
                    raise RuntimeError(f"{method} {path}: {answer.status} {await answer.text()}")
                await answer.read()
            count += 1
    return count


async def main(url, password, seconds, *users):
    password, seconds = Path(password).read_text().strip(), float(seconds)
    took, tokens = zip(*await asyncio.gather(*(log_in(url, user, password) for user in users)), strict=True)
    told = {"logins": round(max(took), 2)}
    workers = list(zip(users, tokens, strict=True))[:WORKERS]
    reads = await asyncio.gather(*(again(url, token, seconds, "GET", "user", 200) for _, token in workers))
    writes = await asyncio.gather(
        *(again(url, token, seconds, "POST", f"users/{user}/tokens", 201, json={"note": "bench"}) for user, token in workers)
    )
    print(json.dumps(told | {"reads": round(sum(reads) / seconds), "writes": round(sum(writes) / seconds)}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
