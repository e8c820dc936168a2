"""The lock libraries under test, each as its makers ship it, behind the few verbs that every lock has.

A subclass of `Library` makes one user of a library over the addresses that it is given. Its verbs only translate names
and units, and turn the library's way to say "refused" into None or False: which errors those are is listed, and any
other error passes. `lacks` tells what a library does not do, and what it does instead.
"""

import asyncio
import contextlib
import sys
from importlib import import_module
from pathlib import Path

import redis


class Library:
    """A lock library; an instance is one user of it."""

    distribution = None
    #: The class or function of the library, where it has several locks.
    part = ""
    client = "redis"
    servers = 1
    lacks = {}
    #: The shortest time to live that it can be asked for.
    shortest_ttl_ms = 400

    def __init__(self, addresses):
        self.addresses = addresses[: self.servers]
        self.address = addresses[0]

    @property
    def url(self):
        return f"redis://{self.address.host}:{self.address.port}/0"

    def name_of(self, key):
        """The server's key for what the library calls `key`."""
        return key

    def acquire(self, key, ttl_ms):
        """A lock, or None when it was refused."""
        raise NotImplementedError

    def extend(self, lock, ttl_ms):
        """Gives the lock that much time from now; whether it was still held."""
        raise NotImplementedError

    def release(self, lock):
        """False when the library tells that the lock was not held any more."""
        raise NotImplementedError

    def close(self):
        """Ends the connections."""


class RedisPy(Library):
    """The `Lock` of redis-py, on which others are built."""

    distribution = "redis"
    part = "Lock"
    module = "redis"

    def __init__(self, addresses):
        super().__init__(addresses)
        self.errors = import_module(self.module).exceptions
        self.open()

    def open(self):
        self.connection = import_module(self.module).Redis(host=self.address.host, port=self.address.port)

    def lock(self, key, ttl_ms):
        return self.connection.lock(key, timeout=ttl_ms / 1000, blocking=False)

    def acquire(self, key, ttl_ms):
        lock = self.lock(key, ttl_ms)
        return lock if lock.acquire() else None

    def extend(self, lock, ttl_ms):
        try:
            return lock.extend(ttl_ms / 1000, replace_ttl=True)
        except self.errors.LockNotOwnedError:
            return False

    def release(self, lock):
        try:
            lock.release()
        except self.errors.LockNotOwnedError:
            return False

    def close(self):
        self.connection.close()


class ValkeyPy(RedisPy):
    distribution = "valkey"
    client = "valkey"
    module = "valkey"

    def open(self):
        self.connection = import_module("valkey").Valkey(host=self.address.host, port=self.address.port)


class DjangoRedis(RedisPy):
    distribution = "django-redis"
    part = "cache.lock"

    def open(self):
        from django.conf import settings

        if not settings.configured:
            settings.configure()
        from django_redis.cache import RedisCache

        self.connection = RedisCache(self.url, {})

    def name_of(self, key):
        return f":1:{key}"

    def close(self):
        self.connection.close()


class Dogpile(RedisPy):
    distribution = "dogpile.cache"
    part = "distributed_lock"
    lacks = {"extend": "it has none"}

    def open(self):
        pass

    def lock(self, key, ttl_ms):
        from dogpile.cache.backends.redis import RedisBackend

        options = {"host": self.address.host, "port": self.address.port, "lock_timeout": ttl_ms / 1000}
        return RedisBackend({**options, "distributed_lock": True, "thread_local_lock": False}).get_mutex(key)

    def acquire(self, key, ttl_ms):
        lock = self.lock(key, ttl_ms)
        return lock if lock.acquire(wait=False) else None

    def name_of(self, key):
        return f"_lock{key}"

    def close(self):
        pass


class RedlockPy(Library):
    distribution = "redlock-py"
    servers = 5
    lacks = {"extend": "it has none"}

    def __init__(self, addresses):
        super().__init__(addresses)
        from redlock import Redlock

        nodes = [{"host": address.host, "port": address.port} for address in self.addresses]
        self.manager = Redlock(nodes, retry_count=2, retry_delay=0.02)

    def acquire(self, key, ttl_ms):
        return self.manager.lock(key, ttl_ms) or None

    def release(self, lock):
        self.manager.unlock(lock)


class Redlock(Library):
    distribution = "redlock"
    servers = 5
    lacks = {"extend": "it has none"}

    def __init__(self, addresses):
        super().__init__(addresses)
        from redlock import RedLockFactory

        self.factory = RedLockFactory([{"host": address.host, "port": address.port} for address in self.addresses])

    def acquire(self, key, ttl_ms):
        lock = self.factory.create_lock(key, ttl=ttl_ms, retry_times=2, retry_delay=20)
        return lock if lock.acquire() else None

    def release(self, lock):
        lock.release()


class RedlockNg(Library):
    distribution = "redlock-ng"
    servers = 5

    def __init__(self, addresses):
        super().__init__(addresses)
        from redlock import Redlock as Manager
        from redlock import RedlockConfig

        urls = [f"redis://{address.host}:{address.port}/0" for address in self.addresses]
        # Its own time-out of 100 ms counts a slow server as a lost one, which is not what is tested.
        config = RedlockConfig(masters=urls, socket_timeout=20, socket_connect_timeout=20)
        self.manager = Manager(config, retry_count=1, retry_delay_min=0.01, retry_delay_max=0.02)

    def acquire(self, key, ttl_ms):
        return self.manager.acquire(key, ttl_ms)

    def extend(self, lock, ttl_ms):
        return self.manager.extend(lock, ttl_ms)

    def release(self, lock):
        self.manager.release(lock)


class Pottery(Library):
    distribution = "pottery"
    part = "Redlock"
    servers = 5

    def __init__(self, addresses):
        super().__init__(addresses)
        self.masters = {redis.Redis(host=address.host, port=address.port) for address in self.addresses}

    def name_of(self, key):
        return f"redlock:{key}"

    def acquire(self, key, ttl_ms):
        from pottery import Redlock as Lock

        lock = Lock(key=key, masters=self.masters, auto_release_time=ttl_ms / 1000)
        return lock if lock.acquire(blocking=False) else None

    def extend(self, lock, ttl_ms):
        from pottery import ExtendUnlockedLock

        assert lock.auto_release_time == ttl_ms / 1000, "it extends by its first time to live"
        try:
            lock.extend()
            return True
        except ExtendUnlockedLock:
            return False

    def release(self, lock):
        from pottery import ReleaseUnlockedLock

        try:
            lock.release()
        except ReleaseUnlockedLock:
            return False

    def close(self):
        for master in self.masters:
            master.close()


class Sherlock(Library):
    distribution = "sherlock"
    part = "RedisLock"
    shortest_ttl_ms = 1000

    def __init__(self, addresses):
        super().__init__(addresses)
        self.connection = redis.Redis(host=self.address.host, port=self.address.port)

    def acquire(self, key, ttl_ms):
        from sherlock import RedisLock

        lock = RedisLock(key, client=self.connection, expire=ttl_ms // 1000)
        return lock if lock.acquire(blocking=False) else None

    def extend(self, lock, ttl_ms):
        assert lock.expire == ttl_ms // 1000, "it extends by its first time to live"
        return lock.renew()

    def release(self, lock):
        from sherlock import LockException

        try:
            lock.release()
        except LockException:
            # It would try again when it is collected, by then with a closed connection.
            lock._owner = None
            return False

    def close(self):
        self.connection.close()


class CelerySingleton(Library):
    """A task that is queued once: the lock is on the task and its arguments, from its queueing to its end."""

    distribution = "celery-singleton"
    part = "Singleton"
    shortest_ttl_ms = 1000
    lacks = {"extend": "it has none", "wrong token": "it removes whatever it finds, by DEL"}

    def __init__(self, addresses):
        super().__init__(addresses)
        from celery import Celery
        from celery_singleton import Singleton

        app = Celery("shop", broker="memory://", set_as_current=False)
        app.conf.update(singleton_backend_url=self.url, singleton_raise_on_duplicate=True)

        def fulfil(order):
            return order

        self.task = app.task(base=Singleton, name="shop.fulfil")(fulfil)

    def name_of(self, key):
        return self.task.generate_lock(self.task.name, [key])

    def acquire(self, key, ttl_ms):
        from celery_singleton import DuplicateTaskError

        self.task.lock_expiry = ttl_ms // 1000
        try:
            self.task.apply_async(args=[key])
        except DuplicateTaskError:
            return None
        return key

    def release(self, key):
        self.task.release_lock(task_args=[key])


class OnLoop(Library):
    """A library of coroutines: its user has an event loop, which runs while a verb does."""

    def __init__(self, addresses):
        super().__init__(addresses)
        self.loop = asyncio.new_event_loop()

    def run(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def close(self):
        self.run(self.disconnect())
        self.loop.close()


class RedisPyAsyncio(OnLoop):
    distribution = "redis"
    part = "asyncio Lock"

    def __init__(self, addresses):
        super().__init__(addresses)
        self.connection = import_module("redis.asyncio").Redis(host=self.address.host, port=self.address.port)

    def acquire(self, key, ttl_ms):
        lock = self.connection.lock(key, timeout=ttl_ms / 1000, blocking=False)
        return lock if self.run(lock.acquire()) else None

    def extend(self, lock, ttl_ms):
        try:
            return self.run(lock.extend(ttl_ms / 1000, replace_ttl=True))
        except redis.exceptions.LockNotOwnedError:
            return False

    def release(self, lock):
        try:
            self.run(lock.release())
        except redis.exceptions.LockNotOwnedError:
            return False

    async def disconnect(self):
        await self.connection.aclose()


class Aioredlock(OnLoop):
    distribution = "aioredlock"
    client = "aioredis"
    servers = 5

    def __init__(self, addresses):
        super().__init__(addresses)
        from aioredlock import Aioredlock as Manager

        nodes = [{"host": address.host, "port": address.port} for address in self.addresses]
        self.manager = Manager(nodes, retry_count=2, retry_delay_min=0.01, retry_delay_max=0.02)

    def acquire(self, key, ttl_ms):
        return self.unless_refused(None, lambda: self.manager.lock(key, lock_timeout=ttl_ms / 1000))

    def extend(self, lock, ttl_ms):
        return self.unless_refused(False, lambda: self.manager.extend(lock, lock_timeout=ttl_ms / 1000))

    def release(self, lock):
        return self.unless_refused(False, lambda: self.manager.unlock(lock))

    def unless_refused(self, refusal, call):
        from aioredlock import LockError

        try:
            return self.run(self.with_what_it_leaves_behind(call))
        except LockError:
            return refusal

    async def with_what_it_leaves_behind(self, call):
        """It cleans up after a refusal in tasks for which nobody waits."""
        own = asyncio.current_task()
        try:
            return await call()
        finally:
            await asyncio.gather(*(asyncio.all_tasks() - {own} - self.readers()))

    def readers(self):
        """The tasks that its connections keep."""
        return {task for task in asyncio.all_tasks() if "_read_data" in repr(task.get_coro())}

    async def disconnect(self):
        await self.manager.destroy()


class Cashews(OnLoop):
    distribution = "cashews"
    part = "cache.lock"
    lacks = {"extend": "it has none"}

    def __init__(self, addresses):
        super().__init__(addresses)
        from cashews import Cache

        self.cache = Cache()
        # Otherwise it goes on without a lock when the server fails.
        self.cache.setup(self.url, suppress=False)

    def acquire(self, key, ttl_ms):
        from cashews import LockedError

        lock = contextlib.AsyncExitStack()
        try:
            self.run(lock.enter_async_context(self.cache.lock(key, ttl_ms / 1000, wait=False)))
        except LockedError:
            return None
        return lock

    def release(self, lock):
        self.run(lock.aclose())

    async def disconnect(self):
        await self.cache.close()


#: Which libraries an environment of `scripts/clients` has; those of one name exclude each other.
ENVIRONMENTS = {
    "redis-8": [RedisPy, RedisPyAsyncio, RedlockPy],
    "redis-5": [RedisPy, RedisPyAsyncio],
    "libraries": [Cashews, CelerySingleton, DjangoRedis, Dogpile, Pottery, Redlock, Sherlock, ValkeyPy],
    "libraries-redis-5": [Aioredlock, RedlockNg],
}


def here():
    """The libraries of the environment that this interpreter runs in."""
    return ENVIRONMENTS[Path(sys.prefix).name]
